"""
WooCommerce's order webhooks.

Facts: woocommerce `includes/class-wc-webhook.php` (headers, signature, ping, no retry) and `wc-stock-functions.php`
(when a shop takes and gives back its own stock).  The body is built when it is sent, so it is a snapshot: whatever the
event, it says what the order holds now.
"""

import re
from collections.abc import Sequence
from datetime import UTC

from ingest import fields
from ingest.fields import Object
from ingest.signature import hmac_base64, require
from ingest.webhook import Headers, Ignored, Line, NotUnderstood, Reading, Refused, unreadable

SNAPSHOTS = frozenset({"order.created", "order.updated", "order.restored"})
NAME_ONLY = frozenset({"order.deleted"})
"""Its body is the id alone.  A shop keeps the units of an order that is put in the bin, and so do we."""
SOLD = frozenset({"processing", "on-hold", "completed"})
"""Statuses in which a shop that says nothing about its own stock has sold the line."""
DRAFTS = frozenset({"checkout-draft", "auto-draft"})
"""Baskets on their way through the checkout; they reach `order.updated` (woocommerce#66995)."""
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


def account(headers: Headers, body: bytes) -> str:
    """WooCommerce has no shared address: each shop is given its own."""
    del headers, body
    return ""


def ping(headers: Headers, body: bytes) -> bool:
    """Say whether this is the unsigned form body `webhook_id=NN`; only a 200 to it activates a webhook."""
    return "x-wc-webhook-signature" not in headers and _PING.fullmatch(body) is not None


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """Raise `BadSignature` unless the body carries base64(HMAC-SHA256(secret, raw body)).  No time is signed."""
    del now_ms
    given = headers.get("x-wc-webhook-signature", "")
    require([given], [hmac_base64(secret.encode(), body) for secret in secrets])


def topic(headers: Headers) -> str:
    """Return the topic, "other" for one that we do not read."""
    name = headers.get("x-wc-webhook-topic", "")
    return name if name in SNAPSHOTS | NAME_ONLY else "other"


def parse(headers: Headers, body: bytes, now_ms: int) -> Reading:
    """Return what the body says its order holds; seen at receipt, since the body is built at send time."""
    order = fields.parse_object(body)
    name = topic(headers)
    if name in NAME_ONLY:
        return Reading(poll=True, order=fields.ident(order, "id"))
    if name not in SNAPSHOTS:
        raise NotUnderstood("a topic that we do not read")
    return read_order(order, now_ms)


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what one order of the REST API v3 holds; shared with the poller.

    Args:
        order: `id, status, date_created_gmt, date_modified_gmt, line_items[]`.
        seen_at_ms: as of when.

    Raises `NotUnderstood` when the order has no id, status or times; a faulty line is refused by itself.

    """
    number = fields.ident(order, "id")
    status = fields.text(order, "status")
    if not status:
        raise NotUnderstood("status: missing")
    items = fields.objects(order, "line_items")
    if status in DRAFTS:
        return Reading(order=number, ignored=(Ignored.DRAFT,) * len(items))
    revision = fields.instant(order.get("date_modified_gmt"), "date_modified_gmt", UTC)
    ordered_at = fields.instant(order.get("date_created_gmt"), "date_created_gmt", UTC)
    lines, ignored, refused = list[Line](), list[Ignored](), list[Refused]()
    for at, item in enumerate(items):
        try:
            line = _line((number, status), item, (revision, seen_at_ms, ordered_at))
        except NotUnderstood as error:
            refused.append(unreadable(f"line_items[{at}].{error}", number, fields.ident_if_any(item, "id")))
            continue
        if line.sku or line.listing_id:
            lines.append(line)
        else:
            ignored.append(Ignored.NO_PRODUCT)
    return Reading(order=number, lines=tuple(lines), ignored=tuple(ignored), refused=tuple(refused))


def _line(order: tuple[str, str], item: Object, times: tuple[int, int, int]) -> Line:
    revision, seen_at_ms, ordered_at = times
    return Line(
        order=order[0],
        line=fields.ident(item, "id"),
        sku=fields.text(item, "sku"),
        listing_id=fields.optional_ident(item, "variation_id") or fields.optional_ident(item, "product_id"),
        qty=_held(order[1], item),
        revision=revision,
        seen_at=seen_at_ms,
        ordered_at=ordered_at,
    )


def _held(status: str, item: Object) -> int:
    """
    Return the units that the line has taken.

    `_reduced_stock` is the shop's own book: what it took from its stock for this line, less what a refund put back.
    Where the shop keeps no stock for the product, the status decides.
    """
    for meta in fields.objects(item, "meta_data"):
        if meta.get("key") == "_reduced_stock":
            return fields.whole(meta.get("value"), "_reduced_stock")
    ordered = fields.whole(item.get("quantity"), "quantity")
    return ordered if status in SOLD else 0
