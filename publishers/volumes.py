"""Which SKUs sell best, for the order of work `top20`.  Pure."""

import math
from collections import Counter

from schemas.records import StockLevel
from schemas.words import CauseKind

PER_UNIT = 693
"""What one unit sold adds to `StockLevel.velocity`."""
WEEK_MS = 7 * 24 * 3_600_000
TOP = 5
"""The best-selling SKUs are one in so many."""
BINS = 8
"""How many classes of weekly volume there are for each doubling."""
REFRESH = 256
"""After how many sales it is worked out anew which classes are at the top."""
UNSOLD = -(10**9)
"""The class of what never sold."""


class Volumes:
    """
    Which SKUs are the best-selling fifth by weekly volume, by what a publisher hears: the levels and their causes.

    Units fade with a half-life of a week.  What counts is kept as a logarithm of units weighted by their time, so that
    nothing is touched when time passes; one number a SKU is kept, and how many SKUs there are in each class of volume.
    A publisher that starts hears a week's levels again, because none is compacted away before: the counts are as they
    were.  Of what is older it knows each SKU's last level, whose velocity says what it sold in the hours before it.
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


def _class(score: float) -> int:
    return UNSOLD if score == -math.inf else math.floor(score * BINS)


def _sum(one: float, other: float) -> float:
    """Return the logarithm (base 2) of the sum of two numbers that are given by theirs."""
    high, low = max(one, other), min(one, other)
    return high if low == -math.inf else high + math.log2(1.0 + 2.0 ** (low - high))
