"""A stand-in Etsy shop: thin webhooks, receipts, listings with their inventory, tokens that are refreshed, a budget.

Facts: Open API v3 (etsy.com/openapi/generated/oas/3.0.0.json), developers.etsy.com "Webhooks", "Rate limits" and
"Authentication". An order is a receipt, its lines are transactions; they never change after the checkout.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import etsy_access
from compose.fakes.account import Account
from compose.fakes.books import Change, ChangeKind, Listing
from compose.fakes.etsy_access import Access
from compose.fakes.etsy_listings import Listings
from compose.fakes.etsy_receipts import Receipts
from compose.fakes.etsy_sheets import OFFERING_BASE, PRODUCT_BASE, Sheets
from compose.fakes.etsy_stock import Stock
from compose.fakes.etsy_views import SHOP_ID
from compose.fakes.shop import Shop
from compose.fakes.shopify_bodies import uuid_of
from compose.fakes.signing import standard_signature
from compose.fakes.webhooks import Event, Policy, Render, Subscription

HOUR_S = 3600.0
POLICY = Policy(
    timeout_s=15.0,
    connect_s=15.0,
    retry_after_s=(5.0, 300.0, 1800.0, *(hours * HOUR_S for hours in (2, 5, 10, 10))),
)
"""8 tries over about 28 h; the vendor names no timeout. It then disables the endpoint, which this one does not."""
TOPICS = ("order.paid", "order.canceled", "order.shipped", "order.delivered")
TOPIC_OF = {
    ChangeKind.CREATED: "order.paid",
    ChangeKind.CANCELLED: "order.canceled",
    ChangeKind.UPDATED: "order.shipped",
}
"""Of refunds nothing is told."""
UNTOLD = frozenset({"declined", "fraud"})
"""Cancels by Etsy itself: `order.canceled` is for those that the seller starts."""
ID_BASE = 3_210_000_000
PINGS = False
LISTING_BASE = 1_500_000_000
API = "https://api.etsy.com/v3/application"
ROOT = "/v3/application"
IMMUTABLE = "an Etsy receipt's transactions never change"


def listing(shop: Shop, wish: Mapping[str, Any]) -> Listing:
    """Make a product: of a listing of its own, or of the listing that `parent` names."""
    place = shop.number()
    group = shop.parents.setdefault(str(wish["parent"]), place) if wish.get("parent") else place
    ids = {"listing_id": LISTING_BASE + group, "product_id": PRODUCT_BASE + place, "offering_id": OFFERING_BASE + place}
    return Listing(key=str(ids["product_id"]), sku=str(wish["sku"]), ids=ids, level=int(wish.get("quantity", 0)))


def refuse(account: Account, what: str, wish: Mapping[str, Any]) -> None:
    """Raise ValueError for what Etsy has no word for: a refund is money, and a cancel frees the whole receipt."""
    order = account.shop.orders.get(str(wish.get("order_id", "")))
    said = {
        "edit": IMMUTABLE,
        "swap": IMMUTABLE,
        "remove": IMMUTABLE,
        "sell": IMMUTABLE if order else "",
        "refund": "" if wish.get("restock_type") == "no_restock" else "a refund at Etsy is money: no_restock",
        "cancel": "" if wish.get("restock", True) else "a canceled Etsy receipt gives all its units back",
    }.get(what, "")
    if what == "cancel" and order and order.refunds:
        said = "this stand-in does not cancel a receipt with refunds"
    if said:
        raise ValueError(said)


def events(account: Account, change: Change) -> list[Event]:
    """Tell that a receipt changed: its address, no line and no time."""
    topic = TOPIC_OF.get(change.kind)
    order = change.order
    if topic is None or (change.kind is ChangeKind.CANCELLED and order.cancel_reason in UNTOLD):
        return []
    message = "msg_" + uuid_of(f"{account.name}:{order.order_id}:{order.revision}").replace("-", "")
    sent = orjson.dumps(
        {
            "event_type": topic,
            "resource_url": f"{API}/shops/{SHOP_ID}/receipts/{order.order_id}",
            "shop_id": str(SHOP_ID),
        }
    )

    def opened(_subscription: Subscription) -> Render:
        def render(now: int) -> tuple[dict[str, str], bytes]:
            return {
                "Content-Type": "application/json",
                "webhook-id": message,
                "webhook-timestamp": str(now // 1000),
                "webhook-signature": standard_signature(account.secrets.webhook, message, now // 1000, sent),
            }, sent

        return render

    return [Event(topic=topic, order_id=order.order_id, open=opened)]


def routes(account: Account) -> list[web.RouteDef]:
    """Serve the API."""
    access, sheets = Access(account), Sheets(account.shop)
    receipts, listings, stock = Receipts(account, sheets), Listings(account, sheets), Stock(account, sheets)
    account.more.update(access=access, stock=stock)
    table = [
        ("GET", r"/shops/{shop:\d+}/receipts", receipts.list),
        ("GET", r"/shops/{shop:\d+}/receipts/{receipt}", receipts.one),
        ("GET", r"/shops/{shop:\d+}/listings", listings.list),
        ("PATCH", r"/shops/{shop:\d+}/listings/{listing:\d+}", stock.patch),
        ("GET", "/listings/batch", listings.batch),
        ("GET", "/listings/batch/inventory", listings.inventories),
        ("GET", r"/listings/{listing:\d+}/inventory", listings.inventory),
        ("PUT", r"/listings/{listing:\d+}/inventory", stock.put),
    ]
    served = [web.route(method, ROOT + path, access.guarded(handler)) for method, path, handler in table]
    return [*served, web.post("/v3/public/oauth/token", access.token)]


def throttled(_account: Account) -> web.Response | None:
    """Answer a storm as a spent second."""
    return etsy_access.spent("Exceeded per second rate limit", 1)


async def subscribed(_account: Account) -> bool:
    """Endpoints are entered in a portal and active at once."""
    return True
