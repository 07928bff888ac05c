"""
What is known of the demand for each SKU: which are hot, which sell best, and how urgent a row is by that.  Pure.

A level names what moved it last, so an import in the middle of a flash sale would hide that its SKU sells: when it was
sold last is kept here, for as long as that counts.
"""

from publishers.push import Row
from publishers.urgency import Volumes, danger
from schemas.records import StockLevel
from schemas.settings import Order
from schemas.words import CauseKind

HOT_MS = 60_000
"""A SKU that an order moved this recently is hot: a channel may be selling it at this moment."""
KEPT_MIN = 1_000
"""So many last sales are kept at least before old ones are looked for."""


class Demand:
    """What the levels say about demand."""

    def __init__(self, order: Order) -> None:
        """Start with nothing known; `order` is the channel's order of work."""
        self.order = order
        self._volumes = Volumes()
        self._sold_at: dict[str, int] = {}
        self._look_at = KEPT_MIN

    def note(self, level: StockLevel) -> None:
        """Take up a level; each is given once, in order."""
        if self.order is Order.TOP20:
            self._volumes.note(level)
        cause = level.cause
        if cause.kind is CauseKind.ORDER:
            self._sold_at[level.sku] = cause.received_at
            if len(self._sold_at) > self._look_at:
                self._forget(cause.received_at)

    def _forget(self, now: int) -> None:
        """Drop what is long past, each time that there is twice as much as was left over."""
        self._sold_at = {sku: at for sku, at in self._sold_at.items() if at > now - 2 * HOT_MS}
        self._look_at = max(KEPT_MIN, 2 * len(self._sold_at))

    def hot(self, level: StockLevel, now: int) -> bool:
        """Return whether the level's SKU was sold a moment ago, wherever; a bundle's says so by its cause alone."""
        cause = level.cause
        caused = cause.received_at if cause.kind is CauseKind.ORDER else -HOT_MS
        return max(caused, self._sold_at.get(level.sku, -HOT_MS)) > now - HOT_MS

    def danger(self, row: Row, level: StockLevel, now: int) -> int:
        """Return how urgent a row is; after a call without an answer the channel may show the higher of two numbers."""
        shown = row.expected
        if shown is not None and row.unanswered is not None:
            shown = max(shown, row.unanswered)
        age, top = now - level.updated_at, self._volumes.top(row.sku)
        return danger(self.order, level.velocity, row.quantity, shown, age_ms=age, top=top)
