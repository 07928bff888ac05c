"""A stand-in eBay's listings as the Inventory API shows them: items by SKU, and what each is offered as.

Facts: Inventory API 1.18, `getInventoryItems` (its `offset` counts pages), `getOffers` by SKU.
"""

from typing import Any

from aiohttp import web

from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.ebay_access import EbayError, answer, page

PER_PAGE, PER_PAGE_MAX, SKU_MAX = 25, 200, 50
ROOT = "/sell/inventory/v1"


class Listings:
    """The inventory endpoints of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's shop."""
        self.account = account

    async def items(self, request: web.Request) -> web.Response:
        """`GET inventory_item`: one page of SKUs, each once however many listings it has."""
        limit = page(request.query, "limit", PER_PAGE, 1, PER_PAGE_MAX)
        number = page(request.query, "offset", 0, 0, 10**6)
        skus = sorted(self.account.shop.by_sku)
        rows = [item(self.account.shop.by_sku[sku]) for sku in skus[number * limit : (number + 1) * limit]]
        more = {"next": f"{ROOT}/inventory_item?limit={limit}&offset={number + 1}"}
        told = {"total": len(skus), "size": len(rows), "limit": limit, "inventoryItems": rows}
        return answer({**told, **(more if (number + 1) * limit < len(skus) else {})})

    async def offers(self, request: web.Request) -> web.Response:
        """`GET offer?sku=`: the listings that sell one SKU."""
        sku = request.query.get("sku", "")
        if not 0 < len(sku) <= SKU_MAX:
            raise EbayError(25707, "This is an invalid value for a SKU.", 400, "API_INVENTORY")
        rows = [offer(one) for one in self.account.shop.listings.values() if one.sku == sku]
        if not rows:
            raise EbayError(25713, "This Offer is not available : There is no offer for the SKU.", 404, "API_INVENTORY")
        return answer({"total": len(rows), "size": len(rows), "limit": 100, "offers": rows})


def item(one: Listing) -> dict[str, Any]:
    """Show an inventory item; one of a group is a variation of a listing."""
    group = {"inventoryItemGroupKeys": [str(one.ids["group"])]} if one.ids["group"] else {}
    return {"sku": one.sku, "availability": {"shipToLocationAvailability": {"quantity": one.level}}, **group}


def offer(one: Listing) -> dict[str, Any]:
    """Show an offer that is published."""
    return {
        "offerId": str(one.ids["offer"]),
        "sku": one.sku,
        "marketplaceId": "EBAY_US",
        "format": "FIXED_PRICE",
        "availableQuantity": one.level,
        "status": "PUBLISHED",
        "listing": {"listingId": str(one.ids["listing"]), "listingStatus": "ACTIVE"},
    }
