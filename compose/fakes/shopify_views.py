"""Shopify's objects as GraphQL shows them: dictionaries whose costly or argument-taking fields are callables. Pure."""

from collections.abc import Mapping
from typing import Any

from compose.fakes import times
from compose.fakes.books import Line, Listing, Order, Refund, RefundLine, RestockType
from compose.fakes.shopify_bodies import LOCATION_ID, financial_status, gid, number
from compose.fakes.shopify_search import connection

Args = Mapping[str, Any]
View = dict[str, Any]


def location() -> View:
    """Show the shop's one location."""
    return {
        "__typename": "Location",
        "id": gid("Location", LOCATION_ID),
        "legacyResourceId": str(LOCATION_ID),
        "name": "Shop location",
        "isActive": True,
    }


def item(listing: Listing) -> View:
    """Show an inventory item."""
    key = listing.ids["inventory_item_id"]
    rows = [([LOCATION_ID], listing)]
    return {
        "__typename": "InventoryItem",
        "id": gid("InventoryItem", key),
        "legacyResourceId": str(key),
        "sku": listing.sku,
        "tracked": listing.managed,
        "requiresShipping": True,
        "updatedAt": times.zulu(listing.moved_at),
        "variant": lambda _: variant(listing),
        "inventoryLevel": lambda args: level(listing) if args["locationId"] == gid("Location", LOCATION_ID) else None,
        "inventoryLevels": lambda args: connection(rows, args, level),
    }


def level(listing: Listing) -> View:
    """Show an item's level at the location."""
    amounts = {"available": listing.level, "committed": listing.committed, "on_hand": listing.level + listing.committed}
    key = f"{listing.ids['inventory_item_id']}?inventory_item_id={listing.ids['inventory_item_id']}"

    def quantities(args: Args) -> list[View]:
        return [
            {
                "__typename": "InventoryQuantity",
                "id": gid("InventoryQuantity", f"{key}&name={name}"),
                "name": name,
                "quantity": amounts.get(name, 0),
                "updatedAt": times.zulu(listing.moved_at),
            }
            for name in args["names"]
        ]

    return {
        "__typename": "InventoryLevel",
        "id": gid("InventoryLevel", key),
        "isActive": True,
        "updatedAt": times.zulu(listing.moved_at),
        "location": lambda _: location(),
        "item": lambda _: item(listing),
        "quantities": quantities,
    }


def variant(listing: Listing) -> View:
    """Show a product variant."""
    key = listing.ids["variant_id"]
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", key),
        "legacyResourceId": str(key),
        "sku": listing.sku,
        "title": "Default Title",
        "displayName": f"{listing.sku} - Default Title",
        "inventoryPolicy": listing.oversells or "DENY",
        "inventoryQuantity": listing.level,
        "updatedAt": times.zulu(listing.moved_at),
        "inventoryItem": lambda _: item(listing),
        "product": lambda _: product(listing),
    }


def product(listing: Listing) -> View:
    """Show a product."""
    key = listing.ids["product_id"]
    return {
        "__typename": "Product",
        "id": gid("Product", key),
        "legacyResourceId": str(key),
        "title": listing.sku,
    }


def order(source: Order) -> View:
    """Show an order; its lines come in pages, its refunds as a list."""
    lines = [([place], line) for place, line in enumerate(source.lines.values())]
    cancelled, reason = source.cancelled_at, source.cancel_reason
    return {
        "__typename": "Order",
        "id": gid("Order", source.order_id),
        "legacyResourceId": str(number(source.order_id)),
        "name": f"#{source.number}",
        "createdAt": times.zulu(source.created_at),
        "processedAt": times.zulu(source.created_at),
        "updatedAt": times.zulu(source.updated_at),
        "cancelledAt": None if cancelled is None else times.zulu(cancelled),
        "cancelReason": None if reason is None else reason.upper(),
        "closed": False,
        "confirmed": True,
        "edited": source.revision > 1,
        "test": False,
        "sourceName": "web",
        "displayFinancialStatus": financial_status(source).upper(),
        "lineItems": lambda args: connection(lines, args, line_item),
        "refunds": lambda args: [refund(one) for one in source.refunds[: args.get("first")]],
    }


def line_item(line: Line) -> View:
    """Show a line of an order."""
    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line.line_id),
        "sku": line.listing.sku,
        "name": line.listing.sku,
        "quantity": line.ordered,
        "currentQuantity": line.current,
        "unfulfilledQuantity": line.current,
        "isGiftCard": False,
        "requiresShipping": True,
        "fulfillmentService": {"handle": "manual", "serviceName": "Manual"},
        "product": lambda _: product(line.listing),
        "variant": lambda _: variant(line.listing),
    }


def refund(one: Refund) -> View:
    """Show a refund; its lines come in pages."""
    rows = [([place], line) for place, line in enumerate(one.lines)]
    at = times.zulu(one.at)
    return {
        "__typename": "Refund",
        "id": gid("Refund", one.number),
        "legacyResourceId": str(one.number),
        "createdAt": at,
        "updatedAt": at,
        "processedAt": at,
        "note": None,
        "refundLineItems": lambda args: connection(rows, args, refund_line),
    }


def refund_line(one: RefundLine) -> View:
    """Show a line of a refund."""
    back = one.restock_type is not RestockType.NO_RESTOCK
    return {
        "id": gid("RefundLineItem", one.number),
        "quantity": one.quantity,
        "restockType": one.restock_type.value.upper(),
        "restocked": back,
        "lineItem": lambda _: line_item(one.line),
        "location": lambda _: location() if back else None,
    }
