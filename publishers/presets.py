"""
What the channels allow: the old rules of thumb, beside what their documents say today.  Data only.

A kind's `LIMITS` are shares of what stands here.  The rest is for its order poll, which is another process: the shares
are fixed, and `tests/publishers/test_limiter_presets.py` adds them up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from publishers.push import READ, TELL
from publishers.windows import Window

DAY_MS = 86_400_000
ORDERS = "orders"
"""Stands for the order poll beside a kind's own buckets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """
    One limit: what it is of, whose calls it counts together, and where it is documented.

    `windows` hold for all `buckets` together; with `ours` they are no vendor's limit but our own measure.  Whether they
    count one account or an app's is said by `schemas.settings.PER_APP`.
    """

    what: str
    buckets: tuple[str, ...]
    windows: tuple[Window, ...]
    page: str
    ours: bool = False


RULES_OF_THUMB: Mapping[str, Window] = {
    "shopify": Window(amount=2, per_ms=1_000, burst=40),
    "amazon": Window(amount=2, per_ms=1_000, burst=30),
    "etsy": Window(amount=10, per_ms=1_000, burst=10),
    "woocommerce": Window(amount=5, per_ms=1_000, burst=5),
}
"""
What one reads everywhere.  Shopify's is its old REST API's, on one plan; Amazon's fits no stock call (30 is the burst
of `getOrder`, 2 a second that of `getFeed`); Etsy's leaves out the day, which binds first; WooCommerce has none at all.
"""

_USAGE = "developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits"
_FEEDS = "developer-docs.amazon.com/sp-api/docs/feeds-api-rate-limits"


def _per_second(what: str, bucket: str, ten_thousandths: int, burst: int, page: str = _USAGE) -> Preset:
    """Return one of Amazon's usage plans: so many ten-thousandths of a call a second."""
    window = Window(amount=ten_thousandths, per_ms=10_000_000, burst=burst)
    return Preset(what=what, buckets=(bucket,), windows=(window,), page=page)


PRESETS: Mapping[str, tuple[Preset, ...]] = {
    "shopify": (
        Preset(
            what="GraphQL cost points of an app and shop, Standard plan",
            buckets=(TELL, READ, ORDERS),
            windows=(Window(amount=100, per_ms=1_000, burst=2_000, points=True),),
            page="shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits",
        ),
    ),
    "amazon": (
        _per_second("patchListingsItem", TELL, 50_000, 5),
        _per_second("searchListingsItems", READ, 50_000, 5),
        _per_second("createFeedDocument", "document", 5_000, 15, _FEEDS),
        Preset(
            what="createFeed",
            buckets=("feed",),
            windows=(
                Window(amount=83, per_ms=10_000_000, burst=15),
                Window(amount=5, per_ms=300_000, burst=5, rolling=True),
            ),
            page=_FEEDS,
        ),
        _per_second("getFeed", "status", 20_000, 15, _FEEDS),
        _per_second("getFeedDocument", "report", 222, 10, _FEEDS),
        Preset(
            what="the addresses of files, for which Amazon names no limit",
            buckets=("file",),
            windows=(Window(amount=10, per_ms=1_000, burst=10),),
            page=_FEEDS,
            ours=True,
        ),
        _per_second("searchOrders", ORDERS, 56, 20),
    ),
    "etsy": (
        Preset(
            what="calls of a new app",
            buckets=(TELL, READ, ORDERS),
            windows=(
                Window(amount=10, per_ms=1_000, burst=10, rolling=True),
                Window(amount=10_000, per_ms=DAY_MS, burst=10_000, rolling=True),
            ),
            page="developers.etsy.com/documentation/essentials/rate-limits",
        ),
    ),
    "woocommerce": (
        Preset(
            what="none of its own: what a shop's host bears",
            buckets=(TELL, READ, ORDERS),
            windows=(Window(amount=5, per_ms=1_000, burst=5),),
            page="woocommerce.github.io/woocommerce-rest-api-docs",
            ours=True,
        ),
    ),
    "ebay": (
        Preset(
            what="Inventory API: by app and day, told by getRateLimits and not published",
            buckets=(TELL, READ),
            windows=(Window(amount=3, per_ms=1_000, burst=7),),
            page="developer.ebay.com/develop/get-started/api-call-limits",
            ours=True,
        ),
        Preset(
            what="revisions of a listing in a calendar day",
            buckets=(TELL,),
            windows=(Window(amount=250, per_ms=DAY_MS, burst=250, rolling=True, per_listing=True),),
            page="developer.ebay.com/api-docs/sell/inventory/resources/inventory_item/methods/bulkUpdatePriceQuantity",
        ),
        Preset(
            what="Fulfillment API, by app",
            buckets=(ORDERS,),
            windows=(Window(amount=5_000, per_ms=DAY_MS, burst=5_000, rolling=True),),
            page="developer.ebay.com/develop/get-started/api-call-limits",
        ),
    ),
}
"""What is documented today, by kind.  Amazon counts each operation by itself."""
