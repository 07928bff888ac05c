"""When a serving poller searches for what changed, and when it reads named orders only.  Pure."""

SEARCH_MS = 5_000
"""Between the beginnings of two searches, however often webhooks ask: a burst of them is a handful of readings."""
DEBOUNCE_MS = 300
"""Webhooks come in bursts: so long the others of a burst are waited for."""


class Turns:
    """The time of the next search."""

    def __init__(self, now: int) -> None:
        """Search at once."""
        self._next, self._last = now, now - SEARCH_MS

    def search(self, now: int) -> bool:
        """Say whether it is time to search."""
        return now >= self._next

    def searched(self, began: int, every_ms: int) -> None:
        """Note a search, and when the next one is due."""
        self._last, self._next = began, began + every_ms

    def ask(self, now: int, *, at_once: bool = False) -> None:
        """Search as soon as may be; `at_once` where a person asks."""
        self._next = now if at_once else min(self._next, max(now, self._last + SEARCH_MS))

    def wait_ms(self, now: int, named_at: int | None) -> int:
        """Return how long there is nothing to do; `named_at` is when a named order is due, None for never."""
        due = self._next if named_at is None else min(self._next, named_at)
        return max(0, due - now)
