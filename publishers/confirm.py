"""
Which listings are looked at when: accepted numbers until they show, and what could not be judged at first.  Pure.

A channel that applies later says so at once and does it after seconds, or after an hour, or never.  Each accepted
number is read back when the kind expects it to show; then at ever longer waits, until it shows or its time is over.
"""

from collections import deque
from heapq import heappop, heappush

from publishers.told import Place
from schemas.channel_records import ChannelLevel, Shown

PATIENCE_MS = 900_000
"""How long an accepted number may take to show before it is told again."""
ANXIOUS = 3
"""After how many times the kind's usual time a number is told again for which the channel sells what there is not."""
WAIT_MAX_MS = 120_000
"""The longest wait between two looks at one."""
PERIOD_MIN_MS = 1_000
"""The shortest, whatever the kind says."""
APPLIED_MAX = 10_000
"""Of how many numbers it is remembered how long they took, where nobody asks."""


class Agenda:
    """Listings, each with the time of its next look."""

    def __init__(self) -> None:
        """Start with none."""
        self._due: dict[Place, int] = {}
        self._heap: list[tuple[int, Place]] = []

    def __len__(self) -> int:
        """Return how many listings there are."""
        return len(self._due)

    def __contains__(self, place: object) -> bool:
        """Return whether a listing is to be looked at."""
        return place in self._due

    def put(self, place: Place, due: int) -> None:
        """Look at a listing at `due`, and not at another time."""
        if self._due.get(place) != due:
            self._due[place] = due
            heappush(self._heap, (due, place))

    def drop(self, place: Place) -> None:
        """Look at it no more."""
        self._due.pop(place, None)

    def next_at(self) -> int | None:
        """Return when the next look is due; None when there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: int) -> Place | None:
        """Take out the listing that has been due for longest; None when none is."""
        due = self.next_at()
        if due is None or due > now:
            return None
        _, place = heappop(self._heap)
        del self._due[place]
        return place


class Confirmations:
    """The accepted numbers that have not been seen yet."""

    def __init__(self, applies_ms: int, scale: int = 1_000) -> None:
        """
        Start with none.

        `applies_ms` is after how long the kind expects a number to show; all waits are multiplied by `scale` over
        1,000.
        """
        self.agenda = Agenda()
        self.applied = deque[int](maxlen=APPLIED_MAX)
        """How long accepted numbers took until they were seen, in ms, since it was emptied last."""
        self._applies_ms = max(applies_ms * scale // 1_000, PERIOD_MIN_MS)
        self._patience_ms = PATIENCE_MS * scale // 1_000
        self._wait_max_ms = max(WAIT_MAX_MS * scale // 1_000, PERIOD_MIN_MS)
        self._accepted: dict[Place, int] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._accepted)

    def note(self, record: ChannelLevel) -> None:
        """Take up a SKU's record: what was accepted since, and what is confirmed or told anew."""
        for listing_id, shown in record.listings.items():
            place = (record.sku, listing_id)
            if shown.accepted_at is None:
                if (accepted_at := self._accepted.pop(place, None)) is not None:
                    self.agenda.drop(place)
                    self._seen(shown, accepted_at)
            elif self._accepted.get(place) != shown.accepted_at:
                self._accepted[place] = shown.accepted_at
                self.agenda.put(place, shown.accepted_at + self._applies_ms)

    def _seen(self, shown: Shown, accepted_at: int) -> None:
        """Note how long a number took, unless it was told anew or another one was seen."""
        if shown.request_id is None and shown.shown == shown.sent and shown.shown_at is not None:
            self.applied.append(max(0, shown.shown_at - accepted_at))

    def end(self, place: Place) -> None:
        """Wait no more for the number of a listing that has ended."""
        self._accepted.pop(place, None)
        self.agenda.drop(place)

    def later(self, place: Place, now: int) -> None:
        """Look again at what does not show yet: after as long as it has taken so far, within bounds."""
        accepted_at = self._accepted.get(place)
        if accepted_at is not None:
            self.agenda.put(place, now + min(max(now - accepted_at, self._applies_ms), self._wait_max_ms))

    def patient_until(self, shown: Shown) -> int:
        """Return until when an accepted number may still come to show."""
        return (shown.accepted_at or 0) + max(self._patience_ms, 2 * self._applies_ms)

    def anxious_until(self, shown: Shown) -> int:
        """Return the same where the channel meanwhile sells what there is not: telling it twice harms nothing."""
        return min(self.patient_until(shown), (shown.accepted_at or 0) + ANXIOUS * self._applies_ms)
