"""A stand-in eBay's calls for several inventory items: `bulkUpdatePriceQuantity` and `bulkGetInventoryItem`.

Facts: Inventory API 1.18 (`sell_inventory_v1_oas3.json`): 25 items a call, errors 25002, 25702, 25709, 25713, 25727,
25734; an entry for each offer, for an item without offers one with its SKU alone; 207 where a row failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import ebay_stock
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.ebay_access import EbayError, answer

ROOT = "/sell/inventory/v1"
ROWS_MAX, SKU_MAX = 25, 50
Entry = dict[str, Any]
Wish = Mapping[str, Any]


class Numbers:
    """The two bulk calls of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's shop."""
        self.account = account

    async def update(self, request: web.Request) -> web.Response:
        """`POST bulk_update_price_quantity`: each item and each offer for itself."""
        rows = _rows(await request.read(), too_many=25709)
        for row in rows:
            _checked(row)
        self.account.counts["writes"] += 1
        call = f"call-{self.account.counts['writes']}"
        entries = [entry for row in rows for entry in self._told(row, call)]
        failed = sum(entry["statusCode"] >= 400 for entry in entries)
        self.account.counts["row_errors"] += failed
        return answer({"responses": entries}, 207 if failed else 200)

    async def get(self, request: web.Request) -> web.Response:
        """`POST bulk_get_inventory_item`: the items as they are."""
        rows = _rows(await request.read(), too_many=25727)
        return answer({"responses": [self._shown(str(row["sku"])) for row in rows]})

    def _shown(self, sku: str) -> Entry:
        found = ebay_stock.of(self.account, sku)
        if not found:
            return _failed(sku, None, 404, 25702, f"{sku} could not be found or is not available in the system.")
        return {"statusCode": 200, "sku": sku, "inventoryItem": ebay_stock.item(self.account, found[0]), "errors": []}

    def _told(self, row: Wish, call: str) -> Iterator[Entry]:
        """Set one item, and those of its offers that are named; an error of the item is one of all its offers."""
        sku, offers = row["sku"], row.get("offers") or []
        wanted = {str(one["offerId"]): one.get("availableQuantity") for one in offers}
        total = (row.get("shipToLocationAvailability") or {}).get("quantity")
        found = ebay_stock.of(self.account, sku)
        if not found:
            words = f"{sku} could not be found or is not available in the system."
            yield from (_failed(sku, name, 404, 25702, words) for name in wanted or [None])
            return
        own = {str(one.ids["offer"]): one for one in found}
        lost = [name for name in wanted if name not in own]
        yield from (_failed(sku, name, 404, 25713, "This Offer is not available.") for name in lost)
        # An item's own number revises each of its listings, named or not.
        refused = {name: self._set(one, total, wanted.get(name), call) for name, one in own.items()}
        for name in wanted.keys() & own.keys():
            yield _failed(sku, name, 400, *wrong) if (wrong := refused[name]) else _done(sku, name)
        if not wanted:
            wrong = next(filter(None, refused.values()), None)
            yield _failed(sku, None, 400, *wrong) if wrong else _done(sku, None)

    def _set(self, one: Listing, total: int | None, offered: int | None, call: str) -> tuple[int, str] | None:
        """Set a listing's numbers; returns why not."""
        refused = ebay_stock.refused(self.account, one, total, offered)
        if refused is None:
            item_at, offer_at = ebay_stock.numbers(self.account, one)
            item_at, offer_at = item_at if total is None else total, offer_at if offered is None else offered
            ebay_stock.put(self.account, one, item_at, offer_at, call)
        return refused


def _rows(body: bytes, *, too_many: int) -> Sequence[Wish]:
    """Read the items of a call, each SKU once. Raises EbayError."""
    try:
        rows = orjson.loads(body)["requests"]
        skus = [row["sku"] for row in rows]
    except (ValueError, LookupError, TypeError):
        raise EbayError(25709, "Invalid value for requests.", 400, "API_INVENTORY") from None
    if not 0 < len(rows) <= ROWS_MAX:
        words = f"Invalid request: the number of items cannot exceed {ROWS_MAX}."
        raise EbayError(too_many, words, 400, "API_INVENTORY")
    if any(not isinstance(sku, str) or not 0 < len(sku) <= SKU_MAX for sku in skus):
        raise EbayError(25709, "Invalid value for sku.", 400, "API_INVENTORY")
    if len({*skus}) < len(skus):
        raise EbayError(25734, "SKU should be unique in the request.", 400, "API_INVENTORY")
    return list(rows)


def _checked(row: Wish) -> None:
    """Raise EbayError for a row that names no number, or one that is none."""
    offers = row.get("offers") or []
    told = [
        (row.get("shipToLocationAvailability") or {}).get("quantity"),
        *(o.get("availableQuantity") for o in offers),
    ]
    if any(number is not None and (type(number) is not int or number < 0) for number in told):
        raise EbayError(25709, "Invalid value for quantity.", 400, "API_INVENTORY")
    if told == [None] or len({str(one.get("offerId")) for one in offers}) < len(offers):
        raise EbayError(25709, "Invalid value for offers.", 400, "API_INVENTORY")


def _done(sku: str, offer: str | None) -> Entry:
    return {"statusCode": 200, "sku": sku, **({"offerId": offer} if offer else {}), "warnings": [], "errors": []}


def _failed(sku: str, offer: str | None, status: int, number: int, words: str) -> Entry:
    error = {"errorId": number, "domain": "API_INVENTORY", "category": "REQUEST", "message": words}
    return {"statusCode": status, "sku": sku, **({"offerId": offer} if offer else {}), "errors": [error]}
