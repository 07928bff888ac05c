"""
What a limit is, and what every way of counting it can do: `publishers.refilling` and `publishers.rolling`.  Pure.

We count when a request is sent, and the vendor when it arrives, up to `JITTER_MS` later.  So a bucket holds back what
refills in that time (less burst, and not less rate), and a rolling window is longer by it.  Then no order of arrival
makes the vendor's own count run over, as long as nobody else uses it.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

JITTER_MS = 200
"""By how much longer one request may be on its way than another."""
TRUST = 20
"""
A channel's word for its limit counts between a twentieth and twenty times of what is documented (Shopify's largest plan
has twenty times the smallest's rate, Etsy raises an app's to fifteen times): beyond that the header is broken.
"""
LONG_MS = 600_000
"""A rolling window longer than this is rebuilt at a restart, and has a reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    One limit: `amount` per `per_ms`, at most `burst` at once.

    With `points` a call takes its cost (Shopify's query points), else it takes 1.  A `rolling` one does not refill: in
    any `per_ms` there are at most `amount`, and `burst` says nothing.  With `per_listing` it holds for each listing by
    itself.

    `whole` is what the vendor allows in `per_ms` for all purposes and everybody, as documented: what the channel says
    of its limit then moves `amount` in proportion.  With 0, `amount` is a figure of our own, which the channel's word
    may lower and never raise.  Buckets with an equal `pool` are shares of one vendor's bucket.
    """

    amount: int
    per_ms: int
    burst: int
    points: bool = False
    rolling: bool = False
    per_listing: bool = False
    whole: int = 0
    pool: str = ""

    def charge(self, cost: int) -> int:
        """Return what a call of this cost takes from the window; one of cost 0 is no call."""
        return cost if self.points else min(cost, 1)


class Meter(Protocol):
    """How far one window is used up."""

    window: Window

    def wait(self, charge: int, now: int) -> int:
        """Return after how many ms so much may be taken."""

    def take(self, charge: int, now: int) -> None:
        """Take so much."""

    def left(self, now: int) -> int:
        """Return how much may be taken at once."""

    def own(self, now: int) -> int:
        """Return how much of it we have left by our own count, without what the channel says of others."""

    def lower(self, left: int, now: int) -> None:
        """Take up that by the channel's word no more than this is left; more than our own count is as good as it."""

    def empty(self, now: int) -> None:
        """Take up that the channel has refused a call."""

    def adopt(self, ratio: Fraction, now: int) -> None:
        """Let so many times the window's own amount pass."""

    def restore(self, charge: int, at: int) -> None:
        """Take what an earlier process took at `at`; the oldest comes first."""

    def unused(self, now: int) -> bool:
        """Return whether it is as good as new."""

    def reserved(self, now: int) -> bool:
        """Return whether what is left is kept for what is urgent."""


@lru_cache(256)
def ratio_of(window: Window, limit: int, per_ms: int) -> Fraction | None:
    """
    Return how many times the window's own amount the channel's word allows; None for a broken one.

    It is kept, because a channel says the same with every answer.

    Args:
        window: the limit in question.
        limit: how many the channel says that it allows, in all.
        per_ms: in which time; 0 means the window's own.

    """
    ratio = Fraction(limit, per_ms or window.per_ms) / Fraction(window.whole or window.amount, window.per_ms)
    if not Fraction(1, TRUST) <= ratio <= TRUST:
        return None
    return ratio if window.whole else min(ratio, Fraction(1))
