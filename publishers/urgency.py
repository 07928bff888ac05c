"""
How urgent it is to tell a channel: the units that it is expected to oversell while it is not told.  Pure.

The channel shows `s` and should show `d`; `N` is the demand until it is told.  The first `d` units of it can be served,
those beyond, up to `s`, are sold and cannot be: `min(N, s) - d` units are oversold where that is above zero.  The rate
of sale is known from a few sales at best; believed to be exponential around what was measured, it makes `N` geometric:
`P(N >= k) = q**k` with `q = m / (1 + m)` and `m` the demand expected.  Summed from `d + 1` to `s` that is
`m * q**d * (1 - q**(s - d))` units: velocity, scarcity and excess in one.  A channel that shows too little loses sales
by the same sum with `s` and `d` exchanged; a lost sale counts a small part of a unit oversold.
"""

import math
from collections import Counter

from schemas.records import StockLevel
from schemas.settings import Order
from schemas.words import CauseKind

HORIZON_H = 1 / 12
"""
For how long a channel is thought to stay untold, in hours.

Longer than a call waits as a rule, because a measured rate with a half-life of an hour runs behind a flash sale.
"""
IDLE = 6
"""What a SKU without a known sale is thought to sell, in thousandths of a unit an hour: one unit a week."""
HALF_LIFE_H = 1.0
"""The half-life of `StockLevel.velocity`."""
HOUR_MS = 3_600_000
SCALE = 2**20
"""Units oversold are counted in this part of one."""
LOST = 64
"""How many lost sales weigh as much as one unit oversold."""
PER_UNIT = 693
"""What one unit sold adds to `StockLevel.velocity`."""
WEEK_MS = 7 * 24 * HOUR_MS
TOP = 5
"""The best-selling SKUs are one in so many."""
BINS = 8
"""How many classes of weekly volume there are for each doubling."""
REFRESH = 256
"""After how many sales it is worked out anew which classes are at the top."""


def danger(
    order: Order, velocity: int, desired: int | None, shown: int | None, *, age_ms: int = 0, top: bool = False
) -> int:
    """
    Return how urgent a SKU is in this order of work; greater is more urgent, 0 means that nothing is to be told.

    Args:
        order: the mode; `fifo` finds all equal, `top20` knows only whether the SKU is at the `top` (`Volumes.top`).
        velocity: the SKU's rate of sale, `StockLevel.velocity`, as it was `age_ms` ago.
        desired: what the channel should show, the units that are left; None when it is not known.
        shown: what it shows; None when that is not known, and then it may be any number.
        age_ms: the time since the level was written, in ms.
        top: whether the SKU is among the best-selling fifth.

    """
    if desired is None:
        return 0
    if order is not Order.RISK:
        return 1 + (order is Order.TOP20 and top)
    mean = _mean(velocity, age_ms)
    left = max(0, desired)
    if shown is None:
        return 1 + int(SCALE * max(_beyond(mean, left, None), _beyond(mean, 0, left) / LOST))
    offered = max(0, shown)
    if offered > left:
        return 1 + int(SCALE * _beyond(mean, left, offered - left))
    return 1 + int(SCALE * _beyond(mean, offered, left - offered) / LOST)


def _mean(velocity: int, age_ms: int) -> float:
    """Return the units that are expected to be asked for while the channel is not told."""
    now = velocity * 0.5 ** (age_ms / HOUR_MS / HALF_LIFE_H) if age_ms > 0 else velocity
    return (now + IDLE) / 1_000 * HORIZON_H


def _beyond(mean: float, first: int, units: int | None) -> float:
    """Return how many of the `units` (None: any number) after the `first` ones are expected to be asked for."""
    ratio = mean / (1.0 + mean)
    share = 1.0 if units is None else 1.0 - ratio**units
    return mean * float(ratio**first) * share


class Volumes:
    """
    Which SKUs are the best-selling fifth by weekly volume, by what a publisher hears: the levels and their causes.

    Units fade with a half-life of a week.  What counts is kept as a logarithm of units weighted by their time, so that
    nothing is touched when time passes; one number a SKU is kept, and how many SKUs there are in each class of volume.
    A publisher that starts knows of each SKU only its last level, whose velocity says what it sold in the last hours.
    """

    def __init__(self) -> None:
        """Start with no SKU known."""
        self._score: dict[str, float] = {}
        self._classes: Counter[int] = Counter()
        self._lowest = 0
        self._notes = 0

    def note(self, level: StockLevel) -> None:
        """Take up a level; each is given once, in order."""
        known, cause = self._score.get(level.sku), level.cause
        units = float(max(0, cause.delta)) if cause.kind is CauseKind.ORDER else 0.0
        if known is None:
            units = max(units, level.velocity / PER_UNIT)
        elif not units:
            return
        added = math.log2(units) + level.updated_at / WEEK_MS if units else -math.inf
        self._put(level.sku, known, added if known is None else _sum(known, added))

    def _put(self, sku: str, old: float | None, new: float) -> None:
        if old is not None:
            self._classes[_class(old)] -= 1
        self._score[sku] = new
        self._classes[_class(new)] += 1
        self._notes += 1
        if self._notes % REFRESH == 0 or self._notes < REFRESH:
            self._rank()

    def _rank(self) -> None:
        """Find the lowest class of the top: as many whole classes as fit into a fifth, but never none."""
        self._classes = +self._classes
        room = max(1, len(self._score) // TOP)
        self._lowest = max(self._classes, default=0)
        for rank in sorted(self._classes, reverse=True):
            room -= self._classes[rank]
            if rank == UNSOLD or room < 0:
                return
            self._lowest = rank

    def top(self, sku: str) -> bool:
        """Return whether the SKU is among the best-selling fifth; one that never sold is not."""
        score = self._score.get(sku, -math.inf)
        return score > -math.inf and _class(score) >= self._lowest


UNSOLD = -(10**9)
"""The class of what never sold."""


def _class(score: float) -> int:
    return UNSOLD if score == -math.inf else math.floor(score * BINS)


def _sum(one: float, other: float) -> float:
    """Return the logarithm (base 2) of the sum of two numbers that are given by theirs."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log2(1.0 + 2.0 ** (low - high))
