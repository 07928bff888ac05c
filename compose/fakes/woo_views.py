"""WooCommerce's REST objects, pure. Source: woocommerce-rest-api-docs v3 and the code of `class-wc-webhook.php`.

The shop takes stock when an order is processing, and writes on each line what it took (`_reduced_stock`).
"""

from typing import Any

from compose.fakes import times
from compose.fakes.books import Line, Listing, Order, Refund
from compose.fakes.shopify_bodies import number

PRICE = 10


def status(order: Order) -> str:
    """Tell an order's status: there is no cancel or refund topic, this word is all."""
    if order.cancelled_at is not None:
        return "cancelled"
    return "processing" if any(line.current for line in order.lines.values()) else "refunded"


def order(source: Order) -> dict[str, Any]:
    """Show an order as it is now."""
    total = sum(line.ordered for line in source.lines.values()) * PRICE
    return {
        "id": number(source.order_id),
        "parent_id": 0,
        "number": source.order_id,
        "status": status(source),
        "currency": "USD",
        "date_created": times.local(source.created_at),
        "date_created_gmt": times.gmt(source.created_at),
        "date_modified": times.local(source.updated_at),
        "date_modified_gmt": times.gmt(source.updated_at),
        "total": f"{total}.00",
        "line_items": [line_item(source, line) for line in source.lines.values()],
        "refunds": [refund_note(one) for one in refunds(source)],
    }


def refunds(source: Order) -> list[Refund]:
    """List the refunds: neither an edit nor a cancellation makes one."""
    return [one for one in source.refunds if one.money]


def line_item(source: Order, line: Line) -> dict[str, Any]:
    """Show a line; a refund lowers the mark of what it took from stock, a cancellation that restocks removes it."""
    gone = source.cancelled_at is not None and not line.held
    taken = [] if gone else [{"id": line.number, "key": "_reduced_stock", "value": str(line.held)}]
    quantity = line.ordered - line.edited_off
    return {
        "id": number(line.line_id),
        "name": line.listing.sku,
        "product_id": line.listing.ids["product_id"],
        "variation_id": line.listing.ids["variation_id"],
        "quantity": quantity,
        "sku": line.listing.sku,
        "price": PRICE,
        "total": f"{quantity * PRICE}.00",
        "meta_data": taken,
    }


def refund_note(one: Refund) -> dict[str, Any]:
    """Show a refund inside its order: money only."""
    return {"id": one.number, "reason": "", "total": f"-{sum(item.quantity for item in one.lines) * PRICE}.00"}


def refund(one: Refund) -> dict[str, Any]:
    """Show a refund with its lines, as `GET orders/{id}/refunds` does; its quantities are negative."""
    lines = [
        {
            "id": item.number,
            "product_id": item.line.listing.ids["product_id"],
            "variation_id": item.line.listing.ids["variation_id"],
            "quantity": -item.quantity,
            "sku": item.line.listing.sku,
            "meta_data": [{"key": "_refunded_item_id", "value": item.line.line_id}],
        }
        for item in one.lines
    ]
    return {
        "id": one.number,
        "date_created_gmt": times.gmt(one.at),
        "amount": f"{sum(item.quantity for item in one.lines) * PRICE}.00",
        "reason": "",
        "line_items": lines,
    }


def product(listing: Listing) -> dict[str, Any]:
    """Show a simple product or a variation; without stock management there is no number."""
    parent = listing.ids["parent_id"]
    empty = "onbackorder" if listing.oversells else "outofstock"
    return {
        "id": listing.ids["variation_id"] or listing.ids["product_id"],
        "name": listing.sku,
        "type": "variation" if parent else "simple",
        "status": "publish",
        "sku": listing.sku,
        "manage_stock": listing.managed,
        "stock_quantity": listing.level if listing.managed else None,
        "stock_status": "instock" if listing.level > 0 or not listing.managed else empty,
        "backorders": listing.oversells or "no",
        "parent_id": parent,
        "variations": [],
        "date_modified_gmt": times.gmt(listing.moved_at),
    }


def parent(parent_id: int, variations: list[int]) -> dict[str, Any]:
    """Show a variable product: it has no stock of its own here, its variations have."""
    return {
        "id": parent_id,
        "name": f"Variable product {parent_id}",
        "type": "variable",
        "status": "publish",
        "sku": "",
        "manage_stock": False,
        "stock_quantity": None,
        "stock_status": "instock",
        "backorders": "no",
        "parent_id": 0,
        "variations": variations,
        "date_modified_gmt": times.gmt(0),
    }
