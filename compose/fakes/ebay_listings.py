"""A stand-in eBay's listings as the Inventory API shows them: items by SKU, and what each is offered as.

Facts: Inventory API 1.18, `getInventoryItems` (its `offset` counts pages), `getOffers` by SKU.
"""

from typing import Any

from aiohttp import web

from compose.fakes import ebay_stock
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.ebay_access import EbayError, answer, page
from compose.fakes.ebay_bulk import ROOT, SKU_MAX

PER_PAGE, PER_PAGE_MAX = 25, 200


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
        shown = (self.account.shop.by_sku[sku] for sku in skus[number * limit : (number + 1) * limit])
        rows = [ebay_stock.item(self.account, one) for one in shown]
        more = {"next": f"{ROOT}/inventory_item?limit={limit}&offset={number + 1}"}
        told = {"total": len(skus), "size": len(rows), "limit": limit, "inventoryItems": rows}
        return answer({**told, **(more if (number + 1) * limit < len(skus) else {})})

    async def offers(self, request: web.Request) -> web.Response:
        """`GET offer?sku=`: the listings that sell one SKU."""
        sku = request.query.get("sku", "")
        if not 0 < len(sku) <= SKU_MAX:
            raise EbayError(25707, "This is an invalid value for a SKU.", 400, "API_INVENTORY")
        rows = [offer(self.account, one) for one in ebay_stock.of(self.account, sku)]
        if not rows:
            raise EbayError(25713, "This Offer is not available : There is no offer for the SKU.", 404, "API_INVENTORY")
        return answer({"total": len(rows), "size": len(rows), "limit": 100, "offers": rows})


def offer(account: Account, one: Listing) -> dict[str, Any]:
    """Show an offer that is published; at 0 its listing stays, out of search."""
    status = "ACTIVE" if one.level > 0 else "OUT_OF_STOCK"
    return {
        "offerId": str(one.ids["offer"]),
        "sku": one.sku,
        "marketplaceId": "EBAY_US",
        "format": "FIXED_PRICE",
        "availableQuantity": ebay_stock.numbers(account, one)[1],
        "status": "PUBLISHED",
        "listing": {"listingId": str(one.ids["listing"]), "listingStatus": status},
    }
