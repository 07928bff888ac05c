"""A stand-in Amazon: order notifications into a queue or through a bridge, and the Selling Partner API.

Amazon has no webhooks: it writes to the seller's SQS queue. Told an address whose path is that of a queue
(`http://host:port/123456789012/name`), the stand-in sends there; any other address is a bridge, which shows the shared
token (`FAKE_WEBHOOK_SECRET`) as Amazon's own sample does.

POST /_control/amazon  {seller_id?, initial?, search_delay_ms?, token_life_ms?, rate_scale?, expire?: "access"|"pages",
                       apply_delay_ms?: a number that was taken shows so much later (1,000), feed_ms?: a feed takes so
                       long (2,000), drop_patches?: so many of the next patches are accepted and never applied}
POST /_control/feed    {outcome, ms?}: what becomes of the next feed: "done"; "nothing" (done, says the report, and
                       nothing is applied); "stuck" (in progress for `ms`, an hour) or "queued" (likewise, and can be
                       cancelled); "late" (done, and applied `ms` later, over whatever was told meanwhile); "fatal";
                       "cancelled"
POST /_control/status  {order_id, status, duplicate?, delay_s?}: an order moves on (Pending, Unshipped, Shipped)
POST /_control/afn     {sku, qty, order_id}: Amazon sells out of its own stock, and tells of it
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from compose.fakes import alter, amazon_feeds, amazon_queue, amazon_views, times
from compose.fakes.account import Account
from compose.fakes.amazon_api import Handler, answer, grant, guarded, quota
from compose.fakes.amazon_desk import desk
from compose.fakes.amazon_feeds import settle
from compose.fakes.amazon_reads import Reads
from compose.fakes.amazon_stock import stock
from compose.fakes.amazon_writes import FILES, Writes
from compose.fakes.books import Change, ChangeKind, Listing
from compose.fakes.shop import Shop
from compose.fakes.webhooks import Event, Policy, Render, Subscription

POLICY = Policy(timeout_s=30.0, connect_s=5.0, retry_after_s=(30.0,) * 10)
"""A queue keeps a message that the bridge could not pass on and shows it again, here after 30 s each time."""
TOPICS = ("ORDER_CHANGE",)
ID_BASE = 30_000
PINGS = False
ORDERS = "/orders/2026-01-01/orders"
LISTINGS = "/listings/2021-08-01/items/{seller}"
FEEDS = "/feeds/2021-06-30"


def listing(shop: Shop, wish: Mapping[str, Any]) -> Listing:
    """Make a listing; its key is the seller's own SKU. With `managed` false Amazon keeps the stock (FBA)."""
    del shop
    sku, managed = str(wish["sku"]), bool(wish.get("managed", True))
    return Listing(key=sku, sku=sku, ids={}, level=int(wish.get("quantity", 0)), managed=managed)


def events(account: Account, change: Change) -> list[Event]:
    """Tell a change on both levels; what is told is fixed when it happens."""
    told = amazon_views.notifications(desk(account), change.order, change.order.updated_at, change.kind.value)
    return [*_events(account, change.order.order_id, told)]


def _events(account: Account, order_id: str, told: Iterator[dict[str, Any]]) -> Iterator[Event]:
    for one in told:
        yield Event(topic=TOPICS[0], order_id=order_id, open=_opener(account, orjson.dumps(one)))


def _opener(account: Account, body: bytes) -> Any:
    def opened(subscription: Subscription) -> Render:
        def render(_now: int) -> tuple[dict[str, str], bytes]:
            if subscription.name:
                return amazon_queue.message(subscription.name, body)
            return {"Content-Type": "application/json", "x-auth-token": account.secrets.webhook}, body

        return render

    return opened


async def subscribed(account: Account) -> bool:
    """Tell queues from bridges: what goes to a queue is posted to its service, which the queue's name follows."""
    for one in account.sender.subscriptions.values():
        if amazon_queue.is_queue(urlsplit(one.url).path):
            one.name, one.url = one.url, amazon_queue.service(one.url)
    return True


def throttled(_account: Account) -> web.Response | None:
    """Answer a storm."""
    return quota().response()


