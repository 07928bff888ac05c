"""How often a channel may be asked: token buckets, all of which must have room.  Pure; the time is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.settings import Window

ASKED_MAX_MS = 600_000
"""The longest that a channel may ask us to wait."""


@dataclass(slots=True)
class _Bucket:
    window: Window
    tokens: float
    at: int

    def fill(self, now_ms: int) -> None:
        gained = max(0, now_ms - self.at) * self.window.calls / self.window.per_ms
        self.tokens = min(float(self.window.burst), self.tokens + gained)
        self.at = max(self.at, now_ms)

    def wait_ms(self) -> int:
        lacking = 1 - self.tokens
        return 0 if lacking <= 0 else max(1, round(lacking * self.window.per_ms / self.window.calls))


class Pace:
    """The budget of one channel's order calls, kept by this process alone."""

    def __init__(self, windows: Sequence[Window], now_ms: int) -> None:
        """Start with full buckets."""
        self._buckets = [_Bucket(window, float(window.burst), now_ms) for window in windows]

    def take(self, now_ms: int) -> int:
        """Take a call out of every bucket and return 0, or take nothing and return the milliseconds to wait."""
        for bucket in self._buckets:
            bucket.fill(now_ms)
        wait = max((bucket.wait_ms() for bucket in self._buckets), default=0)
        if wait == 0:
            for bucket in self._buckets:
                bucket.tokens -= 1
        return wait


def wait_ms(asked_ms: int | None, own_ms: int) -> int:
    """Return how long to wait where a channel has asked for `asked_ms`, and we would `own_ms` where it names none."""
    return own_ms if asked_ms is None else min(max(asked_ms, 1), ASKED_MAX_MS)


def backoff_ms(failures: int, first_ms: int, longest_ms: int, luck: float) -> int:
    """
    Return how long to wait after so many failures in a row.

    Args:
        failures: one or more.
        first_ms: after the first one; it doubles with each.
        longest_ms: never longer.
        luck: 0 to 1; the wait is spread over 80 to 120 %.

    """
    doubled = first_ms << min(failures - 1, 30)
    return round(min(doubled, longest_ms) * (0.8 + 0.4 * luck))
