"""
Shopify's order webhooks.

Facts: shopify.dev/docs/apps/build/webhooks (headers, signature, delivery), the REST Order resource (body).
The signature covers the body only: the other headers choose how it is read and are never trusted further than that.
"""

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType

from ingest import fields
from ingest.fields import Object
from ingest.signature import hmac_base64, require
from ingest.webhook import Headers, Ignored, Line, NotUnderstood, Reading, Refused, unreadable
from schemas.compiled import maker

WHOLE_ORDER = frozenset(
    {
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/cancelled",
        "orders/fulfilled",
        "orders/partially_fulfilled",
    }
)
"""Topics whose body is the whole order."""
NAME_ONLY = MappingProxyType({"refunds/create": "order_id", "orders/delete": "id", "orders/edited": "order_id"})
"""Topics whose body names an order but not what it holds, and where its id stands."""
OURS = ("", "manual")
"""Fulfilment services whose stock is the seller's own."""
PUT_BACK = frozenset({"return", "cancel"})
"""Restock types that put units back; `no_restock` and the deprecated `legacy_restock` do not."""


_made = maker(Line)


def header(headers: Headers, name: str) -> str:
    """Return one of Shopify's headers, "" where there is none; "Events" send them without `x-`."""
    return headers.get(f"x-shopify-{name}", "") or headers.get(f"shopify-{name}", "")


def account(headers: Headers, body: bytes) -> str:
    """Return the shop's domain, which tells several accounts behind one address apart."""
    del body
    return header(headers, "shop-domain").lower()


def ping(headers: Headers, body: bytes) -> bool:
    """Shopify has no unsigned test."""
    del headers, body
    return False


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """Raise `BadSignature` unless the body carries base64(HMAC-SHA256(app secret, raw body)).  No time is signed."""
    del now_ms
    require([header(headers, "hmac-sha256")], [hmac_base64(secret.encode(), body) for secret in secrets])


def topic(headers: Headers) -> str:
    """Return the topic, "other" for one that we do not read."""
    name = header(headers, "topic").lower()
    return name if name in WHOLE_ORDER or name in NAME_ONLY else "other"


def parse(headers: Headers, body: bytes, now_ms: int) -> Reading:
    """Return what the body says its order holds."""
    order = fields.parse_object(body)
    name = topic(headers)
    if name in NAME_ONLY:
        edit = order.get("order_edit")
        return Reading(poll=True, order=fields.ident(edit if isinstance(edit, dict) else order, NAME_ONLY[name]))
    if name not in WHOLE_ORDER:
        raise NotUnderstood("a topic that we do not read")
    return read_order(order, seen_at(headers, now_ms))


def seen_at(headers: Headers, now_ms: int) -> int:
    """
    Return when Shopify saw the order so, milliseconds: `X-Shopify-Triggered-At`, the same on every retry.

    The header is not signed, so it never lies in the future; without it the time of receipt stands.
    """
    triggered = header(headers, "triggered-at")
    try:
        return min(fields.instant(triggered, "triggered-at"), now_ms) if triggered else now_ms
    except NotUnderstood:
        return now_ms


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what one order of the REST Admin API holds; shared with the poller.

    Args:
        order: `id, created_at, updated_at, test, line_items[], refunds[]` as in an `orders/updated` body.
        seen_at_ms: as of when.

    Raises `NotUnderstood` when the order has no id or no times; a faulty line is refused by itself.

    """
    number = fields.ident(order, "id")
    revision = fields.instant(order.get("updated_at"), "updated_at")
    ordered_at = fields.instant(order.get("created_at"), "created_at")
    items = fields.objects(order, "line_items")
    returned = _returned(order)
    lines, ignored, refused = list[Line](), list[Ignored](), list[Refused]()
    for at, item in enumerate(items):
        try:
            reason = _ignored(order, item)
            if reason is not None:
                ignored.append(reason)
                continue
            lines.append(_line(number, item, returned, (revision, seen_at_ms, ordered_at)))
        except NotUnderstood as error:
            refused.append(unreadable(f"line_items[{at}].{error}", number, fields.ident_if_any(item, "id")))
    return Reading(order=number, lines=tuple(lines), ignored=tuple(ignored), refused=tuple(refused))


def _returned(order: Object) -> Counter[str]:
    """Count the units put back, by line; a cancelled order without restock gives nothing back."""
    units: Counter[str] = Counter()
    for refund in fields.objects(order, "refunds"):
        for item in fields.objects(refund, "refund_line_items"):
            if fields.text(item, "restock_type") in PUT_BACK:
                units[fields.ident(item, "line_item_id")] += fields.integer(item, "quantity")
    return units


def _ignored(order: Object, item: Object) -> Ignored | None:
    """Return why a line is not ours to count, or None where it is."""
    if order.get("test") is True:
        return Ignored.TEST_ORDER
    if item.get("gift_card") is True:
        return Ignored.GIFT_CARD
    if fields.text(item, "fulfillment_service") not in OURS:
        return Ignored.THIRD_PARTY
    if item.get("variant_inventory_management", "") is None:
        return Ignored.UNTRACKED
    return None if item.get("sku") or item.get("variant_id") else Ignored.NO_PRODUCT


def _line(order: str, item: Object, returned: Counter[str], times: tuple[int, int, int]) -> Line:
    line = fields.ident(item, "id")
    revision, seen_at_ms, ordered_at = times
    return _made(
        order=order,
        line=line,
        sku=fields.text(item, "sku"),
        listing_id=fields.optional_ident(item, "variant_id"),
        # Not `current_quantity`: it also drops units that were taken off the order and never put back on the shelf.
        qty=max(0, fields.integer(item, "quantity") - returned[line]),
        revision=revision,
        seen_at=seen_at_ms,
        ordered_at=ordered_at,
    )
