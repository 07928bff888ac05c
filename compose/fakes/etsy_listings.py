"""Etsy's listings with their inventory, for whoever looks for what a shop sells."""

from aiohttp import web

from compose.fakes import etsy_views
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.etsy_access import EtsyError, answer, integer, word
from compose.fakes.etsy_receipts import MAX_LIMIT, own

STATES = frozenset({"active", "inactive", "sold_out", "draft", "expired"})
SORTS = frozenset({"created", "price", "updated", "score"})


class Listings:
    """The listing endpoints of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's products."""
        self.account = account

    def groups(self) -> dict[int, list[Listing]]:
        """Group the products by their listing, oldest first."""
        found: dict[int, list[Listing]] = {}
        for product in self.account.shop.listings.values():
            found.setdefault(product.ids["listing_id"], []).append(product)
        return dict(sorted(found.items()))

    async def list(self, request: web.Request) -> web.Response:
        """`GET shops/{shop}/listings?state=&includes=Inventory`."""
        query = request.query
        own(request)
        state = word(query, "state", "active", STATES)
        word(query, "sort_on", "created", SORTS)
        limit = integer(query, "limit", 25, low=1, high=MAX_LIMIT)
        offset = integer(query, "offset", 0, low=0)
        rows = [products for products in self.groups().values() if etsy_views.state(products) == state]
        if query.get("sort_order", "desc") not in ("asc", "ascending", "up"):
            rows.reverse()
        wide = "Inventory" in query.get("includes", "").split(",")
        shown = [etsy_views.listing(products, with_inventory=wide) for products in rows[offset : offset + limit]]
        return answer({"count": len(rows), "results": shown})

    async def inventory(self, request: web.Request) -> web.Response:
        """`GET listings/{listing}/inventory`."""
        products = self.groups().get(int(request.match_info["listing"]))
        if products is None:
            raise EtsyError(404, "Could not find a Listing")
        return answer(etsy_views.inventory(products))
