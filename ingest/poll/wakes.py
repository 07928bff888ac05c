"""
What webhooks named and the poller has not read yet, and up to where all of it has been read.  Pure.

`ingest.wake` is one log for all channels.  `woken` is the offset below which every order that was named has been read
and acknowledged: a poller that is killed goes on from there, and reads some orders twice.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

SOME_MAX = 20
"""Orders that are asked for at once."""
PENDING_MAX = 10_000
"""Orders that wait to be read; beyond that the rest stays in Kafka."""
AGAIN_MS = (5_000, 30_000, 120_000)
"""When an order that its channel does not show yet is asked for again; after the last time it is given up."""
_NAME = re.compile(r"[!-~]{1,100}")


@dataclass(slots=True)
class _Named:
    """An order to be read: the wakes from `first` to `last` named it; `alone`: in company it could not be read."""

    first: int
    last: int
    ready_at: int
    tries: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Orders to be asked for together; what was named at `upto` or later was not known yet."""

    orders: tuple[str, ...]
    upto: int


class Wakes:
    """One channel's wakes."""

    def __init__(self, woken: int) -> None:
        """Begin at the offset from which on the log has to be read."""
        self.position = woken
        self._named: dict[str, _Named] = {}
        self._search: _Named | None = None

    def __len__(self) -> int:
        return len(self._named)

    @property
    def woken(self) -> int:
        """Return the offset below which everything that was named has been read."""
        firsts = [named.first for named in self._named.values()]
        return min([self.position, *firsts, *([self._search.first] if self._search else [])])

    @property
    def unnamed(self) -> bool:
        """Say whether a webhook told that something changed and did not say which order."""
        return self._search is not None

    def take(self, found: Iterable[tuple[int, str]], position: int, now: int) -> None:
        """
        Take up what the log holds.

        Args:
            found: this channel's wakes as (offset, order), "" for an unnamed one, in the log's order.
            position: up to where the log was read, exclusive.
            now: milliseconds.

        """
        if position < self.position:
            self._renumber()
        for offset, order in found:
            if not order or not _NAME.fullmatch(order):
                self._search = self._search or _Named(offset, offset, now)
                self._search.last = offset
                continue
            named = self._named.setdefault(order, _Named(offset, offset, now))
            named.last, named.ready_at, named.tries = offset, min(named.ready_at, now), 0
        self.position = position

    def _renumber(self) -> None:
        """Begin to count anew: the log was made anew, and what waits to be read stands before all of it."""
        for named in (*self._named.values(), *([self._search] if self._search else [])):
            named.first = named.last = 0

    def due(self, now: int, most: int = SOME_MAX) -> Batch | None:
        """Return the orders to ask for now, oldest wake first and at most so many; None where there are none."""
        ready = [order for order, named in self._named.items() if named.ready_at <= now]
        if not ready:
            return None
        some = [order for order in ready if not self._named[order].alone][: min(most, SOME_MAX)] or ready[:1]
        return Batch(orders=tuple(some), upto=self.position)

    def next_at(self) -> int | None:
        """Return when the next order is to be asked for, None where none is."""
        return min((named.ready_at for named in self._named.values()), default=None)

    def done(self, batch: Batch, shown: Iterable[str], now: int) -> list[str]:
        """Note that a batch was read and is in Kafka; returns the orders given up, which the channel never showed."""
        seen, lost = {*shown}, list[str]()
        for order in batch.orders:
            named = self._named[order]
            if order not in seen and named.tries < len(AGAIN_MS):
                named.ready_at, named.tries = now + AGAIN_MS[named.tries], named.tries + 1
                continue
            if order not in seen:
                lost.append(order)
            self._read(order, batch.upto, now)
        return lost

    def failed(self, batch: Batch, now: int) -> list[str]:
        """
        Note that the channel answered nothing usable for a batch, while it answers other questions.

        Its orders are asked for one by one, so that one of them does not hold up the others; returns the one that is
        given up.
        """
        left = [named for order in batch.orders if (named := self._named.get(order)) is not None]
        if len(batch.orders) == 1 and any(named.alone for named in left):
            return self.done(batch, (), now)
        for named in left:
            named.alone = True
        return []

    def later(self, batch: Batch, now: int) -> None:
        """Let a batch wait: the channel does not answer."""
        for order in batch.orders:
            self._named[order].ready_at = now + AGAIN_MS[0]

    def searched(self, upto: int) -> None:
        """Note that everything that changed was read, by a search that began when the log was known up to `upto`."""
        if self._search is not None:
            self._search = None if self._search.last < upto else _Named(upto, self._search.last, 0)

    def _read(self, order: str, upto: int, now: int) -> None:
        named = self._named.pop(order)
        if named.last >= upto:
            self._named[order] = _Named(upto, named.last, now, alone=named.alone)
