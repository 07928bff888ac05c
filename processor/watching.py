"""What a worker looks at beside its work: hangs, lag, topics made anew, an operator's decisions."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from processor.ages import Ages
from processor.app import App
from processor.deck import Deck
from processor.exits import Exit, FatalError
from processor.expiry import Passed
from processor.lane import Lane
from processor.lanes import Lanes
from processor.pulse import Pulse
from processor.revival import revive
from processor.sources import Source
from processor.sweeping import followed, sweep
from processor.transactions import State
from processor.web import Health
from schemas.cluster import ClusterError

log = logging.getLogger(__name__)

STALLED_S = 120.0
"""An assignment, a recovery or a transaction that takes longer ends the worker: it hangs, or the cluster is down."""
WATCH_S = 1.0
LAG_S = 5.0
LOOK_S = 5.0
"""For so long brokers may leave the question for a log's end without an answer."""
IDENTITY_S = 1.0
DECISIONS_S = 2.0


def jobs(app: App, lanes: Lanes, pulse: Pulse) -> tuple[Coroutine[Any, Any, None], ...]:
    """Return what runs beside the work, until the worker ends."""
    beside = _lag(lanes), _followed(lanes), _readers(lanes), _identity(lanes), _decisions(lanes)
    return _watch(app, lanes, pulse), *beside


def health(lanes: Lanes) -> Health:
    """Return how the worker is, and set the gauges that say it too."""
    states = lanes.states
    for state in State:
        lanes.deck.metrics.lanes.labels(state.value).set(states[state.value])
    return Health(progressing=lanes.stuck_s < STALLED_S / 2, ready=lanes.ready, lanes=dict(states), wedged=lanes.wedged)


async def _watch(app: App, lanes: Lanes, pulse: Pulse) -> None:
    """End the worker when something hangs, or when Faust has crashed: a restart recovers, waiting may not."""
    while True:
        pulse.beat()
        await asyncio.sleep(WATCH_S)
        lanes.progress.moved(lanes.positions(), time.monotonic())
        if app.crashed:
            lanes.fail(FatalError(Exit.CRASHED, f"Faust: {app.crash_reason!r}"))
        elif (stuck := lanes.stuck_s) > STALLED_S:
            lanes.fail(FatalError(Exit.STALLED, f"no progress for {stuck:.0f} s: lanes {dict(lanes.states)}"))


async def _lag(lanes: Lanes) -> None:
    """Tell how much waits and for how long, in stopped partitions too, and let old lines go."""
    deck, passed, ages = lanes.deck, Passed(), Ages[TopicPartition]()
    while True:
        await asyncio.sleep(LAG_S)
        mine, standing, now = lanes.positions(), {at.tp: at for at in _standing(lanes.all.values())}, deck.now()
        ends = await _ends(deck, standing | mine)
        if ends or not mine:  # else no broker answers: what waits is what waited
            lanes.progress.note(mine, ends, time.monotonic())
        passed.note(_answered(mine, ends), ends, now)
        await sweep(lanes, passed)
        told = {tp: at for tp, at in standing.items() if tp in ends}
        still = ages.note({tp: (at.position, ends[tp]) for tp, at in told.items()}, time.monotonic())
        deck.metrics.lag.clear()  # a partition that went to another worker is that one's to tell
        deck.metrics.oldest.clear()
        for tp, at in told.items():
            where = at.source.value, tp.partition
            deck.metrics.lag.labels(*where).set(ends[tp] - at.position)
            deck.metrics.oldest.labels(*where).set(max(still[tp], at.waited_s(now)))


async def _followed(lanes: Lanes) -> None:
    """Let old lines go in the partitions that are followed here; their brokers' trouble is not that of the lanes."""
    deck, passed = lanes.deck, Passed()
    while True:
        await asyncio.sleep(LAG_S)
        now = deck.now()
        others = await followed(lanes)
        ends = await _ends(deck, others)
        passed.note(_answered(others, ends), ends, now)
        await sweep(lanes, passed)


async def _ends(deck: Deck, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Return where logs end; those whose brokers do not answer in time are left out, and hide nothing of the others."""
    tps = list(places)
    if not tps:
        return {}
    try:
        return await asyncio.wait_for(deck.reader.ends(tps), LOOK_S)
    except TimeoutError:
        each = [asyncio.wait_for(deck.reader.ends([tp]), LOOK_S) for tp in tps]
    found: dict[TopicPartition, int] = {}
    for answer in await asyncio.gather(*each, return_exceptions=True):
        if isinstance(answer, dict):
            found |= answer
        elif not isinstance(answer, TimeoutError):
            raise answer
    if silent := [f"{tp.topic} {tp.partition}" for tp in tps if tp not in found]:
        log.warning("the ends of these logs cannot be looked up: %s", ", ".join(silent))
    return found


def _answered(positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return the positions in partitions of which both logs' ends are known: half a partition tells nothing."""
    silent = {tp.partition for tp in positions if tp not in ends}
    return {tp: position for tp, position in positions.items() if tp.partition not in silent}


class Standing(NamedTuple):
    """How far a lane has decided one of its sources."""

    lane: Lane
    source: Source
    tp: TopicPartition
    position: int

    def waited_s(self, now: int) -> float:
        """Return for how long the next record has been in the log, where it was read already."""
        at = self.lane.inbox.oldest(self.source)
        return 0.0 if at is None else max(now - at, 0) / 1000


def _standing(lanes: Iterable[Lane]) -> Iterable[Standing]:
    """Return how far open lanes are, and those that have stopped, be it before they opened."""
    for lane in lanes:
        if lane.state in (State.OPEN, State.WEDGED):
            for source, tp in lane.deck.sources(lane.partition).items():
                if source in lane.next:
                    yield Standing(lane, source, tp, lane.next[source])
                elif tp in lane.seen:
                    yield Standing(lane, source, tp, lane.seen[tp].offset)


async def _readers(lanes: Lanes) -> None:
    """Tell for how long an open transaction has kept readers of committed records waiting, in every partition."""
    deck, ages = lanes.deck, Ages[TopicPartition]()
    names = {tp: name for partition in range(deck.partitions) for tp, name in deck.changelogs(partition).items()}
    tps = list(names)
    while True:
        await asyncio.sleep(LAG_S)
        stable, high = await asyncio.gather(deck.reader.ends(tps), deck.reader.highs(tps))
        for tp, age in ages.note({tp: (stable[tp], high[tp]) for tp in tps}, time.monotonic()).items():
            deck.metrics.stable.labels(names[tp], tp.partition).set(age)


async def _identity(lanes: Lanes) -> None:
    """
    Look for source topics that were deleted and made again.

    The consumer goes by names: where the new log is longer already than the old position, it reads on as if nothing had
    happened, and the records before are lost.  Where it is shorter, the lane sees the jump at once.
    """
    while True:
        await asyncio.sleep(IDENTITY_S)
        try:
            lanes.identify(await asyncio.to_thread(lanes.deck.topic_ids))
        except (ClusterError, TimeoutError) as error:
            log.warning("the topics' ids cannot be looked up: %s", error)


async def _decisions(lanes: Lanes) -> None:
    """Look for what an operator has decided about partitions that stopped."""
    while True:
        await asyncio.sleep(DECISIONS_S)
        await revive(lanes)
