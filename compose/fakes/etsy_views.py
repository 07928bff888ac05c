"""Etsy's objects as its API shows them, pure. Source: Open API v3 `ShopReceipt`, `ShopListing`, `ListingInventory`."""

from collections.abc import Mapping, Sequence
from html import escape

from compose.fakes.books import Line, Listing, Order
from compose.fakes.etsy_sheets import PRICE, Sheets, View
from compose.fakes.shopify_bodies import number

SHOP_ID = 12345678


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


def receipt(order: Order, sheets: Sheets, groups: Mapping[int, Sequence[Listing]]) -> View:
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
        "transactions": [
            transaction(line, order.created_at, sheets, varied=len(groups.get(line.listing.ids["listing_id"], ())) > 1)
            for line in order.lines.values()
        ],
        "refunds": [
            {"amount": money(sum(one.quantity for one in refund.lines)), "created_timestamp": refund.at // 1000}
            for refund in order.refunds
        ],
    }


def transaction(line: Line, created_at: int, sheets: Sheets, *, varied: bool) -> View:
    """Show a line, with the ids and the values that its product had when it was bought.

    What the buyer asked for in words stands among the variations and is none; words there are escaped (open-api #254).
    """
    product, values = sheets.bought(line.listing, created_at, varied=varied)
    chosen = [
        {
            "property_id": value["property_id"],
            "value_id": value["value_ids"][0],
            "formatted_name": value["property_name"],
            "formatted_value": escape(", ".join(value["values"])),
        }
        for value in values
    ]
    words = {"property_id": 54, "value_id": None, "formatted_name": "Personalization", "formatted_value": "For Jo"}
    return {
        "transaction_id": number(line.line_id),
        "title": line.listing.sku,
        "created_timestamp": created_at // 1000,
        "quantity": line.ordered,
        "is_digital": False,
        "listing_id": line.listing.ids["listing_id"],
        "product_id": product,
        "sku": line.listing.sku,
        "price": money(1),
        "variations": [*chosen, words],
        "product_data": values,
    }


def inventory(sheets: Sheets, number: int, products: Sequence[Listing]) -> View:
    """Show what a listing sells."""
    return {
        "products": [product(sheets, one, varied=len(products) > 1) for one in products],
        **sheets.on_property(number, products),
    }


def product(sheets: Sheets, one: Listing, *, varied: bool, deleted: bool = False) -> View:
    """Show a product with its one offering."""
    sheet = sheets.sheet(one, varied=varied)
    offering = {
        "offering_id": one.ids["offering_id"],
        "quantity": sheets.number(one),
        "is_enabled": sheet.enabled,
        "is_deleted": deleted,
        "price": sheet.price,
        "readiness_state_id": sheet.readiness,
    }
    return {
        "product_id": one.ids["product_id"],
        "sku": one.sku,
        "is_deleted": deleted,
        "offerings": [offering],
        "property_values": sheet.values,
    }


def listing(sheets: Sheets, number: int, products: Sequence[Listing], *, with_inventory: bool) -> View:
    """Show a listing; its inventory only where it was asked for."""
    return {
        "listing_id": number,
        "shop_id": SHOP_ID,
        "title": products[0].sku,
        "state": sheets.state(number, products),
        "quantity": sum(max(sheets.number(one), 0) for one in products),
        "listing_type": "physical",
        "has_variations": len(products) > 1,
        "skus": [one.sku for one in products],
        "inventory": inventory(sheets, number, products) if with_inventory else None,
    }
