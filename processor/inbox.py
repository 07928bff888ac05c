"""
What a lane has been handed and not yet decided: two contiguous queues and the rule which of them goes first.

Stock that was acknowledged before a sale is there for it: orders are taken only up to a *clearance*, that is, orders
that were in the inbox before the end of the adjustments was looked up, and only once the adjustments up to that end
have been taken.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from processor.exits import WedgedError
from processor.sources import Fetched, Share, Source


@dataclass(frozen=True, slots=True)
class Clearance:
    """Orders below offset `orders` may be decided once the adjustments below offset `adjustments` are."""

    orders: int
    adjustments: int


@dataclass(frozen=True, slots=True)
class Item:
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

    def accept(self, share: Share) -> None:
        """Append a share; raises `WedgedError` when it is not what comes next."""
        queue, expected = self._queues[share.source], self._next[share.source]
        for record in share.records:
            if record.offset != expected:
                raise WedgedError(f"{share.source}: offset {expected} should come next, {record.offset} came")
            expected += 1
        queue.extend(share.records)
        self._next[share.source] = expected

    def waiting(self, source: Source) -> int:
        """How many records of the source wait."""
        return len(self._queues[source])

    def seen(self, source: Source) -> int:
        """The offset after the last record that was handed in."""
        return self._next[source]

    @property
    def needs_clearance(self) -> bool:
        """Whether orders wait that no clearance covers."""
        cleared = self.clearance.orders if self.clearance else self._taken[Source.ORDERS]
        return self.waiting(Source.ORDERS) > 0 and self._taken[Source.ORDERS] >= cleared

    def take(self, limit: int) -> list[Item]:
        """Remove and return at most `limit` records in the order in which they are to be decided; it may be empty."""
        items = [Item(Source.ADJUSTMENTS, record) for record in self._pop(Source.ADJUSTMENTS, limit)]
        clearance = self.clearance
        if clearance is None or self._taken[Source.ADJUSTMENTS] < clearance.adjustments:
            return items
        cleared = max(clearance.orders - self._taken[Source.ORDERS], 0)
        orders = self._pop(Source.ORDERS, min(limit - len(items), cleared))
        return items + [Item(Source.ORDERS, record) for record in orders]

    def _pop(self, source: Source, limit: int) -> list[Fetched]:
        queue = self._queues[source]
        taken = [queue.popleft() for _ in range(min(limit, len(queue)))]
        self._taken[source] += len(taken)
        self._reserved[source] -= len(taken)
        return taken

    def positions(self) -> dict[Source, int]:
        """Return, per source, the offset after the last record that was taken."""
        return dict(self._taken)
