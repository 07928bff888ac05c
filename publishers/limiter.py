"""
Token buckets: how fast a channel may be called.  Pure; time is an argument in integer milliseconds.

Tokens are kept multiplied by the window's `per_ms`, so that every rate is exact in integers, 0.0083 a second included.
In any span of T ms a window lets through at most `burst + amount * T / per_ms`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from publishers.push import Hint


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


class Limiter:
    """The limits of one channel: a budget by bucket."""

    def __init__(self, limits: Mapping[str, Sequence[Window]], now: int) -> None:
        """Start with every bucket full."""
        self._budgets = {bucket: full(windows, now) for bucket, windows in limits.items()}
        self._costs: dict[str, int] = {}

    def cost(self, bucket: str, asked: int) -> int:
        """Return what a call costs: what the channel said last, at least `asked`, at most what fits."""
        largest = min((w.burst for w in self._budgets[bucket].windows if w.points), default=asked)
        return min(max(asked, self._costs.get(bucket, 0)), largest)

    def wait(self, bucket: str, cost: int, now: int, listings: Iterable[str] = ()) -> int:
        """Return after how many ms a call may be made, 0 for now; `listings` have limits of their own."""
        del listings
        return wait(self._budgets[bucket], cost, now)

    def spend(self, bucket: str, cost: int, now: int, listings: Iterable[str] = ()) -> None:
        """Take a call out of its bucket; raises `ValueError` when it is not allowed yet."""
        del listings
        self._budgets[bucket] = spent(self._budgets[bucket], cost, now)

    def throttled(self, bucket: str, after_ms: int, now: int) -> None:
        """The channel found a call too fast: be silent for so long."""
        self._budgets[bucket] = blocked(self._budgets[bucket], now + after_ms)

    def learn(self, hints: Iterable[Hint], now: int) -> None:
        """Take up what the channel says of its limits."""
        for hint in hints:
            if hint.left is not None:
                self._budgets[hint.bucket] = corrected(self._budgets[hint.bucket], hint.left, now)
            if hint.cost is not None:
                self._costs[hint.bucket] = hint.cost

    def silent_until(self, bucket: str) -> int:
        """Return until when the channel asked for silence, in ms."""
        return self._budgets[bucket].blocked_until
