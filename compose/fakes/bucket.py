"""Shopify's leaky bucket of cost points. Pure: the time in ms is given."""

from dataclasses import dataclass

CAPACITY = 2000
RESTORE_PER_S = 100
"""The Standard plan's rate (shopify.dev, GraphQL Admin API rate limits); the capacity is as recorded on a live shop."""


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Points that are left, refilled with time."""

    capacity: float = CAPACITY
    restore_per_s: float = RESTORE_PER_S
    left: float = CAPACITY
    at: int = 0

    def take(self, now: int, points: int) -> bool:
        """Take the points if they are there; a refused call costs nothing."""
        self.refill(now)
        if points > self.left:
            return False
        self.left -= points
        return True

    def give(self, points: int) -> None:
        """Give back what a call did not use."""
        self.left = min(self.capacity, self.left + points)

    def refill(self, now: int) -> None:
        """Let time pass."""
        self.left = min(self.capacity, self.left + max(now - self.at, 0) * self.restore_per_s / 1000)
        self.at = max(now, self.at)

    def status(self) -> dict[str, int]:
        """Write the vendor's `throttleStatus`."""
        return {
            "maximumAvailable": int(self.capacity),
            "currentlyAvailable": int(self.left),
            "restoreRate": int(self.restore_per_s),
        }
