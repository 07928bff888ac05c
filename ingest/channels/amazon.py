"""
Amazon's order notifications (`ORDER_CHANGE`), by HTTP from a bridge or out of the queue: the body is the same.

Facts: amzn/selling-partner-api-models `schemas/notifications/OrderChangeNotification.json`; Amazon's own samples act on
`OrderLevel` and `MFN` only.  Amazon signs nothing: a queue is trusted because its policy lets only Amazon write, a
bridge because it knows a token that we share with it.  A notification is a snapshot of the whole order.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ingest import fields
from ingest.channels.amazon_units import Holding, holding, units
from ingest.fields import Object
from ingest.signature import require
from ingest.webhook import BadPayload, Headers, Ignored, Line, NotUnderstood, Reading, Refused, unreadable

EVENT = "ORDER_CHANGE"
TOKEN_HEADER = "x-auth-token"  # noqa: S105 - a header's name
BEARER = "bearer"
ORDER_LEVEL, ITEM_LEVEL = "OrderLevel", "OrderItemLevel"
OURS, AMAZONS = "MFN", "AFN"
"""Fulfilled by the merchant, or by Amazon out of Amazon's own stock."""


def account(headers: Headers, body: bytes) -> str:
    """Return the seller id that the body names, in lower case; "" where it cannot be read."""
    del headers
    try:
        return fields.ident(_change(notification(body)), "SellerId").lower()
    except (BadPayload, NotUnderstood):
        return ""


def ping(headers: Headers, body: bytes) -> bool:
    """A bridge sends no unsigned test."""
    del headers, body
    return False


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """Raise `BadSignature` unless the bridge shows one of the shared tokens, as a bearer or as `x-auth-token`."""
    del body, now_ms
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    offered = [headers.get(TOKEN_HEADER, ""), bearer if scheme.lower() == BEARER else ""]
    require([token for token in offered if token], [secret.encode() for secret in secrets])


def topic(headers: Headers) -> str:
    """Return the only event that is read; its name stands in the body, not in a header."""
    del headers
    return EVENT


def notification(body: bytes) -> Object:
    """Return the notification in a body, which may be JSON in a JSON string; raises `BadPayload`."""
    if body.lstrip()[:1] != b'"':
        return fields.parse_object(body)
    try:
        return fields.parse_object(orjson.loads(body).encode())
    except orjson.JSONDecodeError:
        raise BadPayload("not JSON") from None


def parse(headers: Headers, body: bytes, now_ms: int) -> Reading:
    """Return what the body says its order holds."""
    del headers
    told = notification(body)
    if fields.ident(told, "NotificationType") != EVENT:
        return Reading(ignored=(Ignored.OTHER_EVENT,))
    change = _change(told)
    summary = _object(change, "Summary")
    number, items = fields.ident(change, "AmazonOrderId"), fields.objects(summary, "OrderItems")
    reason = _ignored(change, summary)
    if reason is not None:
        return Reading(order=number, ignored=(reason,) * max(1, len(items)))
    return _read(number, summary, items, _times(told, change, summary, now_ms))


def _change(told: Object) -> Object:
    return _object(_object(told, "Payload"), "OrderChangeNotification")


def _object(holder: Object, name: str) -> Object:
    value: Any = holder.get(name)
    if not isinstance(value, dict):
        raise fields.wrong(name, "an object", value)
    return value


def _ignored(change: Object, summary: Object) -> Ignored | None:
    """Return why an order is not ours to count here, None where it is; raises `NotUnderstood` for other words."""
    level, fulfilled = change.get("NotificationLevel"), summary.get("FulfillmentType")
    if level not in (ORDER_LEVEL, ITEM_LEVEL):
        raise NotUnderstood(f"NotificationLevel: want {ORDER_LEVEL} or {ITEM_LEVEL}")
    if fulfilled not in (OURS, AMAZONS):
        raise NotUnderstood(f"FulfillmentType: want {OURS} or {AMAZONS}")
    if fulfilled == AMAZONS:
        return Ignored.FULFILLED_BY_CHANNEL
    # Each change is told on both levels; this one names only one of the order's lines.
    return Ignored.ITEM_LEVEL if level == ITEM_LEVEL else None


def _times(told: Object, change: Object, summary: Object, now_ms: int) -> tuple[int, int, int]:
    """
    Return revision, seenAt and orderedAt, milliseconds.

    `TimeOfOrderChange` and `PurchaseDate` may be null: then the change is as old as the notification, and the order as
    old as the change.  `EventTime` is the same on every redelivery and, coming from outside, never in the future.
    """
    published = fields.instant(told.get("EventTime"), "EventTime")
    changed = _object(change, "OrderChangeTrigger").get("TimeOfOrderChange")
    revision = published if changed is None else fields.instant(changed, "TimeOfOrderChange")
    bought = summary.get("PurchaseDate")
    ordered_at = revision if bought is None else fields.instant(bought, "PurchaseDate")
    return revision, min(published, now_ms), ordered_at


def _read(number: str, summary: Object, items: Sequence[Object], times: tuple[int, int, int]) -> Reading:
    status = fields.text(summary, "OrderStatus")
    if not status:
        raise NotUnderstood("OrderStatus: missing")
    place = ("OrderItems", "OrderItemId")
    lines, refused = lines_of(number, items, place, lambda item: _line(number, holding(status), item, times))
    return Reading(order=number, lines=lines, refused=refused, poll=not items)


def _line(order: str, status: Holding, item: Object, times: tuple[int, int, int]) -> Line:
    revision, seen_at, ordered_at = times
    own = fields.text(item, "OrderItemStatus")
    if own and holding(own) is Holding.CANCELLED:
        status = Holding.CANCELLED
    shipped = 0 if item.get("QuantityShipped") is None else fields.integer(item, "QuantityShipped")
    sku = fields.text(item, "SellerSKU")
    return Line(
        order=order,
        line=fields.ident(item, "OrderItemId"),
        sku=sku,
        listing_id=sku,
        # A buyer's wish to cancel (`IsBuyerRequestedCancel`) gives nothing back: the seller may ship all the same.
        qty=units(status, fields.integer(item, "Quantity"), shipped),
        revision=revision,
        seen_at=seen_at,
        ordered_at=ordered_at,
        pending=status is Holding.PENDING,
    )


def lines_of(
    number: str, items: Sequence[Object], place: tuple[str, str], read: Callable[[Object], Line]
) -> tuple[tuple[Line, ...], tuple[Refused, ...]]:
    """
    Return an order's lines, and what is no line or names one again: two states of one as of one revision lose units.

    Args:
        number: the order's.
        items: what it lists.
        place: the list's name, and the name of an item's id, for what cannot be read.
        read: returns an item's line; raises `NotUnderstood`.

    """
    name, key = place
    kept, refused, twice = dict[str, Line](), list[Refused](), list[Refused]()
    for at, item in enumerate(items):
        try:
            line = read(item)
        except NotUnderstood as error:
            refused.append(unreadable(f"{name}[{at}].{error}", number, fields.ident_if_any(item, key)))
            continue
        if kept.setdefault(line.line, line) is not line:
            twice.append(unreadable("an order item's id is given twice", number, line.line))
    return tuple(kept.values()), (*refused, *twice)
