"""
Opening a lane: fence, read the tables back, decide where to go on.

The order matters.  Only behind the fence is the log complete and final: an older owner's last commit is in it, and it
can add nothing more.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import orjson
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from processor.deck import Deck
from processor.exits import WedgedError
from processor.lane import Lane
from processor.plan import Lane as LaneFacts
from processor.positions import Evidence, Stop, resume
from processor.sources import Source
from processor.store import View

log = logging.getLogger(__name__)


class OvertakenError(Exception):
    """A newer assignment has begun: this one must not fence anybody any more."""


async def open_lane(lane: Lane, current: Callable[[], bool]) -> None:
    """
    Make `lane` ready to resume.

    Args:
        lane: a new lane.
        current: whether the assignment that asks for it is still the newest; checked right before the fence.

    Raises:
        OvertakenError: it is not.
        WedgedError: the partition must not go on by itself.

    """
    started, deck = time.monotonic(), lane.deck
    lane.busy_since = started
    ids = await asyncio.to_thread(deck.topic_ids)
    if not current():
        raise OvertakenError
    await lane.writer.fence()
    highest = await _replay(lane)
    evidence = await _evidence(deck, lane.partition, ids, highest)
    lane.facts = LaneFacts(partition=lane.partition, partitions=deck.partitions, topic_ids=ids)
    lane.committed = {source: known.committed for source, known in evidence.items()}
    lane.next = {source: _position(source, known) for source, known in evidence.items()}
    seconds = time.monotonic() - started
    deck.metrics.recovery.observe(seconds)
    about = {"partition": lane.partition, "seconds": round(seconds, 3)}
    about |= {source.name.lower(): position for source, position in lane.next.items()}
    held = len(lane.view.levels), len(lane.view.lines)
    log.info("partition %d recovered: %d levels, %d lines", lane.partition, *held, extra=about)


def _position(source: Source, known: Evidence) -> int:
    match resume(known):
        case Stop(reason):
            raise WedgedError(f"{source}: {reason}")
        case position:
            return position


async def _replay(lane: Lane) -> dict[str, int]:
    """Read both tables from their topics; return the highest source offset in them, by topic id."""
    deck, partition = lane.deck, lane.partition
    levels, lines = deck.changelogs(partition)
    values = {levels.topic: deck.levels.open(partition), lines.topic: deck.lines.open(partition)}
    tables = {levels.topic: deck.levels, lines.topic: deck.lines}
    highest: dict[str, int] = {}
    async with deck.reader.log((levels, lines)) as shares:
        async for records in shares:
            tables[records[0].topic].apply(partition, ((record.key, record.value) for record in records))
            _raise(highest, [record.value for record in records if record.value is not None])
            deck.metrics.recovered.inc(len(records))
            lane.busy_since = time.monotonic()  # a long recovery is no hang as long as it moves
    lane.view = View(values[levels.topic], values[lines.topic])
    return highest


def _raise(highest: dict[str, int], values: list[bytes]) -> None:
    for value in values:
        for topic_id, offset in orjson.loads(value)["source"].items():
            if offset > highest.get(topic_id, -1):
                highest[topic_id] = offset


async def _evidence(
    deck: Deck, partition: int, ids: Mapping[Source, str], highest: Mapping[str, int]
) -> dict[Source, Evidence]:
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
            committed_id="" if position is None else position.metadata,
            in_state=highest.get(ids[source]),
            start=starts[tp],
            end=ends[tp],
            former=former,
        )

    return {source: known(source, tp) for source, tp in sources.items()}
