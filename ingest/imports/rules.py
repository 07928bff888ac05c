"""
Which ids the listings of each kind of channel have: one row a kind, checked for every row of a file.

Ids are the channel's own, numbers without `gid://` unless the row says text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.settings import Kind

COLUMNS = ("variant", "inventory_item", "product", "variation", "listing", "item", "offer", "asin", "marketplace")
"""Every id that a kind may have, in the order in which a file names them."""
_NUMBER = re.compile(r"[0-9]{1,20}")
_NAMES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """
    The ids of one kind's listings.

    `own` says how `listing_id` is made of them (and of `{sku}`): of several ways the first whose ids are all there
    counts; empty where the channel chooses it freely.  `text` are those that need not be numbers.
    """

    own: tuple[str, ...]
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    text: frozenset[str] = frozenset()

    def faults(self, listing_id: str, sku: str, ids: Mapping[str, str]) -> list[str]:
        """Return what is wrong with a listing's ids, a sentence each."""
        asked = [*self.needed, *(name for name in self.optional if name in ids)]
        wrong = [name for name in asked if name not in self.text and not _NUMBER.fullmatch(ids.get(name, ""))]
        missing = [name for name in self.needed if name in self.text and name not in ids]
        foreign = [name for name in ids if name not in (*self.needed, *self.optional)]
        faults = [f"{name}: want the numeric id" for name in wrong]
        faults += [f"{name}: missing" for name in missing]
        faults += [f"{name}: this kind of channel has no such id" for name in foreign]
        return faults + self._own_faults(listing_id, {"sku": sku, **ids})

    def _own_faults(self, listing_id: str, given: Mapping[str, str]) -> list[str]:
        fits = (way for way in self.own if set(_NAMES.findall(way)) <= given.keys())
        way = next(fits, self.own[-1] if self.own else "")
        names = _NAMES.findall(way)
        if not self.own or (set(names) <= given.keys() and way.format(**given) == listing_id):
            return []
        ways = ", or ".join(_NAMES.sub(r"\1", one) for one in self.own)
        return [f"listing_id must be: {ways}"]


RULES: Mapping[Kind, Ids] = MappingProxyType(
    {
        Kind.SHOPIFY: Ids(own=("{variant}",), needed=("variant", "inventory_item")),
        Kind.WOOCOMMERCE: Ids(own=("{variation}", "{product}"), needed=("product",), optional=("variation",)),
        Kind.GENERIC: Ids(own=("{sku}",)),
        # Etsy gives a product another number with each update of its listing (open-api #523), so it is told apart by
        # its variation (`schemas.variations`).  One that was mapped by its number keeps that as its name.
        Kind.ETSY: Ids(
            own=("{product}", "{listing}/{variation}"),
            needed=("listing",),
            optional=("product", "variation"),
            text=frozenset({"variation"}),
        ),
        # A variation is told apart by its SKU at eBay, or by its number where it has none there.  The inventory item's
        # name is the SKU at eBay, which need not be ours.
        Kind.EBAY: Ids(
            own=("{listing}/{variation}", "{listing}"),
            needed=("listing",),
            optional=("variation", "offer", "inventory_item"),
            text=frozenset({"variation", "inventory_item"}),
        ),
        # The seller's own SKU at Amazon, which need not be ours.
        Kind.AMAZON: Ids(own=(), optional=("asin", "marketplace"), text=frozenset({"asin", "marketplace"})),
    }
)
