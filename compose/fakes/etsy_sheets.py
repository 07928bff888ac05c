"""What a stand-in Etsy keeps of each listing beside its numbers: values, prices, settings, its state, old ids. Pure.

Facts: Open API v3 `ListingInventory`, `ShopListing.state`; product and offering ids change with each update (Etsy in
open-api #523), and so do ids of values (#523, #343), while the words of values stay; a listing that has sold out stays
so whatever its numbers are (open-api #247) until it is renewed.
"""

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from compose.fakes.books import Listing, Reason
from compose.fakes.shop import MERCHANT, Shop

PRICE = 1950
PROPERTY = 514
PRODUCT_BASE, OFFERING_BASE = 9_700_000_000, 8_800_000_000
STOCK_VALUES, OWN_VALUES = 1_000, 50_000_000_000
"""Ids of values: Etsy's own are small, those that an update makes are the shop's."""
ACTIVE, INACTIVE, SOLD_OUT = "active", "inactive", "sold_out"
SETTINGS = ("price_on_property", "quantity_on_property", "sku_on_property", "readiness_state_on_property")
View = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Sheet:
    """One product's own page; what is not written is what Etsy shows for a product that nobody has touched."""

    values: list[View]
    price: View = field(default_factory=lambda: {"amount": PRICE, "divisor": 100, "currency_code": "USD"})
    enabled: bool = True
    readiness: int | None = 1


class Sheets:
    """All that is kept beside the shop's numbers.

    A listing that is switched off or sold out sells nothing, so its products' numbers are put aside: shoppers see 0.
    """

    def __init__(self, shop: Shop) -> None:
        """Keep nothing yet."""
        self.shop = shop
        self.settings: dict[int, dict[str, list[int]]] = {}
        self.deleted: dict[int, list[Listing]] = {}
        self.aside: dict[int, dict[str, int]] = {}
        self._sheets: dict[str, Sheet] = {}
        self._sold_out: dict[int, int] = {}
        self._ids: dict[str, list[tuple[int, int, list[View]]]] = {}

    def groups(self) -> dict[int, list[Listing]]:
        """Group the products by their listing, oldest first."""
        found: dict[int, list[Listing]] = {}
        for product in self.shop.listings.values():
            found.setdefault(product.ids["listing_id"], []).append(product)
        return dict(sorted(found.items()))

    def sheet(self, one: Listing, *, varied: bool) -> Sheet:
        """Find a product's page; a product without a SKU has another word for its variation."""
        value = {"property_id": PROPERTY, "property_name": "Kind", "scale_id": None, "scale_name": None}
        word = one.sku or f"Kind {one.key}"
        ids = [zlib.crc32(word.encode()) % STOCK_VALUES + 1]
        values = [{**value, "value_ids": ids, "values": [word]}] if varied else []
        return self._sheets.get(one.key) or Sheet(values=values)

    def on_property(self, number: int, products: Sequence[Listing]) -> dict[str, list[int]]:
        """Find which properties price, quantity, SKU and processing profile vary by."""
        varied = [PROPERTY] if len(products) > 1 else []
        return self.settings.get(number) or dict(zip(SETTINGS, ([], varied, varied, []), strict=True))

    def number(self, one: Listing) -> int:
        """Tell the number that stands in a product's inventory, on sale or not."""
        off = self.aside.get(one.ids["listing_id"])
        return one.level if off is None else one.level + off.get(one.key, 0)

    def state(self, number: int, products: Sequence[Listing]) -> str:
        """Tell a listing's state."""
        if number not in self.aside and not any(one.level > 0 for one in products):
            self._sold_out.setdefault(number, len(self.shop.journal))
        since = self._sold_out.get(number)
        if since is None:
            return INACTIVE if number in self.aside else ACTIVE
        if any(self._renewed(one, since) for one in products):
            self.renew(number)
            return ACTIVE
        return SOLD_OUT

    def _renewed(self, one: Listing, since: int) -> bool:
        """Tell whether the merchant has renewed a listing by hand, or a canceled order has given units back."""
        return one.level > 0 and any(
            move.listing == one.key and (move.call == MERCHANT or move.reason is Reason.RESTOCK)
            for move in self.shop.journal[since:]
        )

    def rewrite(self, one: Listing, sku: str, sheet: Sheet) -> None:
        """Take over a product's page, and its SKU."""
        self._sheets[one.key] = sheet
        if sku != one.sku:
            self.shop.by_sku.pop(one.sku, None)
            one.sku = sku
            self.shop.by_sku.setdefault(sku, one)

    def delete(self, one: Listing, now: int, call: str) -> None:
        """Take a product out of its listing; its page is kept for whoever asks for deleted ones."""
        self.shop.write(now, one, 0, call)
        self.shop.listings.pop(one.key)
        if self.shop.by_sku.get(one.sku) is one:
            self.shop.by_sku.pop(one.sku)
        self.deleted.setdefault(one.ids["listing_id"], []).append(one)

    def renew(self, number: int) -> None:
        """Let a listing that has sold out be on sale again, without what was written meanwhile."""
        self._sold_out.pop(number, None)
        self.aside.pop(number, None)

    def renumber(self, one: Listing, at: int) -> None:
        """Give a product new ids, as each update does; what it was stays in the receipts of its time."""
        place, values = self.shop.number(), self.sheet(one, varied=True).values
        for value in values:
            own = [zlib.crc32(f"{at}:{word}".encode()) for word in value["values"]]
            value["value_ids"] = [OWN_VALUES + number for number in own]
        self._ids[one.key].append((at, PRODUCT_BASE + place, values))
        one.ids = {**one.ids, "product_id": PRODUCT_BASE + place, "offering_id": OFFERING_BASE + place}

    def remember(self, one: Listing, *, varied: bool) -> None:
        """Keep what a product was before its first update."""
        self._ids.setdefault(one.key, [(0, one.ids["product_id"], self.sheet(one, varied=varied).values)])

    def bought(self, one: Listing, at: int, *, varied: bool) -> tuple[int, list[View]]:
        """Tell the id and the values that a product had."""
        known = self._ids.get(one.key)
        if known is None:
            return one.ids["product_id"], self.sheet(one, varied=varied).values
        return known[max(0, bisect_right(known, at, key=lambda row: row[0]) - 1)][1:]
