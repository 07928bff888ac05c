"""The root fields of Shopify's Admin API that a stand-in answers. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from compose.fakes import shopify_views as views
from compose.fakes.account import Account
from compose.fakes.books import Listing, Order
from compose.fakes.graphql_engine import Call, Refused, Resolver
from compose.fakes.shopify_bodies import LOCATION_ID, gid, number
from compose.fakes.shopify_inventory import Inventory
from compose.fakes.shopify_search import connection, search

ORDER_KEYS: Mapping[str, Callable[[Order], list[Any]]] = {
    "CREATED_AT": lambda order: [order.created_at // 1000, str(number(order.order_id)).zfill(20)],
    "ID": lambda order: [str(number(order.order_id)).zfill(20)],
    "ORDER_NUMBER": lambda order: [order.number],
    "PROCESSED_AT": lambda order: [order.created_at // 1000, str(number(order.order_id)).zfill(20)],
    "UPDATED_AT": lambda order: [order.updated_at // 1000, str(number(order.order_id)).zfill(20)],
}


def order_fields(order: Order) -> dict[str, Any]:
    """Give the fields of an order that can be searched; times in whole seconds."""
    return {
        "id": number(order.order_id),
        "name": f"#{order.number}",
        "created_at": order.created_at // 1000,
        "processed_at": order.created_at // 1000,
        "updated_at": order.updated_at // 1000,
    }


def listing_fields(listing: Listing) -> dict[str, Any]:
    """Give the fields of an inventory item or a variant that can be searched."""
    return {"sku": listing.sku, "updated_at": listing.moved_at // 1000}


def resolvers(account: Account) -> dict[str, Resolver]:
    """Make the root fields of one account."""
    shop = account.shop
    inventory = Inventory(account=account)
    by_variant: dict[str, Listing] = {}

    def orders(call: Call) -> dict[str, Any]:
        wanted = search(call.args.get("query"))
        key = ORDER_KEYS[call.args.get("sortKey") or "PROCESSED_AT"]
        rows = sorted(
            (key(order), place) for place, order in enumerate(shop.orders.values()) if wanted(order_fields(order))
        )
        everything = list(shop.orders.values())
        return connection([(mark, everything[place]) for mark, place in rows], call.args, views.order)

    def listings(kind: str, view: Callable[[Listing], dict[str, Any]]) -> Resolver:
        def answer(call: Call) -> dict[str, Any]:
            wanted = search(call.args.get("query"))
            rows = [
                ([one.ids[kind]], one)
                for one in shop.listings.values()
                if wanted({**listing_fields(one), "id": one.ids[kind]})
            ]
            rows.sort(key=lambda row: row[0])
            return connection(rows, call.args, view)

        return answer

    def variant_of(key: str) -> dict[str, Any] | None:
        if key not in by_variant:
            by_variant.update({str(one.ids["variant_id"]): one for one in shop.listings.values()})
        return views.variant(by_variant[key]) if key in by_variant else None

    def item_of(key: str) -> dict[str, Any] | None:
        return views.item(shop.listings[key]) if key in shop.listings else None

    def order_of(key: str) -> dict[str, Any] | None:
        return views.order(shop.orders[key]) if key in shop.orders else None

    finders: dict[str, Callable[[str], dict[str, Any] | None]] = {
        "InventoryItem": item_of,
        "Location": lambda key: views.location() if key == str(LOCATION_ID) else None,
        "Order": order_of,
        "ProductVariant": variant_of,
    }

    def one(node_id: str) -> dict[str, Any] | None:
        kind, _, key = node_id.removeprefix("gid://shopify/").partition("/")
        if not key or not node_id.startswith("gid://shopify/"):
            message = f"Invalid global id '{node_id}'"
            raise Refused(message, "argumentLiteralsIncompatible")
        return finders[kind](key) if kind in finders else None

    return {
        "inventoryItem": lambda call: one(call.args["id"]),
        "inventoryItems": listings("inventory_item_id", views.item),
        "inventorySetQuantities": inventory.set_quantities,
        "locations": lambda call: connection([([LOCATION_ID], None)], call.args, lambda _: views.location()),
        "node": lambda call: one(call.args["id"]),
        "nodes": lambda call: [one(key) for key in call.args["ids"]],
        "order": lambda call: one(call.args["id"]),
        "orders": orders,
        "productVariants": listings("variant_id", views.variant),
        "shop": lambda _: {
            "id": gid("Shop", 1),
            "name": account.name,
            "myshopifyDomain": f"{account.name}.myshopify.com",
        },
    }
