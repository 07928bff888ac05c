"""Shopify's webhook bodies and headers (REST shapes), pure. Source: shopify.dev webhooks, recorded order bodies."""

import hashlib
from typing import Any

import orjson

from compose.fakes import times
from compose.fakes.books import Change, ChangeKind, Line, Order, Refund, RefundLine, RestockType
from compose.fakes.signing import body_signature

API_VERSION = "2026-10"
LOCATION_ID = 24826418
UNTRACKED = None
TOPICS_OF: dict[ChangeKind, tuple[str, ...]] = {
    ChangeKind.CREATED: ("orders/create",),
    ChangeKind.UPDATED: ("orders/updated",),
    ChangeKind.EDITED: ("orders/edited", "orders/updated"),
    ChangeKind.CANCELLED: ("orders/cancelled", "orders/updated"),
    ChangeKind.REFUNDED: ("orders/updated",),
}
TOPICS = ("orders/create", "orders/updated", "orders/cancelled", "refunds/create")
"""What a stand-in is subscribed to unless the control says otherwise; `orders/edited` only on request."""


def number(text: str) -> int | str:
    """Write an id as the number that it is at the vendor; ids of replayed files may be any text."""
    return int(text) if text.isdigit() and not text.startswith("0") else text


def gid(kind: str, key: int | str) -> str:
    """Write a GraphQL id."""
    return f"gid://shopify/{kind}/{key}"


def topics(change: Change) -> tuple[str, ...]:
    """Tell the topics of a change; a refund has its own, and an edit's refund without money none."""
    refunded = change.refund is not None and change.kind is not ChangeKind.EDITED
    return (*TOPICS_OF[change.kind], *(("refunds/create",) if refunded else ()))


def body(topic: str, change: Change) -> bytes:
    """Build the body of a topic as it is now; a retry carries these same bytes."""
    if topic == "refunds/create" and change.refund is not None:
        return orjson.dumps(refund(change.order, change.refund))
    if topic == "orders/edited":
        return orjson.dumps(edit(change))
    return orjson.dumps(order(change.order))


def order(source: Order) -> dict[str, Any]:
    """Write an order."""
    cancelled = source.cancelled_at
    return {
        "id": number(source.order_id),
        "admin_graphql_api_id": gid("Order", source.order_id),
        "name": f"#{source.number}",
        "order_number": source.number,
        "test": False,
        "confirmed": True,
        "financial_status": financial_status(source),
        "fulfillment_status": None,
        "cancelled_at": None if cancelled is None else times.with_offset(cancelled),
        "cancel_reason": source.cancel_reason,
        "location_id": None,
        "created_at": times.with_offset(source.created_at),
        "processed_at": times.with_offset(source.created_at),
        "updated_at": times.with_offset(source.updated_at),
        "source_name": "web",
        "currency": "USD",
        "line_items": [line_item(line) for line in source.lines.values()],
        "refunds": [refund(source, one) for one in source.refunds],
    }


def financial_status(source: Order) -> str:
    """Tell how much of an order was paid back."""
    if not any(line.removed for line in source.lines.values()):
        return "paid"
    return "partially_refunded" if any(line.current for line in source.lines.values()) else "refunded"


def line_item(line: Line) -> dict[str, Any]:
    """Write a line item."""
    ids = line.listing.ids
    return {
        "id": number(line.line_id),
        "admin_graphql_api_id": gid("LineItem", line.line_id),
        "variant_id": ids["variant_id"],
        "product_id": ids["product_id"],
        "sku": line.listing.sku,
        "name": line.listing.sku,
        "quantity": line.ordered,
        "current_quantity": line.current,
        "fulfillable_quantity": line.current,
        "fulfillment_service": "manual",
        "fulfillment_status": None,
        "variant_inventory_management": "shopify" if line.listing.managed else UNTRACKED,
        "product_exists": True,
        "gift_card": False,
        "requires_shipping": True,
        "price": "10.00",
    }


def refund(source: Order, one: Refund) -> dict[str, Any]:
    """Write a refund."""
    return {
        "id": one.number,
        "order_id": number(source.order_id),
        "created_at": times.with_offset(one.at),
        "processed_at": times.with_offset(one.at),
        "restock": any(item.restock_type is not RestockType.NO_RESTOCK for item in one.lines),
        "note": None,
        "refund_line_items": [refund_line(item) for item in one.lines],
        "transactions": [],
    }


def refund_line(item: RefundLine) -> dict[str, Any]:
    """Write one line of a refund; a line that was not restocked has no location."""
    back = item.restock_type is not RestockType.NO_RESTOCK
    return {
        "id": item.number,
        "line_item_id": number(item.line.line_id),
        "quantity": item.quantity,
        "restock_type": item.restock_type.value,
        "location_id": LOCATION_ID if back else None,
        "line_item": line_item(item.line),
    }


def edit(change: Change) -> dict[str, Any]:
    """Write an order edit: it names what changed and not the order (its full shape is not confirmed by the vendor)."""
    key = number(change.line.line_id) if change.line else None
    additions = [{"id": key, "delta": change.delta}] if change.delta > 0 else []
    removals = [{"id": key, "delta": -change.delta}] if change.delta < 0 else []
    return {
        "order_edit": {
            "id": change.order.number * 1000 + change.order.revision,
            "order_id": number(change.order.order_id),
            "created_at": times.with_offset(change.at),
            "line_items": {"additions": additions, "removals": removals},
        }
    }


def headers(*, secret: str, shop: str, topic: str, name: str, change: Change, sent: bytes) -> dict[str, str]:
    """Write the headers of one delivery; they are the same on each retry.

    The webhook id belongs to the delivery to one subscription (`name`), the event id to the change at the shop.
    """
    event = f"{shop}:{change.order.order_id}:{change.order.revision}"
    return {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Hmac-Sha256": body_signature(secret, sent),
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": f"{shop}.myshopify.com",
        "X-Shopify-API-Version": API_VERSION,
        "X-Shopify-Webhook-Id": uuid_of(f"{event}:{topic}:{name}"),
        "X-Shopify-Event-Id": uuid_of(event),
        "X-Shopify-Triggered-At": times.nanoseconds(change.at),
    }


def uuid_of(text: str) -> str:
    """Make an id that looks like the vendor's and is the same in each run of the same story."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
