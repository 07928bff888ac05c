"""WooCommerce's products: reading them, and setting their stock one by one or in batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import times, woo_views
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.woo_paging import Query, WooError, answer, page, words

MAX_BATCH = 100
BACKORDERS = ("no", "notify", "yes")
Wish = Mapping[str, Any]


class Products:
    """The product endpoints of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's shop."""
        self.account = account

    def parents(self) -> dict[int, list[Listing]]:
        """Group the variations by their parent."""
        found: dict[int, list[Listing]] = {}
        for listing in self.account.shop.listings.values():
            if listing.ids["parent_id"]:
                found.setdefault(listing.ids["parent_id"], []).append(listing)
        return found

    async def list(self, request: web.Request) -> web.Response:
        """`GET products`: simple products and parents; with `sku`, variations as well."""
        rows = [(one.ids["product_id"], woo_views.product(one)) for one in self.simple()]
        for key, children in self.parents().items():
            rows.append((key, woo_views.parent(key, [one.ids["variation_id"] for one in children])))
            if words(request.query, "sku"):
                rows.extend((one.ids["variation_id"], woo_views.product(one)) for one in children)
        rows.sort(key=lambda row: row[0])
        return self.paged([row for _, row in rows], request.query)

    def simple(self) -> Sequence[Listing]:
        """List the products without variations."""
        return [one for one in self.account.shop.listings.values() if not one.ids["parent_id"]]

    def paged(self, rows: Sequence[dict[str, Any]], query: Query) -> web.Response:
        """Filter and page; `sku` takes a comma list, and a SKU with a comma is tried whole."""
        skus, ids = {*words(query, "sku"), query.get("sku", "")}, words(query, "include")
        after = times.parse(query["modified_after"]) if "modified_after" in query else None
        kept = [
            row
            for row in rows
            if row["sku"] not in self.account.faults.unlisted
            and ("sku" not in query or row["sku"] in skus)
            and (not ids or str(row["id"]) in ids)
            and (after is None or times.parse(row["date_modified_gmt"]) > after)
        ]
        if query.get("orderby") == "id":
            kept.sort(key=lambda row: int(row["id"]), reverse=query.get("order", "desc") == "desc")
        some, headers = page(kept, query)
        fields = words(query, "_fields")
        return answer([{key: row[key] for key in fields or row if key in row} for row in some], headers=headers)

    async def variations(self, request: web.Request) -> web.Response:
        """`GET products/{parent}/variations`."""
        children = self.parents().get(int(request.match_info["parent"]))
        if children is None:
            raise WooError("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return self.paged([woo_views.product(one) for one in children], request.query)

    async def all_variations(self, request: web.Request) -> web.Response:
        """`GET variations`, across parents (10.3 and later)."""
        children = [one for group in self.parents().values() for one in group]
        return self.paged([woo_views.product(one) for one in children], request.query)

    async def one(self, request: web.Request) -> web.Response:
        """`GET products/{id}` and `GET products/{parent}/variations/{id}`."""
        key = int(request.match_info["id"])
        children = self.parents().get(key)
        if children:
            return answer(woo_views.parent(key, [one.ids["variation_id"] for one in children]))
        found = self.account.shop.listings.get(str(key))
        if found is None:
            raise WooError("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return answer(woo_views.product(found))

    async def put(self, request: web.Request) -> web.Response:
        """`PUT products/{id}` and `PUT products/{parent}/variations/{id}`: one row of a batch."""
        parent = request.match_info.get("parent")
        wish = {**orjson.loads(await request.read()), "id": int(request.match_info["id"])}
        return answer(self.update(wish, int(parent) if parent else 0, self.call_id()))

    async def batch(self, request: web.Request) -> web.Response:
        """`POST products/batch` and `POST products/{parent}/variations/batch`: each row succeeds or fails alone."""
        parent = int(request.match_info.get("parent", "0"))
        wishes = orjson.loads(await request.read()).get("update") or []
        if len(wishes) > MAX_BATCH:
            message = f"Unable to accept more than {MAX_BATCH} items for this request."
            raise WooError("woocommerce_rest_request_entity_too_large", message, 413)
        call = self.call_id()
        return answer({"update": [self.row(wish, parent, call) for wish in wishes]})

    def call_id(self) -> str:
        """Name a call for the journal."""
        self.account.counts["writes"] += 1
        return f"call-{self.account.counts['writes']}"

    def row(self, wish: Wish, parent: int, call: str) -> dict[str, Any]:
        """Serve one row of a batch; its error stands inside the 200."""
        try:
            return self.update(wish, parent, call)
        except WooError as error:
            self.account.counts["row_errors"] += 1
            return {"id": wish.get("id", 0), "error": error.body()}

    def update(self, wish: Wish, parent: int, call: str) -> dict[str, Any]:
        """Set what a row says; a number without stock management is ignored. Raises WooError."""
        listing = self.target(wish, parent)
        fault = self.account.faults.row_errors.get(listing.key) or self.account.faults.row_errors.get(listing.sku)
        if fault:
            raise WooError(fault["code"], fault["message"], 400)
        backorders = wish.get("backorders", listing.oversells or "no")
        if backorders not in BACKORDERS:
            raise WooError("rest_invalid_param", "Invalid parameter(s): backorders", 400)
        listing.oversells = "" if backorders == "no" else backorders
        if "manage_stock" in wish:
            listing.managed = bool(wish["manage_stock"])
        if wish.get("stock_quantity") is not None and listing.managed:
            self.account.shop.write(self.account.clock(), listing, int(wish["stock_quantity"]), call)
        return woo_views.product(listing)

    def target(self, wish: Wish, parent: int) -> Listing:
        """Find the product of a row; a variation is reached only through its parent. Raises WooError."""
        listing = self.account.shop.listings.get(str(wish.get("id", "")))
        if listing is None:
            raise WooError("woocommerce_rest_product_invalid_id", "Invalid ID.", 400)
        if parent == listing.ids["parent_id"]:
            return listing
        if parent:
            raise WooError("woocommerce_rest_product_variation_invalid_id", "Invalid ID.", 400)
        message = "To manipulate product variations you should use the /products/<product_id>/variations/<id> endpoint."
        raise WooError("woocommerce_rest_invalid_product_id", message, 404)
