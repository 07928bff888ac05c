"""
Shopify's `productVariantsBulkUpdate`, as far as inventory clients use it: the inventory policy.  Pure.

One product a call; without `allowPartialUpdates` a bad variant fails all.  Codes and field paths are those of recorded
2025-01 answers.
"""

from collections.abc import Mapping
from typing import Any

from compose.fakes import shopify_views as views
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.graphql_engine import Call
from compose.fakes.shopify_bodies import gid

DENY = "DENY"
MESSAGES = {
    "PRODUCT_DOES_NOT_EXIST": "Product does not exist",
    "PRODUCT_VARIANT_DOES_NOT_EXIST": "Product variant does not exist",
    "PRODUCT_VARIANT_ID_MISSING": "Product variant is missing ID attribute",
}


def update(account: Account, call: Call) -> dict[str, Any]:
    """Serve the mutation."""
    product = call.args["productId"]
    mine = {
        gid("ProductVariant", one.ids["variant_id"]): one
        for one in account.shop.listings.values()
        if gid("Product", one.ids["product_id"]) == product
    }
    if not mine:
        return _answer(None, [], [_error("PRODUCT_DOES_NOT_EXIST", "productId")])
    wishes = list(enumerate(call.args["variants"]))
    errors = [error for place, wish in wishes if (error := _wrong(place, wish, mine))]
    named = {int(error["field"][1]) for error in errors}
    if errors and not call.args.get("allowPartialUpdates"):
        return _answer(next(iter(mine.values())), [], errors)
    done = [(mine[wish["id"]], wish) for place, wish in wishes if place not in named]
    for listing, wish in done:
        policy = wish.get("inventoryPolicy") or listing.oversells
        listing.oversells = "" if policy == DENY else policy
    account.counts["policies"] += len(done)
    return _answer(next(iter(mine.values())), [listing for listing, _ in done], errors)


def _wrong(place: int, wish: Mapping[str, Any], mine: Mapping[str, Listing]) -> dict[str, Any] | None:
    if not wish.get("id"):
        return _error("PRODUCT_VARIANT_ID_MISSING", "variants", str(place), "id")
    return None if wish["id"] in mine else _error("PRODUCT_VARIANT_DOES_NOT_EXIST", "variants", str(place), "id")


def _error(code: str, *path: str) -> dict[str, Any]:
    return {"field": list(path), "message": MESSAGES[code], "code": code}


def _answer(product: Listing | None, variants: list[Listing], errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "product": views.product(product) if product else None,
        "productVariants": [views.variant(one) for one in variants] if variants or not errors else None,
        "userErrors": errors,
    }
