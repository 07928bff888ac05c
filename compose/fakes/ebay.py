"""A stand-in eBay seller: thin signed notifications, orders by the Fulfillment API, listings by the Inventory API.

Facts: Notification API (envelope, challenge, 3 retries), AsyncAPI `ORDER_CONFIRMATION` (one for each line; the buyer's
checkout only: cancellations and refunds are told to nobody).

Its numbers are in `compose.fakes.ebay_stock`; what is special about them is set by
POST /_control/ebay  {out_of_stock?: bool, revisions?: a listing's in a day, calls_a_day?, offer_at?: {sku: number},
                      revoke?: true (every token that was granted ends now)}
"""

import secrets as dice
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from compose.fakes import ebay_access as access
from compose.fakes import ebay_bulk, ebay_orders, ebay_signing, ebay_stock
from compose.fakes.account import Account
from compose.fakes.books import Change, ChangeKind, Line, Listing, Order
from compose.fakes.ebay_access import Access, EbayError
from compose.fakes.ebay_bulk import ROOT
from compose.fakes.ebay_listings import Listings
from compose.fakes.shop import Shop
from compose.fakes.shopify_bodies import uuid_of
from compose.fakes.webhooks import Event, Policy, Render, Subscription

POLICY = Policy(timeout_s=10.0, connect_s=3.0, success=range(200, 205), retry_after_s=(60.0, 600.0, 3600.0))
"""Three retries are documented, their times are not."""
TOPICS = ("ORDER_CONFIRMATION",)
ID_BASE = 100_000
PINGS = True
named = ebay_stock.named
ITEM_BASE = 110_000_000_000
KEY_PATH = "/commerce/notification/v1/public_key/{name}"
CHALLENGE_S = 10.0
SIGNER = ebay_signing.Signer()
"""eBay's keys are eBay's, not an account's."""


def listing(shop: Shop, wish: Mapping[str, Any]) -> Listing:
    """Make a listing, or a variation of the listing that `parent` names; its key is what an order's line names."""
    number = shop.number()
    group = shop.parents.setdefault(str(wish["parent"]), len(shop.parents) + 1) if wish.get("parent") else 0
    item, sku = ITEM_BASE + (group or 1_000 + number), str(wish["sku"])
    ids = {"listing": item, "variation": 410_000 + number if group else 0, "offer": 7_000 + number, "group": group}
    key = f"{item}/{sku}" if group else str(item)
    return Listing(key=key, sku=sku, ids=ids, level=int(wish.get("quantity", 0)))


def refuse(account: Account, what: str, wish: Mapping[str, Any]) -> None:
    """Raise ValueError for what eBay has no word for: an order is bought, may be cancelled as a whole, and is refunded.

    A refund is money, and nothing says whether units came back; a cancellation takes every line with it.
    """
    order = account.shop.orders.get(str(wish.get("order_id", "")))
    said = {
        "edit": "an eBay order's lines cannot be edited",
        "swap": "a line of an eBay order keeps its product",
        "remove": "a line never leaves an eBay order",
        "sell": "an eBay order gets no further lines" if order else "",
        "refund": "" if wish.get("restock_type") == "no_restock" else "a refund at eBay is money: no_restock",
        "cancel": _uncancellable(order, wish),
    }.get(what, "")
    if said:
        raise ValueError(said)


def _uncancellable(order: Order | None, wish: Mapping[str, Any]) -> str:
    if not wish.get("restock", True):
        return "eBay does not say that a cancelled order's units stay away"
    return "a refunded order is not cancelled at eBay" if order and order.refunds else ""


def events(account: Account, change: Change) -> list[Event]:
    """Tell a checkout, once for each line; of everything else eBay says nothing."""
    if change.kind is not ChangeKind.CREATED:
        return []
    return [_event(account, change.order, line, change.at) for line in change.order.lines.values()]


