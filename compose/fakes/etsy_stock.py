"""Etsy's inventory as a client writes it: the whole set of a listing at once, and the listing's state.

Facts: Open API v3 `updateListingInventory` (what is left out is deleted; a PUT takes neither ids nor names of scales;
400 where quantities do not fit `quantity_on_property`), `updateListing`; open-api #395 and #560 (never all at 0, on
sale or not), #214 (999 at most), #495 (of two products with the same values one is left), #247 and the reference
(making a sold-out listing active renews it, with the number 1); "Third Variation Tutorial".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import etsy_views
from compose.fakes.account import Account
from compose.fakes.books import Listing
from compose.fakes.etsy_access import EtsyError, answer
from compose.fakes.etsy_receipts import own
from compose.fakes.etsy_sheets import (
    ACTIVE,
    INACTIVE,
    OFFERING_BASE,
    PRODUCT_BASE,
    SETTINGS,
    SOLD_OUT,
    Sheet,
    Sheets,
)
from compose.fakes.shop import MERCHANT

MOST = 999
NOT_TAKEN = frozenset({"product_id", "offering_id", "is_deleted", "scale_name", "value_pairs"})
"""What a GET shows and a PUT refuses."""
ALL_ZERO = "One offering must have quantity greater than 0"
NOT_FOUND = "Could not find a Listing"
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One product as a PUT has it."""

    sku: str
    sheet: Sheet
    quantity: int


class Stock:
    """The writing endpoints of one account."""

    def __init__(self, account: Account, sheets: Sheets) -> None:
        """Serve this account's products."""
        self.account, self.sheets = account, sheets

    def products(self, request: web.Request) -> tuple[int, list[Listing]]:
        """Find the listing of a request. Raises EtsyError."""
        number = int(request.match_info["listing"])
        found = self.sheets.groups().get(number)
        if found is None:
            raise EtsyError(404, NOT_FOUND)
        return number, found

    async def put(self, request: web.Request) -> web.Response:
        """`PUT listings/{listing}/inventory`: what is sent is what there is."""
        number, products = self.products(request)
        try:
            wish = orjson.loads(await request.read())
            rows = wish.get("products")
        except (orjson.JSONDecodeError, AttributeError):
            rows = None
        if not isinstance(rows, list) or not rows:
            raise EtsyError(400, "Missing input parameter: [products]")
        pages = [page(row) for row in rows]
        self._check(pages, wish, request.query.get("max_variations_supported", "2"))
        written = self._write(number, products, pages)
        self.sheets.settings[number] = {name: [*(wish.get(name) or [])] for name in SETTINGS}
        return answer(etsy_views.inventory(self.sheets, number, written))

    def _check(self, rows: Sequence[Row], wish: Object, most: str) -> None:
        faults = self.account.faults.row_errors
        for row in rows:
            if row.sku in faults:
                raise EtsyError(400, faults[row.sku]["message"])
        if any(len(row.sheet.values) > 2 for row in rows) and most != "3":
            raise EtsyError(409, "This listing has three variations: max_variations_supported must be 3")
        if not any(row.quantity > 0 for row in rows):
            raise EtsyError(400, ALL_ZERO)
        by = {int(one) for one in wish.get("quantity_on_property") or []}
        shared: dict[str, int] = {}
        for row in rows:
            key = str([value["values"] for value in row.sheet.values if value["property_id"] in by])
            if shared.setdefault(key, row.quantity) != row.quantity:
                raise EtsyError(400, "The quantities of products that do not vary by a property must be equal")

    def _write(self, number: int, products: Sequence[Listing], rows: Sequence[Row]) -> list[Listing]:
        """Replace the set: known combinations are changed, new ones made, the others deleted; all ids are new."""
        varied, now, call = len(products) > 1, self.account.clock(), self.call_id()
        left = {combination(self.sheets.sheet(one, varied=varied).values): one for one in products}
        if self.sheets.state(number, products) == SOLD_OUT:  # and stays so, whatever is written
            self.sheets.aside.setdefault(number, {})
        told = {
            key: (left.pop(key) if key in left else self._new(number, row.sku), row)
            for key, row in {combination(row.sheet.values): row for row in rows}.items()
        }
        moved = any(self.sheets.number(one) != row.quantity for one, row in told.values())
        for one, row in told.values():
            self.sheets.remember(one, varied=varied)
            self.sheets.rewrite(one, row.sku, row.sheet)
            if not moved or self.sheets.number(one) != row.quantity:
                self._set(one, row.quantity, now, call)
            self.sheets.renumber(one, now)
        for one in left.values():
            self.sheets.delete(one, now, call)
        return [one for one, _ in told.values()]

    def _new(self, number: int, sku: str) -> Listing:
        place = self.account.shop.number()
        ids = {"listing_id": number, "product_id": PRODUCT_BASE + place, "offering_id": OFFERING_BASE + place}
        made = Listing(key=str(ids["product_id"]), sku=sku, ids=ids, level=0)
        self.account.shop.put(made)
        return made

    def _set(self, one: Listing, quantity: int, now: int, call: str) -> None:
        off = self.sheets.aside.get(one.ids["listing_id"])
        if off is None:
            self.account.shop.write(now, one, quantity, call)
        else:
            off[one.key] = quantity - one.level

    async def patch(self, request: web.Request) -> web.Response:
        """`PATCH shops/{shop}/listings/{listing}`, of which this shop knows the state."""
        own(request)
        number, products = self.products(request)
        form = await request.post()
        wanted = str(form.get("state", ""))
        if wanted not in (ACTIVE, INACTIVE):
            raise EtsyError(400, f"Invalid value for parameter state: {wanted}")
        self.switch(number, wanted, self.call_id())
        return answer(etsy_views.listing(self.sheets, number, products, with_inventory=False))

    def switch(self, number: int, wanted: str, call: str = MERCHANT) -> None:
        """Bring a listing into a state, as the API does or (by hand) the merchant. Raises EtsyError."""
        products, now = self.sheets.groups()[number], self.account.clock()
        was = self.sheets.state(number, products)
        if was == SOLD_OUT and wanted == INACTIVE:
            raise EtsyError(400, "There was a problem with /quantity : cannot be empty")
        if was == SOLD_OUT:
            self.account.counts["renewals"] += 1
            self.sheets.renew(number)
            self.account.shop.write(now, products[0], 1, MERCHANT)
        elif was == wanted:
            for one in products if call != MERCHANT else ():
                self.account.shop.tally(one.key, "tells")
                self.account.shop.tally(one.key, "repeats")
        elif wanted == INACTIVE:
            self.sheets.aside[number] = {one.key: one.level for one in products}
            self._show(products, dict.fromkeys((one.key for one in products), 0), now, call)
        else:
            self._show(products, self.sheets.aside.pop(number), now, call)

    def _show(self, products: Sequence[Listing], numbers: Mapping[str, int], now: int, call: str) -> None:
        for one in products:
            quantity = numbers.get(one.key, 0)
            if one.level != quantity:
                self.account.shop.write(now, one, quantity, call)

    def call_id(self) -> str:
        """Name a call for the journal."""
        self.account.counts["writes"] += 1
        return f"call-{self.account.counts['writes']}"


