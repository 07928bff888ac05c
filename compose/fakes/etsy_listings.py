"""Etsy's listings with their inventory, for whoever looks for what a shop sells.

Facts: Open API v3 `getListingsByShop`, `getListingsByListingIds` (since 2026-07-29 without `includes=Inventory`) and
`getListingsInventoryByListingIds` (404 for all where one of the ids does not exist).
"""

from collections.abc import Sequence

from aiohttp import web

from compose.fakes import etsy_views
from compose.fakes.account import Account
from compose.fakes.etsy_access import EtsyError, answer, integer, word
from compose.fakes.etsy_receipts import MAX_LIMIT, own
from compose.fakes.etsy_sheets import Sheets

STATES = frozenset({"active", "inactive", "sold_out", "draft", "expired"})
SORTS = frozenset({"created", "price", "updated", "score"})
BOOLEANS = frozenset({"true", "false"})


class Listings:
    """The listing endpoints of one account."""

    def __init__(self, account: Account, sheets: Sheets) -> None:
        """Serve this account's products."""
        self.account, self.sheets = account, sheets

    async def list(self, request: web.Request) -> web.Response:
        """`GET shops/{shop}/listings?state=&includes=Inventory`."""
        query = request.query
        own(request)
        state = word(query, "state", "active", STATES)
        word(query, "sort_on", "created", SORTS)
        limit = integer(query, "limit", 25, low=1, high=MAX_LIMIT)
        offset = integer(query, "offset", 0, low=0)
        groups = self.sheets.groups().items()
        rows = [(number, products) for number, products in groups if self.sheets.state(number, products) == state]
        if query.get("sort_order", "desc") not in ("asc", "ascending", "up"):
            rows.reverse()
        wide = "Inventory" in query.get("includes", "").split(",")
        shown = [
            etsy_views.listing(self.sheets, number, products, with_inventory=wide)
            for number, products in rows[offset : offset + limit]
        ]
        return answer({"count": len(rows), "results": shown})

    async def batch(self, request: web.Request) -> web.Response:
        """`GET listings/batch?listing_ids=1,2`: those that there are, in whatever state, without their inventory."""
        if "Inventory" in request.query.get("includes", ""):
            raise EtsyError(400, "Invalid value for parameter includes")
        groups = self.sheets.groups()
        return self._some([number for number in _named(request) if number in groups], wide=False)

    async def inventories(self, request: web.Request) -> web.Response:
        """`GET listings/batch/inventory?listing_ids=1,2`: with their inventory; all of them must exist."""
        numbers = _named(request)
        if not set(numbers) <= self.sheets.groups().keys():
            raise EtsyError(404, "Could not find a Listing")
        return self._some(numbers, wide=True)

    def _some(self, numbers: Sequence[int], *, wide: bool) -> web.Response:
        groups = self.sheets.groups()
        shown = [etsy_views.listing(self.sheets, one, groups[one], with_inventory=wide) for one in numbers]
        return answer({"count": len(shown), "results": shown})

    async def inventory(self, request: web.Request) -> web.Response:
        """`GET listings/{listing}/inventory`, with the listing where it is asked for."""
        number = int(request.match_info["listing"])
        products = self.sheets.groups().get(number)
        if products is None:
            raise EtsyError(404, "Could not find a Listing")
        included = word(request.query, "includes", "", frozenset({"", "Listing"}))
        shown = etsy_views.inventory(self.sheets, number, products)
        if word(request.query, "show_deleted", "false", BOOLEANS) == "true":
            gone = self.sheets.deleted.get(number, [])
            shown["products"] += [etsy_views.product(self.sheets, one, varied=True, deleted=True) for one in gone]
        listing = etsy_views.listing(self.sheets, number, products, with_inventory=False) if included else None
        return answer({**shown, "listing": listing})


def _named(request: web.Request) -> list[int]:
    """Return the ids that a request names. Raises EtsyError."""
    names = request.query.get("listing_ids", "").split(",")
    if not all(name.isdigit() for name in names):
        raise EtsyError(400, "Expected int value for 'listing_ids' (got string)")
    if len(names) > MAX_LIMIT:
        raise EtsyError(400, f"Too many listing_ids: at most {MAX_LIMIT}")
    return [*map(int, names)]
