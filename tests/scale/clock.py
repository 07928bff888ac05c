"""Virtual time: what happens next happens now."""

import heapq
from collections.abc import Callable


class Clock:
    """Events in the order of their time, and of their entry where that is equal."""

    def __init__(self, now: int) -> None:
        """Start at `now`, in ms."""
        self.now = now
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: int, what: Callable[[], None]) -> None:
        """Let something happen at `when`."""
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, what))

    def run(self, until: int) -> None:
        """Let everything happen that is due by `until`."""
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()
        self.now = until
