"""
Token buckets: how fast a channel may be called.  Pure; time is an argument in integer milliseconds.

Tokens are kept multiplied by the window's `per_ms`, so that every rate is exact in integers, 0.0083 a second included.
In any span of T ms a window lets through at most `burst + amount * T / per_ms`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    One limit: `amount` per `per_ms`, at most `burst` at once.

    With `points` a call takes its cost (Shopify's query points), else it takes 1.
    """

    amount: int
    per_ms: int
    burst: int
    points: bool = False

    def charge(self, cost: int) -> int:
        """Return what a call of this cost takes from the window, in scaled tokens."""
        return (cost if self.points else 1) * self.per_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is left in each window at the time `at`, and until when the channel asked to be left alone."""

    windows: tuple[Window, ...]
    filled: tuple[int, ...]
    at: int
    blocked_until: int = 0


def full(windows: Sequence[Window], now: int) -> Budget:
    """Return a budget with every window full."""
    return Budget(windows=tuple(windows), filled=tuple(w.burst * w.per_ms for w in windows), at=now)


def refilled(budget: Budget, now: int) -> Budget:
    """Return the budget at `now`; a clock that went back adds nothing and takes nothing."""
    passed = max(0, now - budget.at)
    filled = tuple(
        min(w.burst * w.per_ms, have + w.amount * passed) for w, have in zip(budget.windows, budget.filled, strict=True)
    )
    return replace(budget, filled=filled, at=budget.at + passed)


def wait(budget: Budget, cost: int, now: int) -> int:
    """
    Return after how many ms a call of `cost` is allowed, 0 for now.

    Raises `ValueError` when the call is larger than a window's burst: it would wait for ever.
    """
    current = refilled(budget, now)
    longest = max(0, budget.blocked_until - now)
    for window, have in zip(current.windows, current.filled, strict=True):
        if window.charge(cost) > window.burst * window.per_ms:
            raise ValueError(f"a call of {cost} never fits into a burst of {window.burst}")
        missing = window.charge(cost) - have
        longest = max(longest, -(-missing // window.amount))
    return longest


def spent(budget: Budget, cost: int, now: int) -> Budget:
    """Return the budget after a call; raises `ValueError` when the call is not allowed yet."""
    if wait(budget, cost, now) > 0:
        raise ValueError("the budget does not allow this call yet")
    current = refilled(budget, now)
    filled = tuple(have - w.charge(cost) for w, have in zip(current.windows, current.filled, strict=True))
    return replace(current, filled=filled)


def blocked(budget: Budget, until: int) -> Budget:
    """Return the budget after the channel asked for silence until `until`; the longest such request counts."""
    return replace(budget, blocked_until=max(budget.blocked_until, until))


def corrected(budget: Budget, available: int, now: int) -> Budget:
    """
    Return the budget after the channel said how many points are left.

    Only ever lower than our own count: somebody else may use the same bucket, but nobody gives us more.
    """
    current = refilled(budget, now)
    filled = tuple(
        min(have, max(0, available) * w.per_ms) if w.points else have
        for w, have in zip(current.windows, current.filled, strict=True)
    )
    return replace(current, filled=filled)
