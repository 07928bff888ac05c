"""
What a lane has been handed and not yet decided: two contiguous queues and the rule which of them goes first.

Stock that was acknowledged before a sale is there for it: orders are taken only up to a *clearance*, that is, orders
that were in the inbox before the end of the adjustments was looked up, and only once the adjustments up to that end
have been taken.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from processor.exits import WedgedError
from processor.gap import Gap
from processor.sources import Fetched, Share, Source


@dataclass(frozen=True, slots=True)
class Clearance:
    """Orders below offset `orders` may be decided once the adjustments below offset `adjustments` are."""

    orders: int
    adjustments: int


class Item(NamedTuple):
    """One record to decide."""

    source: Source
    record: Fetched


class Inbox:
    """
    A lane's queues.

    `room` tells the fetcher whether to go on for a source: the bound counts what was reserved, so records that are
    still on their way through the framework's queues are in it.
    """

    def __init__(self, limit: int) -> None:
        """Stop fetching a source when `limit` of its records wait."""
        self._limit = limit
        self._queues: dict[Source, deque[Fetched]] = {source: deque() for source in Source}
        self._reserved: dict[Source, int] = dict.fromkeys(Source, 0)
        self._next: dict[Source, int] = dict.fromkeys(Source, 0)
        self._taken: dict[Source, int] = dict.fromkeys(Source, 0)
        self.clearance: Clearance | None = None

    def reset(self, positions: Mapping[Source, int]) -> None:
        """Forget everything and expect the records from `positions` on."""
        for source, position in positions.items():
            self._queues[source].clear()
            self._reserved[source] = 0
            self._next[source] = self._taken[source] = position
        self.clearance = None

    def room(self, source: Source) -> bool:
        """Whether more records of this source may be fetched."""
        return self._reserved[source] < self._limit

    def reserve(self, source: Source, count: int) -> None:
        """Count records that are on their way."""
        self._reserved[source] += count

    def gaps(self, share: Share) -> list[Gap]:
        """Return what a share leaves out of what comes next; raises `WedgedError` for one that steps back."""
        found, expected, records = [], self._next[share.source], share.records
        if records and (records[0].offset, records[-1].offset) == (expected, expected + len(records) - 1):
            records, expected = (), expected + len(records)  # whole: offsets rise
        for record in records:
            if record.offset != expected:
                found.append(_gap(share.source, expected, record.offset))
            expected = record.offset + 1
        if share.upto is not None and share.upto != expected:
            found.append(_gap(share.source, expected, share.upto))
        return found

    def accept(self, share: Share, *, explained: bool = False) -> None:
        """Append a share; raises `WedgedError` when it is not what comes next, unless its gaps were `explained`."""
        gaps = self.gaps(share)
        if gaps and not explained:
            gap = gaps[0]
            raise WedgedError(f"{share.source}: offset {gap.start} should come next, {gap.end} came")
        source, expected = share.source, self._next[share.source] + len(share.records)
        expected += sum(gap.end - gap.start for gap in gaps)
        queue = self._queues[source]
        queue.extend(share.records)
        self._next[source] = expected
        if not queue:
            self._taken[source] = expected

    def waiting(self, source: Source) -> int:
        """How many records of the source wait."""
        return len(self._queues[source])

    def oldest(self, source: Source) -> int | None:
        """When the next record of the source was appended to its log, ms; None where none waits."""
        queue = self._queues[source]
        return getattr(queue[0], "timestamp", None) if queue else None

    def seen(self, source: Source) -> int:
        """The offset after the last record that was handed in."""
        return self._next[source]

    @property
    def needs_clearance(self) -> bool:
        """Whether orders wait that no clearance covers."""
        queue, clearance = self._queues[Source.ORDERS], self.clearance
        return bool(queue) and (clearance is None or queue[0].offset >= clearance.orders)

    def take(self, limit: int) -> list[Item]:
        """Remove and return at most `limit` records in the order in which they are to be decided; it may be empty."""
        items = [Item(Source.ADJUSTMENTS, record) for record in self._pop(Source.ADJUSTMENTS, limit)]
        clearance = self.clearance
        if clearance is None or self._taken[Source.ADJUSTMENTS] < clearance.adjustments:
            return items
        orders = self._pop(Source.ORDERS, limit - len(items), clearance.orders)
        return items + [Item(Source.ORDERS, record) for record in orders]

    def _pop(self, source: Source, limit: int, below: int | None = None) -> list[Fetched]:
        queue = self._queues[source]
        taken: list[Fetched] = []
        while queue and len(taken) < limit and (below is None or queue[0].offset < below):
            taken.append(queue.popleft())
        if taken:
            # Behind the last record that was handed in may stand markers, which nobody takes.
            self._taken[source] = taken[-1].offset + 1 if queue else self._next[source]
            self._reserved[source] -= len(taken)
        return taken

    def positions(self) -> dict[Source, int]:
        """Return, per source, the offset after the last record that was taken, and after markers that follow it."""
        return dict(self._taken)


def _gap(source: Source, expected: int, came: int) -> Gap:
    if came < expected:
        raise WedgedError(f"{source}: offset {expected} should come next, {came} came")
    return Gap(expected, came)
