"""
Opening a lane: fence, read the tables back, decide where to go on.

The order matters.  Only behind the fence is the log complete and final: an older owner's last commit is in it, and it
can add nothing more.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from processor import marks
from processor.deck import Deck
from processor.exits import Exit, FatalError, WedgedError
from processor.expiry import cutoff
from processor.lane import Lane
from processor.plan import Lane as LaneFacts
from processor.positions import Behind, Evidence, Stop, carried, resume
from processor.recovery import AheadError, open_store, recover
from processor.sources import Source
from processor.store import StoreError, View
from schemas.cluster import ClusterError

log = logging.getLogger(__name__)


OPEN_S = 60.0
"""How long brokers may leave an opening without an answer, or with one that says to come again."""
OPEN_AGAIN_S = 0.5
BEHIND_S = 12.0
"""
How long a log that ends too soon is asked for again.  A broker that was silent for so long that it was replaced answers
as the leader that it was until it hears of it; longer than its clients' knowledge of leaders lasts, it cannot.
"""


class OvertakenError(Exception):
    """A newer assignment has begun: this one must not fence anybody any more."""


async def keep_opening(lane: Lane, current: Callable[[], bool], slots: asyncio.Semaphore) -> None:
    """
    Do what `open_lane` does, again where brokers are in trouble; the worker's other partitions do not notice.

    Each try takes one of `slots`.  Raises what `open_lane` raises (`AheadError` only after `BEHIND_S`), and
    `FatalError` when tries took `OPEN_S` in all.
    """
    tried_s = 0.0
    while True:
        try:
            async with slots:
                began = time.monotonic()
                return await open_lane(lane, current)
        except (ProducerFenced, IllegalStateError):
            raise
        except (ClusterError, KafkaError, TimeoutError, AheadError) as error:
            lane.busy_since = time.monotonic()
            tried_s += lane.busy_since - began + OPEN_AGAIN_S
            _check_patience(lane.partition, error, tried_s)
            log.warning("partition %d does not open yet: %r", lane.partition, error)
        await asyncio.sleep(OPEN_AGAIN_S)
        lane.busy_since = None  # it may wait for others' reading now


def _check_patience(partition: int, error: Exception, tried_s: float) -> None:
    """Raise what ends the tries once they have taken too long."""
    if isinstance(error, AheadError):
        if tried_s > BEHIND_S:
            raise error
    elif tried_s > OPEN_S:
        raise FatalError(Exit.CLUSTER, f"partition {partition} does not open: {error!r}") from error


async def open_lane(lane: Lane, current: Callable[[], bool]) -> None:
    """
    Make `lane` ready to resume.

    Args:
        lane: a new lane.
        current: whether the assignment that asks for it is still the newest; checked right before the fence.

    Raises:
        OvertakenError: it is not.
        AheadError: the log, as it is told, ends before what was committed.
        WedgedError: the partition must not go on by itself.
        FatalError: its tables cannot be kept.

    """
    started, deck = time.monotonic(), lane.deck
    lane.busy_since = started
    ids = await asyncio.to_thread(deck.topic_ids)
    if not current():
        raise OvertakenError
    await lane.writer.fence()
    # Before anything can stop the lane: what an operator writes later is told by its difference from this.
    lane.seen = await deck.reader.committed(list(deck.sources(lane.partition).values()))
    highest = await _tables(lane)
    evidence, lane.seen = await gather(deck, lane.partition, ids, highest)
    lane.facts = LaneFacts(partition=lane.partition, partitions=deck.partitions, topic_ids=ids)
    lane.committed = {source: known.committed for source, known in evidence.items()}
    lane.marks = {source: carried(known) for source, known in evidence.items()}
    lane.next = {source: _position(source, known) for source, known in evidence.items()}
    seconds = time.monotonic() - started
    deck.metrics.recovery.observe(seconds)
    about = {"partition": lane.partition, "seconds": round(seconds, 3)}
    about |= {source.name.lower(): position for source, position in lane.next.items()}
    held = len(lane.view.levels), len(lane.view.lines)
    log.info("partition %d recovered: %d levels, %d lines", lane.partition, *held, extra=about)


def _position(source: Source, known: Evidence) -> int:
    match resume(known):
        case Behind(reason):
            raise AheadError(f"{source}: {reason}")
        case Stop(reason):
            raise WedgedError(f"{source}: {reason}")
        case position:
            return position


async def _tables(lane: Lane) -> Mapping[str, int]:
    """Give the lane its tables as the log has them; return the highest source offset in them, by topic id."""
    deck = lane.deck

    def moved(count: int) -> None:
        deck.metrics.recovered.inc(count)
        lane.busy_since = time.monotonic()  # a long recovery is no hang as long as it moves

    try:
        if lane.view.store.ids != (ids := await asyncio.to_thread(deck.table_ids)):
            if (stale := lane.shed()) is not None:
                stale.close()
            lane.view = View(await open_store(deck, lane.partition, ids))
        store = lane.view.store
        await recover(deck, lane.partition, store, await _oldest(lane), moved)
    except StoreError as error:
        raise FatalError(Exit.STATE, f"partition {lane.partition}: its tables cannot be kept: {error}") from error
    return store.reach.highest


async def _oldest(lane: Lane) -> int:
    """Return the time (ms) before which lines need not be read: that of now, if nothing waits to be decided."""
    deck, now, seen = lane.deck, lane.deck.now(), lane.seen
    ends = await deck.reader.ends(list(deck.sources(lane.partition).values()))
    caught_up = all(tp in seen and seen[tp].offset >= end for tp, end in ends.items())
    return cutoff(now, deck.settings.horizon_ms) if caught_up else 0


async def gather(
    deck: Deck, partition: int, ids: Mapping[Source, str], highest: Mapping[str, int]
) -> tuple[dict[Source, Evidence], dict[TopicPartition, OffsetAndMetadata]]:
    """
    Look up what is known of a lane's two source partitions, given the highest source offsets in its tables.

    Returns the evidence, and the group's positions as they stood.
    """
    sources = deck.sources(partition)
    tps = list(sources.values())
    reader = deck.reader
    former = tuple(sorted(highest.keys() - set(ids.values())))
    committed, starts, ends = await asyncio.gather(reader.committed(tps), reader.starts(tps), reader.ends(tps))

    def known(source: Source, tp: TopicPartition) -> Evidence:
        position: OffsetAndMetadata | None = committed.get(tp)
        return Evidence(
            topic_id=ids[source],
            committed=None if position is None else position.offset,
            mark=marks.read("" if position is None else position.metadata),
            in_state=highest.get(ids[source]),
            start=starts[tp],
            end=ends[tp],
            former=former,
        )

    return {source: known(source, tp) for source, tp in sources.items()}, committed
