"""
The order of work: the nearest oversell first, nobody waits for ever.  Pure.

A SKU stands in the queue once; offering it again replaces its place (coalescing).  Its urgency is its danger times the
square of the time it has waited: what is told again and again is then told in turns, the dangerous more often (it is
what keeps the sum of weighted ages least).  Below the danger of a hot SKU the wait counts no longer than `PATIENCE_MS`:
who differs in one number is in no more danger for waiting, and who waits for too long takes turns with the others
(`publishers.turns`).

Dangers are rounded to powers of two, and those of one class are served by age: a class is a line, and the next SKU is
the first of one of few lines.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from publishers.turns import PATIENCE_MS, Turns
from publishers.urgency import HOT

HEAD_START_MS = 1_000
"""What is added to every wait: who comes in just now is served at its danger, and not last."""
LOOK = 1_000
"""How many places are looked at for one batch: bounds the work when the rows of a call must belong together."""
MATES = 200
"""The same where mates are looked for: they stand in the line of the SKU that they go with, or before all others."""
HOT_LINE = HOT.bit_length()

Accept = Callable[[str], bool]
Taken = list[tuple[str, int]]
"""SKUs, each with since when it has waited."""


class Place(NamedTuple):
    """
    Where a SKU stands: since when it waits, its ticket, its line, from when on it may be told, its group.

    One object is the entry and its place in every heap: a place in a heap that is no more the SKU's entry is void.
    """

    since: int
    ticket: int
    sku: str
    line: int
    due: int
    group: str


class WorkQueue:
    """The SKUs that differ, in the order in which they are told."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[str, Place] = {}
        self._lines: dict[int, list[Place]] = {}
        self._by_age: list[Place] = []
        self._later: list[tuple[int, Place]] = []
        self._asleep: list[Place] = []
        self._due_in: Counter[int] = Counter()
        self._groups: dict[str, set[str]] = {}
        self._now = 0
        self._ticket = 0
        self._places = 0
        self._turns = Turns()
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
        place = Place(since, self._ticket, sku, danger.bit_length(), due, group)
        self._entries[sku] = place
        if group:
            self._groups.setdefault(group, set()).add(sku)
        if due <= self._now:
            self._line_up(place)
        else:
            heapq.heappush(self._later, (due, place))
            heapq.heappush(self._asleep, place)
            self._places += 2
        if self._places > 4 * (len(self._entries) + LOOK):
            self._compact()

    def _line_up(self, place: Place) -> None:
        heapq.heappush(self._lines.setdefault(place.line, []), place)
        heapq.heappush(self._by_age, place)
        self._due_in[place.line] += 1
        self._places += 2

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
        while self._asleep and (self._asleep[0].due <= self._now or not self._valid(self._asleep[0])):
            heapq.heappop(self._asleep)
            self._places -= 1
        heads = [heap[0].since for heap in (self._by_age, self._asleep) if self._first(heap) is not None]
        return min(heads, default=None)

    def due_at(self, now: int) -> int | None:
        """Return the earliest time at which a SKU may be told: `now` when one may be, None when none waits."""
        self._wake(now)
        if self._first(self._by_age) is not None:
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
        if not group:
            return self._mates(now, limit, accept)
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

    def _mates(self, now: int, limit: int, accept: Accept) -> Taken:
        beside = self._served
        chosen = self._take(limit, accept, lambda: self._standing().get(beside), MATES)
        if len(chosen) < limit:
            chosen += self._take(limit - len(chosen), accept, lambda: self._urgent(now), MATES)
        self._served = beside
        return chosen

    def take_calm(self, now: int, limit: int, accept: Accept) -> Taken:
        """Take out up to `limit` due SKUs that `accept` lets through, the least dangerous first."""
        self._wake(now)
        return self._take(limit, accept, self._calmest, LOOK)

    def _take(self, limit: int, accept: Accept, source: Callable[[], list[Place] | None], look: int) -> Taken:
        chosen: Taken = []
        passed: list[tuple[bool, Place]] = []
        while len(chosen) < limit and len(passed) < look and (heap := source()) is not None:
            place = heapq.heappop(heap)
            if accept(place.sku):
                self._places -= 1
                self._served = place.line
                self._drop(place)
                chosen.append((place.sku, place.since))
            else:
                passed.append((heap is self._by_age, place))
        for by_age, place in passed:
            heapq.heappush(self._by_age if by_age else self._lines.setdefault(place.line, []), place)
        return chosen

    def _next(self, now: int) -> list[Place] | None:
        """Return the heap whose first place is served next: the most urgent line, or in their turns the overdue."""
        urgent, oldest = self._urgent(now), self._first(self._by_age)
        aged = self._turns.aged(urgent[0].since if urgent else None, oldest.since if oldest else None, now)
        return self._by_age if aged else urgent

    def _urgent(self, now: int) -> list[Place] | None:
        """Return the line whose first place has the greatest product of danger and squared wait."""

        def urgency(line: int) -> tuple[int, int]:
            wait = max(0, now - self._lines[line][0].since)
            wait = (wait if line >= HOT_LINE else min(wait, PATIENCE_MS)) + HEAD_START_MS
            return wait * wait << line, line

        line = max(self._standing(), key=urgency, default=None)
        return None if line is None else self._lines[line]

    def _calmest(self) -> list[Place] | None:
        line = min(self._standing(), default=None)
        return None if line is None else self._lines[line]

    def _standing(self) -> dict[int, list[Place]]:
        """Return the lines in which somebody stands; lines that have run out are closed."""
        ended = [line for line, heap in self._lines.items() if self._first(heap) is None]
        for line in ended:
            del self._lines[line]
        return self._lines

    def _wake(self, now: int) -> None:
        self._now = max(self._now, now)
        while self._later and (self._later[0][0] <= self._now or not self._valid(self._later[0][1])):
            _, place = heapq.heappop(self._later)
            self._places -= 1
            if self._valid(place):
                self._line_up(place)

    def _first(self, heap: list[Place]) -> Place | None:
        """Return the first place that is still valid; void ones before it are dropped."""
        while heap and not self._valid(heap[0]):
            heapq.heappop(heap)
            self._places -= 1
        return heap[0] if heap else None

    def _valid(self, place: Place) -> bool:
        return self._entries.get(place.sku) is place

    def _compact(self) -> None:
        for heap in (*self._lines.values(), self._by_age, self._asleep):
            heap[:] = [place for place in heap if self._valid(place)]
            heapq.heapify(heap)
        self._later = [(due, place) for due, place in self._later if self._valid(place)]
        heapq.heapify(self._later)
        standing = sum(map(len, self._lines.values()))
        self._places = standing + len(self._by_age) + len(self._asleep) + len(self._later)