def combination(values: Sequence[Object]) -> str:
    """Tell by what a product of a listing is known: its values."""
    return str(sorted((int(value["property_id"]), [str(one) for one in value["values"]]) for value in values))


def page(row: Object) -> Row:
    """Read a product. Raises EtsyError."""
    try:
        (offering,) = row["offerings"]
        values = [dict(value) for value in row.get("property_values") or []]
        taken = sorted({*row, *offering, *(name for value in values for name in value)} & NOT_TAKEN)
        price, quantity, readiness = offering["price"], offering["quantity"], offering["readiness_state_id"]
        enabled = offering["is_enabled"]
        words = [str(one) for value in values for one in value["values"]]
        ids = [(value["property_id"], value["value_ids"]) for value in values]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EtsyError(400, f"Missing or malformed input parameter in [products]: {error}") from None
    if taken:
        raise EtsyError(400, f"Invalid input parameter in [products]: {', '.join(taken)}")
    if type(quantity) is not int or not 0 <= quantity <= MOST:
        raise EtsyError(400, f"There was a problem with /quantity : cannot be greater than {MOST}")
    if type(price) not in (int, float) or price <= 0 or type(enabled) is not bool:
        raise EtsyError(400, "There was a problem with /price : Expected float value")
    if any("(" in one or ")" in one for one in words):
        raise EtsyError(400, "Property values may not contain parentheses")
    if type(readiness) not in (int, type(None)) or any(type(name) is not int for name, _ in ids):
        raise EtsyError(400, "Expected int value for 'readiness_state_id'")
    shown = [{"property_name": None, "scale_id": None, **value, "scale_name": None} for value in values]
    money = {"amount": round(price * 100), "divisor": 100, "currency_code": "USD"}
    sheet = Sheet(values=shown, price=money, enabled=enabled, readiness=readiness)
    return Row(sku=str(row.get("sku") or ""), sheet=sheet, quantity=quantity)