def _event(account: Account, order: Order, line: Line, at: int) -> Event:
    row = {
        "orderLineItemId": line.line_id,
        "listingId": str(line.listing.ids["listing"]),
        "quantity": line.ordered,
    }
    data = {
        "user": {"userId": account.name, "username": account.name},
        "order": {"orderId": order.order_id, "orderLineItems": [row]},
    }
    number = uuid_of(f"{account.name}:{order.order_id}:{line.line_id}")

    def opened(subscription: Subscription) -> Render:
        tried = 0

        def render(now: int) -> tuple[dict[str, str], bytes]:
            nonlocal tried
            tried += 1
            body = _body(subscription.topic, number, (at, now, tried), data)
            header = SIGNER.header(account.secrets.webhook, body)
            return {"Content-Type": "application/json", ebay_signing.HEADER: header}, body

        return render

    return Event(topic=TOPICS[0], order_id=order.order_id, open=opened)


def _body(topic: str, number: str, when: tuple[int, int, int], data: Mapping[str, Any]) -> bytes:
    happened, now, tried = when
    envelope = {
        "metadata": {"topic": topic, "schemaVersion": "1.0", "deprecated": False},
        "notification": {
            "notificationId": number,
            "eventDate": ebay_orders.zulu(happened),
            "publishDate": ebay_orders.zulu(now),
            "publishAttemptCount": tried,
            "data": data,
        },
    }
    return orjson.dumps(envelope)


async def subscribed(account: Account) -> bool:
    """Ask each address the question that a new destination is asked; a wrong answer leaves it out."""
    waiting = [one for one in account.sender.subscriptions.values() if not one.active]
    timeout = aiohttp.ClientTimeout(total=CHALLENGE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for one in waiting:
            one.active = await _asked(account, session, one.url)
    return all(one.active for one in waiting)


async def _asked(account: Account, session: aiohttp.ClientSession, url: str) -> bool:
    code = dice.token_hex(32)
    account.counts["challenges"] += 1
    try:
        async with session.get(url, params={"challenge_code": code}, allow_redirects=False) as told:
            right = ebay_signing.challenge(code, account.secrets.webhook, url)
            return told.status == 200 and (await told.json()).get("challengeResponse") == right
    except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError):
        return False


def throttled(_account: Account) -> web.Response | None:
    """Answer a storm."""
    return access.throttled()


def routes(account: Account) -> list[web.RouteDef]:
    """Serve the API."""
    door, orders, listings = Access(account), ebay_orders.Orders(account), Listings(account)
    numbers = ebay_bulk.Numbers(account)
    SIGNER.pair(account.secrets.webhook)

    def inventory(handler: access.Handler) -> access.Handler:
        """Charge a call to the Inventory API's day before it is served."""

        async def charged(request: web.Request) -> web.Response:
            ebay_stock.counted(account)
            return await handler(request)

        return door.guarded("user", charged)

    async def settings(request: web.Request) -> web.Response:
        wish = await request.json()
        ebay_stock.settings(account, wish)
        if wish.get("revoke"):
            door.granted.clear()
        return web.json_response({})

    async def key(request: web.Request) -> web.Response:
        account.counts["public_keys"] += 1
        shown = SIGNER.shown(request.match_info["name"])
        if shown is None:
            raise EbayError(195001, "The specified key id is invalid.", 404, "API_NOTIFICATION")
        return access.answer(shown)

    return [
        web.post("/identity/v1/oauth2/token", door.token),
        web.get(KEY_PATH, door.guarded("app", key)),
        web.get(ebay_orders.PATH, door.guarded("user", orders.many)),
        web.get(ebay_orders.PATH + "/{id}", door.guarded("user", orders.one)),
        web.get(f"{ROOT}/inventory_item", inventory(listings.items)),
        web.get(f"{ROOT}/offer", inventory(listings.offers)),
        web.post(f"{ROOT}/bulk_update_price_quantity", inventory(numbers.update)),
        web.post(f"{ROOT}/bulk_get_inventory_item", inventory(numbers.get)),
        web.post("/_control/ebay", settings),
    ]
