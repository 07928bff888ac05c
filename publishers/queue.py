"""
The order of work: the nearest oversell first, nobody waits for ever.  Pure.

Two orders share the calls: by risk, and by age for what has waited longer than `PATIENCE_MS`.  Every second place of a
batch goes to the oldest overdue SKU, so the rest waits at most 10 s, or twice its backlog over the budget.
A SKU stands in the queue once; offering it again replaces its place (coalescing).
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATIENCE_MS = 10_000
"""How long a SKU of low risk waits before it is served by age."""
LOOK = 1_000
"""How many places are looked at for one batch: bounds the work when the rows of a call must belong together."""

Place = tuple[int, int, str]
"""What it is ordered by, its ticket, the SKU."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a SKU stands: its newest ticket (places with an older one are void), risk, since when and until when."""

    ticket: int
    danger: int
    since: int
    due: int


def risk(velocity: int, shown: int | None) -> int:
    """
    Return how near an oversell is: the rate of sale over what the channel still offers.

    `velocity` is in thousandths of a unit an hour.  A channel that shows nothing cannot oversell.
    """
    if shown is None:
        return velocity + 1
    return 0 if shown <= 0 else (velocity + 1) // shown


class WorkQueue:
    """The SKUs that differ, in the order in which they are told."""

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[str, Entry] = {}
        self._by_risk: list[Place] = []
        self._by_age: list[Place] = []
        self._later: list[Place] = []
        self._ticket = 0
        self._age_next = False

    def __len__(self) -> int:
        """Return how many SKUs wait, those with a later due time included."""
        return len(self._entries)

    def __contains__(self, sku: str) -> bool:
        """Return whether the SKU waits."""
        return sku in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the SKUs that wait, in no useful order."""
        return iter(self._entries)

    def offer(self, sku: str, danger: int, since: int, due: int = 0) -> None:
        """
        Put a SKU in: `danger` is its risk, `since` when it first differed, `due` when it may be told.

        One that is in already comes no later for being offered again.
        """
        self._ticket += 1
        if (entry := self._entries.get(sku)) is not None:
            due = min(due, entry.due)
        self._entries[sku] = Entry(self._ticket, danger, since, due)
        heapq.heappush(self._later, (due, self._ticket, sku))
        if len(self._later) + len(self._by_risk) + len(self._by_age) > 4 * (len(self._entries) + LOOK):
            self._compact()

    def discard(self, sku: str) -> None:
        """Take a SKU out; nothing happens when it is not in."""
        self._entries.pop(sku, None)

    def since(self, sku: str) -> int | None:
        """Return since when the SKU waits, None when it does not."""
        entry = self._entries.get(sku)
        return entry.since if entry else None

    def oldest(self) -> int | None:
        """Return since when the SKU that waits longest has waited, None when none waits."""
        return min((entry.since for entry in self._entries.values()), default=None)

    def due_at(self, now: int) -> int | None:
        """Return the earliest time at which a SKU may be told: `now` when one may be, None when none waits."""
        self._wake(now)
        if self._top(self._by_risk) is not None:
            return now
        later = self._top(self._later)
        return later[0] if later else None

    def take(self, now: int, limit: int, accept: Callable[[str], bool]) -> list[tuple[str, int]]:
        """
        Take out up to `limit` due SKUs that `accept` lets through, the most urgent first; the others keep their places.

        Each comes with since when it has waited.  At most `LOOK` SKUs that are not accepted are looked at.
        """
        self._wake(now)
        chosen: list[tuple[str, int]] = []
        passed: list[tuple[list[Place], Place]] = []
        while len(chosen) < limit and len(passed) < LOOK and (heap := self._next(now)):
            place = heapq.heappop(heap)
            if accept(place[2]):
                chosen.append((place[2], self._entries.pop(place[2]).since))
            else:
                passed.append((heap, place))
        for heap, place in passed:
            heapq.heappush(heap, place)
        return chosen

    def _next(self, now: int) -> list[Place] | None:
        """Return the heap whose first place is served next; the two orders take turns while somebody is overdue."""
        self._age_next = not self._age_next
        oldest, riskiest = self._top(self._by_age), self._top(self._by_risk)
        overdue = oldest is not None and oldest[0] <= now - PATIENCE_MS
        if overdue and (self._age_next or riskiest is None):
            return self._by_age
        return self._by_risk if riskiest is not None else None

    def _wake(self, now: int) -> None:
        while (place := self._top(self._later)) is not None and place[0] <= now:
            _, ticket, sku = heapq.heappop(self._later)
            entry = self._entries[sku]
            heapq.heappush(self._by_risk, (-entry.danger, ticket, sku))
            heapq.heappush(self._by_age, (entry.since, ticket, sku))

    def _top(self, heap: list[Place]) -> Place | None:
        """Return the first place that is still valid; void ones before it are dropped."""
        while heap and not self._valid(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _valid(self, place: Place) -> bool:
        entry = self._entries.get(place[2])
        return entry is not None and entry.ticket == place[1]

    def _compact(self) -> None:
        for heap in (self._by_risk, self._by_age, self._later):
            heap[:] = [place for place in heap if self._valid(place)]
            heapq.heapify(heap)
