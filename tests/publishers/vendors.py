"""Vendors' rules for how fast they are asked, written from their documents; they share no code with the limiter."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Protocol

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
JITTER = 200
"""Requests are this much longer on their way at most."""
Delay = Callable[[Random, int], int]
DELAYS: Mapping[str, Delay] = {
    "any": lambda chance, _now: chance.randint(0, JITTER),
    "in crowds": lambda _chance, now: JITTER - now % (JITTER + 1),
    "first late, then early": lambda _chance, now: JITTER if now % 2_000 < 1_000 else 0,
}
"""How long a request is on its way; the second lets all that was sent in 200 ms arrive in one."""


class Rule(Protocol):
    """One of a vendor's rules."""

    def has(self, at: int, cost: int, listing: str) -> bool:
        """Return whether a request is let in."""

    def take(self, at: int, cost: int, listing: str) -> None:
        """Count it."""


@dataclass(slots=True)
class Bucket:
    """Refills by `rate` a second up to `most`; the cost is in points, or one a request."""

    rate: Fraction
    most: int
    points: bool = False
    left: Fraction = Fraction(0)
    at: int = 0

    def has(self, at: int, cost: int, _listing: str) -> bool:
        """Let in what is covered."""
        self.left = min(Fraction(self.most), self.left + self.rate * (at - self.at) / 1_000)
        self.at = at
        return self.left >= (cost if self.points else 1)

    def take(self, _at: int, cost: int, _listing: str) -> None:
        """Take the points."""
        self.left -= cost if self.points else 1


@dataclass(slots=True)
class Sliding:
    """So many requests in 24 hours (or another time) that slide, counted to the millisecond."""

    most: int
    per: int = DAY
    times: deque[int] = field(default_factory=deque)

    def has(self, at: int, _cost: int, _listing: str) -> bool:
        """Let in what there is room for."""
        while self.times and self.times[0] <= at - self.per:
            self.times.popleft()
        return len(self.times) < self.most

    def take(self, at: int, _cost: int, _listing: str) -> None:
        """Write the time down."""
        self.times.append(at)


@dataclass(slots=True)
class Calendar:
    """So many changes of a listing in a calendar day."""

    most: int
    used: Counter[tuple[int, str]] = field(default_factory=Counter)

    def has(self, at: int, _cost: int, listing: str) -> bool:
        """Let in what is left of this day."""
        return self.used[at // DAY, listing] < self.most

    def take(self, at: int, _cost: int, listing: str) -> None:
        """Count it for its day."""
        self.used[at // DAY, listing] += 1
