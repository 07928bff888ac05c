"""
What an Amazon order takes from our stock: one table for notifications (`ORDER_CHANGE`) and for the Orders API.

Facts: amzn/selling-partner-api-models `schemas/notifications/OrderChangeNotification.json` (`OrderStatus`) and
`models/orders-api-model/orders_2026-01-01.json` (`FulfillmentStatus`).  The two spell the same words differently:
`PartiallyShipped` and `PARTIALLY_SHIPPED`, `Canceled` and `CANCELLED`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Holding(StrEnum):
    """What a status means for the units."""

    PENDING = "pending"
    SOLD = "sold"
    CANCELLED = "cancelled"


STATUSES: Mapping[str, Holding] = MappingProxyType(
    {
        # A pre-order: not paid, not released yet.  Placed like any order, so it waits with the channel's setting.
        "PENDINGAVAILABILITY": Holding.PENDING,
        # Placed and not paid yet.  Amazon has already lowered its own number.
        "PENDING": Holding.PENDING,
        # Paid, nothing has left.
        "UNSHIPPED": Holding.SOLD,
        # Paid, some of it has left.
        "PARTIALLYSHIPPED": Holding.SOLD,
        # All of it has left: the units are gone for good.
        "SHIPPED": Holding.SOLD,
        # Brazil: paid, the seller has not confirmed the invoice yet.  It ships after that.
        "INVOICEUNCONFIRMED": Holding.SOLD,
        # Only orders from other shops that Amazon fulfils get it, so never one of ours; it proves no return.
        "UNFULFILLABLE": Holding.SOLD,
        # Not shipped and never will be.  The only word that gives units back.
        "CANCELED": Holding.CANCELLED,
        "CANCELLED": Holding.CANCELLED,
    }
)


def holding(status: str) -> Holding:
    """Return what a status means, however it is spelled; one that is new to us keeps the units: nothing came back."""
    return STATUSES.get(status.replace("_", "").upper(), Holding.SOLD)


def units(status: Holding, ordered: int, shipped: int) -> int:
    """Return the units that a line has taken: all that was ordered; of a cancelled one what had left before."""
    return min(ordered, shipped) if status is Holding.CANCELLED else ordered
