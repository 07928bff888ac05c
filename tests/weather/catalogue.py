"""The catalogues of a run: a few dozen SKUs, some with several listings, bundles, variations."""

from collections.abc import Callable, Mapping
from random import Random

from schemas.channel_records import Component, Listing
from tests.weather.shop import Shop
from tests.weather.shop_amazon import Amazon
from tests.weather.shop_ebay import Ebay
from tests.weather.shop_etsy import Etsy
from tests.weather.shop_shopify import Shopify
from tests.weather.shop_woocommerce import WooCommerce

SHOPS: Mapping[str, Callable[[Random], Shop]] = {
    "shopify": Shopify,
    "amazon": Amazon,
    "etsy": Etsy,
    "woocommerce": WooCommerce,
    "ebay": Ebay,
}
TOGETHER = 3
"""So many products of Etsy stand in a listing, where several do."""


def ids(kind: str, name: str, number: int) -> dict[str, str]:
    """Return a channel's own ids of a listing."""
    if kind == "shopify":
        return {"inventory_item": name, "variant": name}
    if kind == "woocommerce":
        return {"product": str(900_000 + number // 4), "variation": name} if number % 2 else {"product": name}
    if kind == "etsy":
        listing = str(700_000 + number // TOGETHER) if number % 8 < TOGETHER else str(800_000 + number)
        return {"product": name, "listing": listing, "label": f"E-{name}"}
    return {"inventory_item": name, "offer": f"o{name}"} if kind == "ebay" else {"sku": name}


def listing(kind: str, number: int, sku: str, components: tuple[Component, ...] = ()) -> Listing:
    """Return the listing of this number."""
    name = str(10_000 + number)
    return Listing(channel=kind, listing_id=name, sku=sku, ids=ids(kind, name, number), components=components)


def draw(kind: str, dice: Random, skus: int) -> list[Listing]:
    """Return the listings of a run."""
    found = [listing(kind, number, f"SKU-{number:02}") for number in range(skus)]
    more = range(skus, skus + skus // 8)
    found += [listing(kind, number, f"SKU-{dice.randrange(skus):02}") for number in more]
    for number in range(skus + skus // 8, skus + skus // 8 + 3):
        parts = dice.sample(range(skus), 2)
        components = tuple(Component(sku=f"SKU-{part:02}", qty=dice.randint(1, 2)) for part in parts)
        found.append(listing(kind, number, f"BUNDLE-{number}", components))
    return found
