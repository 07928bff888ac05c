"""
Sales at the channel itself that have reached us and that its last confirmed number does not yet reflect.  Pure.

A channel lowers its own number when it sells, so a SKU with such a sale is told even if the level is back at the number
that was confirmed.  Until it confirms a number again we expect what it confirmed last, less
the sales that we know: comparing with anything else would take known sales for hidden ones.
"""

from collections.abc import Iterable, Mapping

from schemas.records import OrderOutcome
from schemas.words import Result

REMEMBERED = 16
"""How many settled sales of a SKU are kept: the same sale comes from `stock.level` and from `order.outcome`."""
OPEN_MAX = 256
"""How many open sales of a SKU are kept apart: a channel in shadow is never told, and settles none."""
OLDER = "older"
"""The name under which those beyond it are kept as one."""

TOOK: Mapping[Result, str] = {
    Result.ACCEPTED: "delta",
    Result.INSUFFICIENT: "shortfall",
    Result.UNSTOCKED: "shortfall",
}
"""Which field of an outcome holds the units that the channel took; in other outcomes it took none."""


def units(outcome: OrderOutcome) -> int:
    """Return by how many units the channel lowered its own number for this outcome (negative: raised)."""
    name = TOOK.get(outcome.result)
    return getattr(outcome, name) if name else 0


def key(order_id: str, version: int | None) -> str:
    """Return what a sale is known by: its version of the level, else (no version for a shortfall) its line."""
    return order_id if version is None else str(version)


class Sales:
    """The known sales by SKU."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[str, dict[str, int]] = {}
        self._settled: dict[str, tuple[str, ...]] = {}

    def add(self, sku: str, sale: str, taken: int) -> bool:
        """Note a sale of `taken` units; returns False when it is known already."""
        if sale in self._open.get(sku, ()) or sale in self._settled.get(sku, ()):
            return False
        kept = self._open.setdefault(sku, {})
        kept[sale] = taken
        if len(kept) > OPEN_MAX:
            oldest = next(name for name in kept if name != OLDER)
            kept[OLDER] = kept.get(OLDER, 0) + kept.pop(oldest)
        return True

    def end(self, sku: str) -> None:
        """Forget a SKU that this channel does not sell any more."""
        self._open.pop(sku, None)
        self._settled.pop(sku, None)

    def __len__(self) -> int:
        """Return of how many SKUs sales are remembered."""
        return len(self._open.keys() | self._settled.keys())

    def sold(self, sku: str, version: int = 0) -> int:
        """Return the units sold since the last confirmed number, and after that version of the level."""
        known = self._open.get(sku, {}).items()
        return sum(taken for sale, taken in known if not sale.isdecimal() or int(sale) > version)

    def known(self, sku: str) -> tuple[str, ...]:
        """Return the names of the sales that `sold` counts."""
        return tuple(self._open.get(sku, ()))

    def settle(self, sku: str, sales: Iterable[str]) -> None:
        """Take out sales that the channel's confirmed number reflects; a repetition of them changes nothing."""
        names = tuple(sales)
        if not names:
            return
        self._settled[sku] = (*self._settled.get(sku, ()), *names)[-REMEMBERED:]
        left = {name: taken for name, taken in self._open.get(sku, {}).items() if name not in names}
        if left:
            self._open[sku] = left
        else:
            self._open.pop(sku, None)
