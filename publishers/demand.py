"""
What is known of the demand for each SKU: which are hot, which sell best, and how urgent a row is by that.  Pure.

A level's own rate of sale has a half-life of an hour and runs behind a flash sale; so a rate with a half-life of a
minute is kept of what was sold in the last minutes, and the higher one counts.  That also says which SKUs are hot: a
level names only what moved it last, and an import in the middle of a sale would hide that its SKU sells.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from publishers.push import Row
from publishers.urgency import HOT, danger, faded
from publishers.volumes import Volumes
from schemas.records import StockLevel
from schemas.settings import Order
from schemas.words import CauseKind

HOT_MS = 60_000
"""A SKU that an order moved this recently is hot: a channel may be selling it at this moment."""
HALF_LIFE_MS = 60_000
PER_UNIT = 41_589
"""What one unit sold adds to the fast rate: 60 * 1000 * ln 2, in thousandths of a unit an hour."""
SLOW = 1_000
"""Below this rate of sale, in thousandths of a unit an hour, a number may be minutes late."""
KEPT_MIN = 1_000
"""So many last sales are kept at least before old ones are looked for."""


@dataclass(frozen=True, slots=True)
class Sale:
    """When a SKU was sold last, in ms, and its fast rate then."""

    at: int
    rate: float

    def now(self, now: int) -> float:
        """Return what is left of the rate."""
        return float(self.rate * 0.5 ** (max(0, now - self.at) / HALF_LIFE_MS))


NEVER = Sale(-HOT_MS, 0.0)


class Demand:
    """What the levels say about demand."""

    def __init__(self, order: Order) -> None:
        """Start with nothing known; `order` is the channel's order of work."""
        self.order = order
        self._volumes = Volumes()
        self._sold: dict[str, Sale] = {}
        self._look_at = KEPT_MIN

    def turn(self, order: Order, levels: Iterable[StockLevel]) -> None:
        """Work in another order from now on; of each SKU its last level is known, as after a start."""
        if order is self.order:
            return
        self.order, self._volumes = order, Volumes()
        for level in levels if order is Order.TOP20 else ():
            self._volumes.note(level)

    def note(self, level: StockLevel) -> None:
        """Take up a level; each is given once, in order."""
        if self.order is Order.TOP20:
            self._volumes.note(level)
        cause = level.cause
        if cause.kind is CauseKind.ORDER:
            rate = self._sold.get(level.sku, NEVER).now(cause.received_at) + max(0, cause.delta) * PER_UNIT
            self._sold[level.sku] = Sale(cause.received_at, rate)
            if len(self._sold) > self._look_at:
                self._forget(cause.received_at)

    def _forget(self, now: int) -> None:
        """Drop what is long past, each time that there is twice as much as was left over."""
        self._sold = {sku: sale for sku, sale in self._sold.items() if sale.at > now - 2 * HOT_MS}
        self._look_at = max(KEPT_MIN, 2 * len(self._sold))

    def hot(self, level: StockLevel, now: int) -> bool:
        """Return whether the level's SKU was sold a moment ago, wherever; a bundle's says so by its cause alone."""
        cause = level.cause
        caused = cause.received_at if cause.kind is CauseKind.ORDER else NEVER.at
        return max(caused, self._sold.get(level.sku, NEVER).at) > now - HOT_MS

    def slow(self, level: StockLevel, now: int) -> bool:
        """Return whether the SKU will hardly be sold in the minutes that a bulk takes: not hot, and of a low rate."""
        return not self.hot(level, now) and faded(level.velocity, now - level.updated_at) < SLOW

    def danger(self, row: Row, level: StockLevel, now: int) -> int:
        """
        Return how urgent a row is; after a call without an answer the channel may show the higher of two numbers.

        A hot SKU is told before all that is calm, however much is left of it: it is wrong again with every sale.
        """
        if self.order is not Order.RISK:
            return danger(self.order, 0, row.quantity, row.expected, top=self._volumes.top(row.sku))
        shown = row.expected
        if shown is not None and row.unanswered is not None:
            shown = max(shown, row.unanswered)
        rate = max(faded(level.velocity, now - level.updated_at), self._sold.get(row.sku, NEVER).now(now))
        found = danger(self.order, rate, row.quantity, shown)
        return max(found, HOT) if self.hot(level, now) else found
