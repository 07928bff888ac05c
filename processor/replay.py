"""
The changelogs read back into a store: by a lane that opens, and by a standby that follows (pure).

A kept store is read on from its reach, never taken for more.  That is sound because every row is its key's whole
state: reading some of them twice, or an older one before a newer, ends in the same tables once the log's end is
reached.  Deletion and compaction below the reach leave nothing behind in a kept store that the log has not: lines go
by their own age (`sweep`), as the topic's retention takes them, and no row is ever deleted otherwise, because the
processor, the only writer, writes no null.  Where retention has passed the reach itself, the store is not used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from processor import tails
from processor.exits import WedgedError
from processor.store import Change, Reach
from schemas.topics import ORDER_OUTCOME

GRAINS = 64
"""Into how many parts a horizon is divided: lines that were decided in one part of it grow old together."""


class Row(Protocol):
    """What is read of a changelog's record (aiokafka's `ConsumerRecord` has it)."""

    @property
    def offset(self) -> int:
        """Where it stands."""

    @property
    def timestamp(self) -> int:
        """When the broker appended it, ms."""

    @property
    def key(self) -> bytes:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """The row, None where it is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """The dedupe horizon (ms), and the time (ms) before which lines are forgotten; those are not taken over at all."""

    horizon_ms: int
    before: int = 0


def changes(topic: str, rows: Sequence[Row], ageing: Ageing) -> Iterator[Change]:
    """Return what a share of a changelog brings, in its order; raises `WedgedError` for what is no row of ours."""
    reach = Reach(read={topic: rows[-1].offset + 1}, highest=highest(rows))
    if topic != ORDER_OUTCOME:
        yield Change(levels={row.key: row.value for row in rows}, lines={}, at=0, reach=reach)
        return
    grain = max(ageing.horizon_ms // GRAINS, 1)
    young = [row for row in rows if row.timestamp >= ageing.before]
    for _, together in groupby(young, key=lambda row: row.timestamp // grain):
        group = list(together)
        yield Change(
            levels={},
            lines={row.key: row.value for row in group},
            at=max(row.timestamp for row in group),
            reach=Reach(read={topic: group[-1].offset + 1}),
        )
    yield Change(levels={}, lines={}, at=0, reach=reach)


def highest(rows: Sequence[Row]) -> dict[str, int]:
    """Return the highest source offset in rows, by topic id; raises `WedgedError` for what is no row of ours."""
    found: dict[str, int] = {}
    try:
        for row in rows:
            if row.value is not None:
                for topic_id, offset in tails.source(row.value).items():
                    if offset > found.get(topic_id, -1):
                        found[topic_id] = offset
    except tails.UNREADABLE as error:
        raise WedgedError(f"a row of the tables' topics cannot be read: {error!r}") from error
    return found


@dataclass(frozen=True, slots=True)
class Unusable:
    """The store cannot be read on: the log has lost what follows the store's reach."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The log is shorter than it was: what stood there was committed, and it is lost."""

    reason: str


def resume(reach: Reach, starts: Mapping[str, int], ends: Mapping[str, int]) -> Mapping[str, int] | Unusable | Ahead:
    """
    Return where to read each changelog on, or why it cannot be.

    Args:
        reach: the store's.
        starts: by topic, the first offset that the log has.
        ends: by topic, the offset after its last committed record.

    """
    positions = {topic: reach.read.get(topic, start) for topic, start in starts.items()}
    for topic, position in positions.items():
        if position > ends[topic]:
            return Ahead(
                f"{topic} ends at {ends[topic]}, but the kept tables have it up to {position}: it was cut, and "
                "decisions are lost; to go on with what is left, stop the worker, remove the partition's folder "
                "below its state_dir (tables in memory have none), and start it"
            )
    if any(position < starts[topic] for topic, position in positions.items()):
        return Unusable()
    return positions