def routes(account: Account) -> list[web.RouteDef]:
    """Serve the token endpoint, the reads, and this kind's own control words."""
    reads = Reads(account)

    async def token(request: web.Request) -> web.Response:
        return await grant(account, request)

    return [
        web.post("/auth/o2/token", token),
        web.get(ORDERS, guarded(account, "searchOrders", reads.search)),
        web.get(ORDERS + "/{id}", guarded(account, "getOrder", reads.one)),
        web.get(LISTINGS, served(account, "searchListings", reads.listings)),
        web.get(LISTINGS + "/{sku}", served(account, "getListingsItem", reads.listing)),
        *stock_routes(account),
        *(web.post(f"/_control/{name}", _control(account, act)) for name, act in CONTROLS.items()),
    ]


def stock_routes(account: Account) -> list[web.RouteDef]:
    """Serve what changes numbers: patches, and feeds with their files."""
    writes = Writes(account)
    return [
        web.patch(LISTINGS + "/{sku}", served(account, "patchListingsItem", writes.patch)),
        web.post(FEEDS + "/documents", served(account, "createFeedDocument", writes.document)),
        web.get(FEEDS + "/documents/{id}", served(account, "getFeedDocument", writes.report)),
        web.post(FEEDS + "/feeds", served(account, "createFeed", writes.feed)),
        web.get(FEEDS + "/feeds/{id}", served(account, "getFeed", writes.ask)),
        web.delete(FEEDS + "/feeds/{id}", served(account, "cancelFeed", writes.cancel)),
        web.put(FILES + "/{id}", writes.put),
        web.get(FILES + "/{id}", writes.get),
    ]


def served(account: Account, operation: str, handler: Handler) -> Handler:
    """Let happen what is due before a call is answered."""

    async def answered(request: web.Request) -> web.Response:
        settle(account, account.clock())
        return await handler(request)

    return guarded(account, operation, answered)


def _control(account: Account, act: Any) -> Any:
    async def answered(request: web.Request) -> web.Response:
        try:
            act(account, orjson.loads(await request.read()))
        except (KeyError, ValueError, LookupError) as error:
            return answer({"error": str(error)}, 400)
        return answer({"seller_id": desk(account).seller_id})

    return answered


def _settings(account: Account, wish: Mapping[str, Any]) -> None:
    own = {name: value for name, value in wish.items() if name not in STOCK}
    desk(account).set(own)
    for name in STOCK.keys() & wish.keys():
        holder, attribute = STOCK[name]
        setattr(holder(account), attribute, int(wish[name]))


def _status(account: Account, wish: Mapping[str, Any]) -> None:
    order_id, now = str(wish["order_id"]), account.clock()
    order = account.shop.order(order_id)
    desk(account).statuses[order_id] = str(wish["status"])
    change = alter.touch(account.shop, now, order_id)
    told = events(account, Change(kind=ChangeKind.UPDATED, order=order, at=change.at))
    account.sender.emit(told, duplicate=bool(wish.get("duplicate")), delay_s=float(wish.get("delay_s", 0)))


def _afn(account: Account, wish: Mapping[str, Any]) -> None:
    """Sell out of Amazon's own stock: the shop's levels stay."""
    own, now, order_id = desk(account), account.clock(), str(wish["order_id"])
    item = {"OrderItemId": f"{order_id}-1", "SellerSKU": str(wish["sku"]), "SupplySourceId": None}
    summary = {
        "MarketplaceId": "ATVPDKIKX0DER",
        "OrderStatus": "Unshipped",
        "PurchaseDate": amazon_views.milliseconds(now),
        "DestinationPostalCode": None,
        "FulfillmentType": "AFN",
        "OrderType": "StandardOrder",
        "OrderItems": [{**item, "Quantity": int(wish["qty"])}],
    }
    own.afn[order_id] = {
        "orderId": order_id,
        "createdTime": times.zulu(now),
        "lastUpdatedTime": times.zulu(now),
        "salesChannel": {"channelName": "AMAZON"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "AMAZON"},
        "orderItems": [
            {
                "orderItemId": f"{order_id}-1",
                "quantityOrdered": int(wish["qty"]),
                "product": {"sellerSku": str(wish["sku"])},
            }
        ],
    }
    told = [amazon_views.notification(own, summary, (order_id, level, "created"), now) for level in LEVELS]
    account.sender.emit(_events(account, order_id, iter(told)))


LEVELS = ("OrderItemLevel", "OrderLevel")
CONTROLS = {"amazon": _settings, "status": _status, "afn": _afn, "feed": amazon_feeds.wish}
STOCK: Mapping[str, tuple[Callable[[Account], Any], str]] = {
    "apply_delay_ms": (stock, "delay_ms"),
    "drop_patches": (stock, "drops"),
    "feed_ms": (amazon_feeds.feeds, "took_ms"),
}
