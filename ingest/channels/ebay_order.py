"""
What an eBay order holds.

Facts: Fulfillment API 1.20, `Order`, `LineItem`, `CancelStateEnum` (NONE_REQUESTED, IN_PROGRESS, CANCELED), `Program`.
eBay cancels whole orders; a line has no cancellation of its own.  A refund is money and gives no unit back.
"""

from typing import Any

from ingest import fields
from ingest.fields import Object
from ingest.webhook import Ignored, Line, NotUnderstood, Reading, Refused, unreadable

CANCELLED = "CANCELED"
"""`IN_PROGRESS` is a wish that the seller may still refuse: the units stay with the order."""
EBAY = "EBAY"


def lines(order: Object) -> list[str]:
    """Return the ids of all the order's lines."""
    return fields.idents(order, "lineItems", "lineItemId")


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what one order holds.

    Args:
        order: `orderId, creationDate, lastModifiedDate, cancelStatus, program, lineItems[]`.
        seen_at_ms: as of when.

    Raises `NotUnderstood` when the order has no id or no times; a faulty line is refused by itself.

    """
    number = fields.ident(order, "orderId")
    revision = fields.instant(order.get("lastModifiedDate"), "lastModifiedDate")
    ordered_at = fields.instant(order.get("creationDate"), "creationDate")
    elsewhere = _at(order, "program", "fulfillmentProgram", "fulfilledBy") == EBAY
    nothing = elsewhere or _at(order, "cancelStatus", "cancelState") == CANCELLED
    found, ignored, refused = list[Line](), list[Ignored](), list[Refused]()
    for at, item in enumerate(fields.objects(order, "lineItems")):
        try:
            line = _line(number, item, (revision, seen_at_ms, ordered_at), nothing=nothing)
        except NotUnderstood as error:
            line_id = fields.ident_if_any(item, "lineItemId")
            refused.append(unreadable(f"lineItems[{at}].{error}", number, line_id))
            continue
        reason = _ignored(item, line)
        if reason is None:
            found.append(line)
        if reason or elsewhere:
            ignored.append(reason or Ignored.FULFILLED_BY_CHANNEL)
    return Reading(order=number, lines=tuple(found), ignored=tuple(ignored), refused=tuple(refused))


def _at(value: Any, *path: str) -> Any:
    """Return what stands at a place, None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _ignored(item: Object, line: Line) -> Ignored | None:
    """Return why a line is not ours to count, or None where it is."""
    if isinstance(item.get("giftDetails"), dict):
        return Ignored.GIFT_CARD
    return None if line.sku or line.listing_id else Ignored.NO_PRODUCT


def _line(order: str, item: Object, times: tuple[int, int, int], *, nothing: bool) -> Line:
    """
    Return a line and what it holds.

    The units of an order that eBay fulfils lie in eBay's warehouse.  It says so only once the order is paid for, so
    such a line holds 0 from then on instead of being passed over: it may have been counted before.
    """
    revision, seen_at_ms, ordered_at = times
    quantity = fields.integer(item, "quantity")
    return Line(
        order=order,
        line=fields.ident(item, "lineItemId"),
        sku=fields.text(item, "sku"),
        listing_id=listing_id(item),
        qty=0 if nothing else quantity,
        revision=revision,
        seen_at=seen_at_ms,
        ordered_at=ordered_at,
    )


def listing_id(item: Object) -> str:
    """
    Return the id by which `listing` knows what was sold, "" where no listing is named.

    It is the listing's number; a variation is told apart by its SKU, which the Inventory API demands of each, or
    without one by its own number: `110553811234`, `110553811234/TEE-M`, `110553811234/410103456789`.
    """
    listing = fields.optional_ident(item, "legacyItemId")
    variation = fields.optional_ident(item, "legacyVariationId")
    if not listing or not variation:
        return listing
    return f"{listing}/{fields.text(item, 'sku') or variation}"
