"""Etsy's objects as its API shows them, pure. Source: Open API v3 `ShopReceipt`, `ShopListing`, `ListingInventory`."""

from collections.abc import Sequence
from typing import Any

from compose.fakes.books import Line, Listing, Order
from compose.fakes.shopify_bodies import number

SHOP_ID = 12345678
PRICE = 1950
View = dict[str, Any]


def money(units: int) -> View:
    """Show a price."""
    return {"amount": units * PRICE, "divisor": 100, "currency_code": "USD"}


def status(order: Order) -> str:
    """Tell a receipt's status; the reference writes these words small, the API capitalised."""
    if order.cancelled_at is not None:
        return "Canceled"
    if not order.refunds:
        return "Paid"
    return "Partially Refunded" if any(line.current for line in order.lines.values()) else "Fully Refunded"


def receipt(order: Order) -> View:
    """Show a receipt: the transactions as they were bought, whatever was refunded since."""
    created, updated = order.created_at // 1000, order.updated_at // 1000
    return {
        "receipt_id": number(order.order_id),
        "receipt_type": 0,
        "status": status(order),
        "is_paid": True,
        "is_shipped": False,
        "name": "Jane Doe",
        "buyer_email": "jane@example.com",
        "create_timestamp": created,
        "created_timestamp": created,
        "update_timestamp": updated,
        "updated_timestamp": updated,
        "grandtotal": money(sum(line.ordered for line in order.lines.values())),
        "shipments": [],
        "transactions": [transaction(line, created) for line in order.lines.values()],
        "refunds": [
            {"amount": money(sum(one.quantity for one in refund.lines)), "created_timestamp": refund.at // 1000}
            for refund in order.refunds
        ],
    }


def transaction(line: Line, created: int) -> View:
    """Show a line."""
    ids = line.listing.ids
    return {
        "transaction_id": number(line.line_id),
        "title": line.listing.sku,
        "created_timestamp": created,
        "quantity": line.ordered,
        "is_digital": False,
        "listing_id": ids["listing_id"],
        "product_id": ids["product_id"],
        "sku": line.listing.sku,
        "price": money(1),
    }


def inventory(products: Sequence[Listing]) -> View:
    """Show what a listing sells."""
    varied = [514] if len(products) > 1 else []
    return {
        "products": [product(one, varied=bool(varied)) for one in products],
        "price_on_property": [],
        "quantity_on_property": varied,
        "sku_on_property": varied,
    }


def product(one: Listing, *, varied: bool) -> View:
    """Show a product with its one offering."""
    values = [{"property_id": 514, "property_name": "Kind", "scale_id": None, "value_ids": [1], "values": [one.sku]}]
    offering = {
        "offering_id": one.ids["offering_id"],
        "quantity": one.level,
        "is_enabled": True,
        "is_deleted": False,
        "price": money(1),
    }
    return {
        "product_id": one.ids["product_id"],
        "sku": one.sku,
        "is_deleted": False,
        "offerings": [offering],
        "property_values": values if varied else [],
    }


def listing(products: Sequence[Listing], *, with_inventory: bool) -> View:
    """Show a listing; its inventory only where it was asked for."""
    first = products[0]
    return {
        "listing_id": first.ids["listing_id"],
        "shop_id": SHOP_ID,
        "title": first.sku,
        "state": state(products),
        "quantity": sum(max(one.level, 0) for one in products),
        "listing_type": "physical",
        "has_variations": len(products) > 1,
        "skus": [one.sku for one in products],
        "inventory": inventory(products) if with_inventory else None,
    }


def state(products: Sequence[Listing]) -> str:
    """Tell a listing's state: one that has nothing left is sold out."""
    return "active" if any(one.level > 0 for one in products) else "sold_out"
