"""
Lines of SKUs by danger, each by age: which one is served next.  Pure.

Dangers are rounded to powers of two; the SKUs of one class stand in one line, the one that has waited longest first.
So the next SKU of all is the first of one of few lines.
"""

import heapq
from collections.abc import Callable
from typing import NamedTuple

from publishers.turns import PATIENCE_MS
from publishers.urgency import HOT

HEAD_START_MS = 1_000
"""What is added to every wait: who comes in just now is served at its danger, and not last."""
HOT_PATIENCE_MS = 8_000
"""How long a hot SKU stands back behind more dangerous ones."""
HOT_LINE = HOT.bit_length()


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


Heap = list[Place]


class Lines:
    """The lines in which somebody stands."""

    def __init__(self, valid: Callable[[Place], bool]) -> None:
        """Start with none; `valid` says whether a place is still its SKU's."""
        self._lines: dict[int, Heap] = {}
        self._valid = valid

    def __len__(self) -> int:
        """Return how many places are kept, void ones included."""
        return sum(map(len, self._lines.values()))

    def push(self, place: Place) -> None:
        """Let a SKU stand in its line."""
        heapq.heappush(self._lines.setdefault(place.line, []), place)

    def line(self, number: int) -> Heap | None:
        """Return a line with its first place on top, None where nobody stands in it."""
        heap = self._lines.get(number)
        if heap is None or first(heap, self._valid) is not None:
            return heap
        del self._lines[number]
        return None

    def urgent(self, now: int) -> Heap | None:
        """
        Return the line whose first place has the greatest product of danger and squared wait.

        What is told again and again is then told in turns, the dangerous more often: that keeps the sum of weighted
        ages least.  Below the danger of a hot SKU the wait counts no longer than `PATIENCE_MS`: who differs in one
        number is in no more danger for waiting.  A hot one that has waited for `HOT_PATIENCE_MS`
        goes before all, by age.
        """

        def urgency(line: int) -> tuple[int, int, int]:
            wait = max(0, now - self._lines[line][0].since)
            late = wait if line >= HOT_LINE and wait >= HOT_PATIENCE_MS else 0
            wait = (wait if line >= HOT_LINE else min(wait, PATIENCE_MS)) + HEAD_START_MS
            return late, wait * wait << line, line

        line = max(self._standing(), key=urgency, default=None)
        return None if line is None else self._lines[line]

    def hot(self) -> int | None:
        """Return since when the hot SKU waits that has waited longest, None when none does."""
        return min((self._lines[line][0].since for line in self._standing() if line >= HOT_LINE), default=None)

    def calm(self) -> Heap | None:
        """Return the line of the least danger."""
        line = min(self._standing(), default=None)
        return None if line is None else self._lines[line]

    def _standing(self) -> list[int]:
        return [line for line in tuple(self._lines) if self.line(line) is not None]

    def compact(self) -> None:
        """Drop all void places."""
        for heap in self._lines.values():
            compact(heap, self._valid)


def first(heap: Heap, valid: Callable[[Place], bool]) -> Place | None:
    """Return the first place that is valid; void ones before it are dropped."""
    while heap and not valid(heap[0]):
        heapq.heappop(heap)
    return heap[0] if heap else None


def compact(heap: Heap, valid: Callable[[Place], bool]) -> None:
    """Drop all void places of a heap."""
    heap[:] = [place for place in heap if valid(place)]
    heapq.heapify(heap)
