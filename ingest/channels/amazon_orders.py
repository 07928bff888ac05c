"""
One order of Amazon's Orders API, as lines; the same lines as in its notifications, under the same ids.

`revision` is `lastUpdatedTime`, which is never before the `TimeOfOrderChange` of a change that the order shows: a poll
corrects every older notification and undoes no newer one.  A time in whole seconds stands for its whole second: what
was read two minutes later holds all of that second's changes.
"""

from ingest import fields
from ingest.channels.amazon import lines_of
from ingest.channels.amazon_units import Holding, holding, units
from ingest.fields import Object
from ingest.webhook import Ignored, Line, NotUnderstood, Reading

SECOND = 1_000
AMAZONS = "AMAZON"
"""Who fulfils an order out of Amazon's own stock."""


def lines(order: Object) -> list[str]:
    """Return the ids of all the order's items."""
    return fields.idents(order, "orderItems", "orderItemId")


def revision(changed: int) -> int:
    """Return the revision of a state that was last changed then, both in milliseconds."""
    return changed if changed % SECOND else changed + SECOND - 1


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what an order holds.

    Raises `NotUnderstood` when the order has no id, status or times; a faulty item is refused by itself.
    """
    number, fulfillment = fields.ident(order, "orderId"), order.get("fulfillment")
    if not isinstance(fulfillment, dict):
        raise fields.wrong("fulfillment", "an object", fulfillment)
    status, items = fields.text(fulfillment, "fulfillmentStatus"), fields.objects(order, "orderItems")
    if not status:
        raise NotUnderstood("fulfillment.fulfillmentStatus: missing")
    if fields.text(fulfillment, "fulfilledBy") == AMAZONS:
        return Reading(order=number, ignored=(Ignored.FULFILLED_BY_CHANNEL,) * max(1, len(items)))
    changed = fields.instant(order.get("lastUpdatedTime"), "lastUpdatedTime")
    times = (revision(changed), seen_at_ms, fields.instant(order.get("createdTime"), "createdTime"))
    place = ("orderItems", "orderItemId")
    found, refused = lines_of(number, items, place, lambda item: _line(number, holding(status), item, times))
    return Reading(order=number, lines=found, refused=refused)


def _line(order: str, status: Holding, item: Object, times: tuple[int, int, int]) -> Line:
    as_of, seen_at, ordered_at = times
    product = item.get("product")
    sku = fields.text(product, "sellerSku") if isinstance(product, dict) else ""
    return Line(
        order=order,
        line=fields.ident(item, "orderItemId"),
        sku=sku,
        listing_id=sku,
        qty=_units(status, item),
        revision=as_of,
        seen_at=seen_at,
        ordered_at=ordered_at,
        pending=status is Holding.PENDING,
    )


def _units(status: Holding, item: Object) -> int:
    """
    Return the units of an item.

    Of an item that was cancelled by itself (`cancellationExecution`; a request is none) those are left that have gone
    or still will: where Amazon names neither, all of them.
    """
    ordered, fulfillment, cancellation = (
        fields.integer(item, "quantityOrdered"),
        item.get("fulfillment"),
        item.get("cancellation"),
    )
    sent = fulfillment if isinstance(fulfillment, dict) else {}
    fulfilled = 0 if sent.get("quantityFulfilled") is None else fields.integer(sent, "quantityFulfilled")
    executed = isinstance(cancellation, dict) and cancellation.get("cancellationExecution") is not None
    if status is Holding.CANCELLED or not executed or sent.get("quantityUnfulfilled") is None:
        return units(status, ordered, fulfilled)
    return min(ordered, fulfilled + fields.integer(sent, "quantityUnfulfilled"))
