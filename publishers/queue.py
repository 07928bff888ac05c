"""
The order of work: the nearest oversell first, nobody waits for ever.  Pure.

A SKU stands in the queue once; offering it again replaces its place (coalescing).  It stands in the line of its danger
(`publishers.lines`), and who waits for too long takes turns with the more dangerous (`publishers.turns`).
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator

from publishers.lines import HOT_LINE, Heap, Lines, Place, compact, first
from publishers.turns import Turns

LOOK = 1_000
"""How many places are looked at for one batch: bounds the work when the rows of a call must belong together."""
MATES = 200
"""The same where mates are looked for: they stand in the line of the SKU that they go with, or before all others."""

Accept = Callable[[str], bool]
Taken = list[tuple[str, int]]
"""SKUs, each with since when it has waited."""


class WorkQueue:
    """The SKUs that differ, in the order in which they are told."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[str, Place] = {}
        self._lines = Lines(self._valid)
        self._by_age: Heap = []
        self._later: list[tuple[int, Place]] = []
        self._asleep: Heap = []
        self._due_in: Counter[int] = Counter()
        self._groups: dict[str, set[str]] = {}
        self._turns = Turns()
        self._now = 0
        self._ticket = 0
        self._served = 0

    def __len__(self) -> int:
        """Return how many SKUs wait, those with a later due time included."""
        return len(self._entries)

    def __contains__(self, sku: str) -> bool:
        """Return whether the SKU waits."""
        return sku in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the SKUs that wait, in no useful order."""
        return iter(self._entries)

    def _valid(self, place: Place) -> bool:
        return self._entries.get(place.sku) is place

    def offer(self, sku: str, danger: int, since: int, due: int = 0, group: str = "") -> None:
        """
        Put a SKU in.

        Args:
            sku: one that is in already comes no later for being offered again.
            danger: how urgent it is (`publishers.urgency.danger`).
            since: when it first differed, in ms.
            due: from when on it may be told, in ms.
            group: which SKUs it may share a call with (`mates`), where not all may.

        """
        old = self._entries.get(sku)
        if old is not None:
            due = min(due, old.due)
            if (old.since, old.line, old.due, old.group) == (since, danger.bit_length(), due, group):
                return
            self._drop(old)
        self._ticket += 1
        self._enter(Place(since, self._ticket, sku, danger.bit_length(), due, group))
        if self._ticket % LOOK == 0:
            self._compact()

    def _enter(self, place: Place) -> None:
        self._entries[place.sku] = place
        if place.group:
            self._groups.setdefault(place.group, set()).add(place.sku)
        if place.due <= self._now:
            self._line_up(place)
        else:
            heapq.heappush(self._later, (place.due, place))
            heapq.heappush(self._asleep, place)

    def _line_up(self, place: Place) -> None:
        self._lines.push(place)
        heapq.heappush(self._by_age, place)
        self._due_in[place.line] += 1

    def discard(self, sku: str) -> None:
        """Take a SKU out; nothing happens when it is not in."""
        if (place := self._entries.get(sku)) is not None:
            self._drop(place)

    def _drop(self, place: Place) -> None:
        del self._entries[place.sku]
        if place.due <= self._now:
            self._due_in[place.line] -= 1
        if place.group:
            mates = self._groups[place.group]
            mates.discard(place.sku)
            if not mates:
                del self._groups[place.group]

    def since(self, sku: str) -> int | None:
        """Return since when the SKU waits, None when it does not."""
        entry = self._entries.get(sku)
        return entry.since if entry else None

    def oldest(self) -> int | None:
        """Return since when the SKU that waits longest has waited, None when none waits."""
        asleep = first(self._asleep, lambda place: place.due > self._now and self._valid(place))
        heads = (asleep, first(self._by_age, self._valid))
        return min((place.since for place in heads if place is not None), default=None)

    def late(self, now: int) -> tuple[int | None, int | None]:
        """Return the same for those that may be told by now: of the hot ones, and of all."""
        self._wake(now)
        oldest = first(self._by_age, self._valid)
        return self._lines.hot(), None if oldest is None else oldest.since

    def due_at(self, now: int) -> int | None:
        """Return the earliest time at which a SKU may be told: `now` when one may be, None when none waits."""
        self._wake(now)
        if first(self._by_age, self._valid) is not None:
            return now
        return self._later[0][0] if self._later else None

    def count(self, now: int, below: int | None = None) -> int:
        """Return how many SKUs may be told now; with `below`, those in the classes of less danger than that."""
        self._wake(now)
        lines = self._due_in.items()
        return sum(many for line, many in lines if below is None or line < below.bit_length())

    def take(self, now: int, limit: int, accept: Accept) -> Taken:
        """
        Take out up to `limit` due SKUs that `accept` lets through, the most urgent first; the others keep their places.

        Each comes with since when it has waited.  At most `LOOK` SKUs that are not accepted are looked at.
        """
        self._wake(now)
        return self._take(limit, accept, lambda: self._next(now), LOOK)

    def mates(self, now: int, limit: int, accept: Accept, group: str = "") -> Taken:
        """
        Take out what goes with the SKU that was taken last: of its line, then the most urgent, and in nobody's turn.

        With a group all of it are looked at, wherever they stand, and nobody else.
        """
        self._wake(now)
        if group:
            return self._of_group(limit, accept, group)
        beside = self._served
        chosen = self._take(limit, accept, lambda: self._lines.line(beside), MATES)
        if len(chosen) < limit:
            chosen += self._take(limit - len(chosen), accept, lambda: self._lines.urgent(now), MATES)
        self._served = beside
        return chosen

    def _of_group(self, limit: int, accept: Accept, group: str) -> Taken:
        found = [self._entries[sku] for sku in self._groups.get(group, ())]
        found = sorted((place for place in found if place.due <= self._now), key=lambda place: (-place.line, place))
        chosen: Taken = []
        for place in found:
            if len(chosen) >= limit:
                break
            if accept(place.sku):
                self._drop(place)
                chosen.append((place.sku, place.since))
        return chosen

    def take_calm(self, now: int, limit: int, accept: Accept) -> Taken:
        """Take out up to `limit` due SKUs that `accept` lets through, the least dangerous first."""
        self._wake(now)
        return self._take(limit, accept, self._lines.calm, LOOK)

    def _take(self, limit: int, accept: Accept, source: Callable[[], Heap | None], look: int) -> Taken:
        chosen: Taken = []
        passed: list[tuple[bool, Place]] = []
        while len(chosen) < limit and len(passed) < look and (heap := source()) is not None:
            place = heapq.heappop(heap)
            if accept(place.sku):
                self._served = place.line
                self._drop(place)
                chosen.append((place.sku, place.since))
            else:
                passed.append((heap is self._by_age, place))
        for by_age, place in passed:
            if by_age:
                heapq.heappush(self._by_age, place)
            else:
                self._lines.push(place)
        return chosen

    def _next(self, now: int) -> Heap | None:
        """Return the heap whose first place is served next: the most urgent line, or in their turns the overdue."""
        urgent, oldest = self._lines.urgent(now), first(self._by_age, self._valid)
        hot = urgent is not None and urgent[0].line >= HOT_LINE
        aged = self._turns.aged(oldest.since if oldest else None, now, hot=hot)
        return self._by_age if aged else urgent

    def _wake(self, now: int) -> None:
        """Let those line up whose time has come; the first of the others is valid then."""
        self._now = max(self._now, now)
        while self._later and (self._later[0][0] <= self._now or not self._valid(self._later[0][1])):
            _, place = heapq.heappop(self._later)
            if self._valid(place):
                self._line_up(place)

    def _compact(self) -> None:
        """Drop the void places when there are more of them than SKUs: each valid one stands in three heaps at most."""
        if self.places() <= 4 * len(self._entries) + LOOK:
            return
        self._lines.compact()
        for heap in (self._by_age, self._asleep):
            compact(heap, self._valid)
        self._later = [(due, place) for due, place in self._later if self._valid(place)]
        heapq.heapify(self._later)

    def places(self) -> int:
        """Return how many places are kept, void ones included."""
        return len(self._lines) + len(self._by_age) + len(self._asleep) + len(self._later)
