"""The vendors' own buckets in virtual time, from the vendors' pages: what they count, they count on arrival."""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Leaky:
    """
    A bucket that refills evenly: Shopify's points, Amazon's usage plans, a web server's politeness rule.

    `rate` is what comes back in a second, `most` what it holds; it starts full.
    """

    rate: float
    most: float
    held: float = -1.0
    at: int = 0

    def left(self, now: int) -> float:
        """Return what it holds at `now`, in ms."""
        if self.held < 0:
            self.held, self.at = self.most, now
        self.held = min(self.most, self.held + (now - self.at) * self.rate / 1_000)
        self.at = now
        return self.held

    def take(self, amount: float, now: int) -> bool:
        """Take so much; returns whether there was as much, and takes nothing where there was not."""
        if self.left(now) + 1e-9 < amount:
            return False
        self.held -= amount
        return True


@dataclass(slots=True)
class Sliding:
    """A window that slides: in any `per_ms` at most `most` calls (Etsy's second and its day)."""

    most: int
    per_ms: int
    calls: deque[int] = field(default_factory=deque)

    def left(self, now: int) -> int:
        """Return how many calls are left."""
        while self.calls and self.calls[0] <= now - self.per_ms:
            self.calls.popleft()
        return self.most - len(self.calls)
