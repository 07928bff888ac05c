"""The root fields of Shopify's Admin API that a stand-in answers. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from compose.fakes import shopify_variants
from compose.fakes import shopify_views as views
from compose.fakes.account import Account
from compose.fakes.books import Listing, Order
from compose.fakes.graphql_engine import Call, Refused, Resolver
from compose.fakes.shopify_bodies import LOCATION_ID, gid, number
from compose.fakes.shopify_bulk import Bulk
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


def listing_fields(listing: Listing, key: str) -> dict[str, Any]:
    """Give the fields of an inventory item or a variant that can be searched."""
    return {"id": listing.ids[key], "sku": listing.sku, "updated_at": listing.moved_at // 1000}


class Queries:
    """The root fields of one account."""

    def __init__(self, account: Account) -> None:
        """Answer from this account's shop."""
        self.account = account
        self.shop = account.shop
        self.bulk = Bulk(account=account)
        self.inventory = Inventory(account=account)
        self._finders: Mapping[str, Callable[[str], dict[str, Any] | None]] = {
            "BulkOperation": self.bulk.node,
            "InventoryItem": self._item,
            "Location": lambda key: views.location() if key == str(LOCATION_ID) else None,
            "Order": self._order,
            "ProductVariant": self._variant,
            "Refund": self._refund,
        }

    def table(self) -> dict[str, Resolver]:
        """Give the resolver of every root field, queries and mutations."""
        return {
            "bulkOperationRunQuery": self.bulk.run,
            "inventoryItem": lambda call: self.node(call.args["id"]),
            "inventoryItems": lambda call: self.listings(call, "inventory_item_id", views.item),
            "inventorySetQuantities": self.inventory.set_quantities,
            "locations": lambda call: connection([([LOCATION_ID], None)], call.args, lambda _: views.location()),
            "node": lambda call: self.node(call.args["id"]),
            "nodes": lambda call: [self.node(key) for key in call.args["ids"]],
            "order": lambda call: self.node(call.args["id"]),
            "orders": self.orders,
            "productVariantsBulkUpdate": lambda call: shopify_variants.update(self.account, call),
            "productVariants": lambda call: self.listings(call, "variant_id", views.variant),
            "shop": lambda _: {
                "id": gid("Shop", 1),
                "name": self.account.name,
                "myshopifyDomain": f"{self.account.name}.myshopify.com",
            },
        }

    def orders(self, call: Call) -> dict[str, Any]:
        """Page through the orders that a search finds, by the asked key."""
        wanted = search(call.args.get("query"))
        key = ORDER_KEYS[call.args.get("sortKey") or "PROCESSED_AT"]
        rows = [(key(order), order) for order in self.shop.orders.values() if wanted(order_fields(order))]
        rows.sort(key=lambda row: row[0])
        return connection(rows, call.args, views.order)

    def listings(self, call: Call, key: str, view: Callable[[Listing], dict[str, Any]]) -> dict[str, Any]:
        """Page through the listings that a search finds, by one of their ids."""
        wanted = search(call.args.get("query"))
        rows = [([one.ids[key]], one) for one in self.shop.listings.values() if wanted(listing_fields(one, key))]
        rows.sort(key=lambda row: row[0])
        return connection(rows, call.args, view)

    def node(self, node_id: str) -> dict[str, Any] | None:
        """Find one thing by its global id. Raises Refused for a text that is none."""
        kind, _, key = node_id.removeprefix("gid://shopify/").partition("/")
        if not key or not node_id.startswith("gid://shopify/"):
            message = f"Invalid global id '{node_id}'"
            raise Refused(message, "argumentLiteralsIncompatible")
        return self._finders[kind](key) if kind in self._finders else None

    def _item(self, key: str) -> dict[str, Any] | None:
        return views.item(self.shop.listings[key]) if key in self.shop.listings else None

    def _order(self, key: str) -> dict[str, Any] | None:
        return views.order(self.shop.orders[key]) if key in self.shop.orders else None

    def _variant(self, key: str) -> dict[str, Any] | None:
        found = (one for one in self.shop.listings.values() if str(one.ids["variant_id"]) == key)
        return next((views.variant(one) for one in found), None)

    def _refund(self, key: str) -> dict[str, Any] | None:
        found = (one for order in self.shop.orders.values() for one in order.refunds if str(one.number) == key)
        return next((views.refund(one) for one in found), None)
