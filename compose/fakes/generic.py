"""A stand-in sender of Standard Webhooks: it sells and tells, and has no API to push to.

Facts: standard-webhooks/spec/standard-webhooks.md. The body is Lastunit's public generic order format: what each line
holds now, and a revision that rises with each change.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import times
from compose.fakes.account import Account
from compose.fakes.books import Change, Listing, Order
from compose.fakes.shop import Shop
from compose.fakes.shopify_bodies import uuid_of
from compose.fakes.signing import standard_signature
from compose.fakes.webhooks import Event, Policy, Render, Subscription

HOUR_S = 3600.0
POLICY = Policy(
    timeout_s=20.0,
    connect_s=20.0,
    retry_after_s=(5.0, 300.0, 1800.0, *(hours * HOUR_S for hours in (2, 5, 10, 14, 20, 24))),
)
"""The example schedule of the specification: 10 tries over about 3 days."""
TOPICS = ("order.line",)
ID_BASE = 20_000
PINGS = False


def listing(shop: Shop, wish: Mapping[str, Any]) -> Listing:
    """Make a product; this sender knows only SKUs."""
    sku = str(wish["sku"])
    return Listing(key=sku, sku=sku, ids={"product_id": shop.number()}, level=int(wish.get("quantity", 0)))


def events(account: Account, change: Change) -> list[Event]:
    """Tell what the order holds now; a retry carries the same body and id, and a new timestamp."""
    order = change.order
    message = "msg_" + uuid_of(f"{account.name}:{order.order_id}:{order.revision}").replace("-", "")
    sent = body(order)

    def opened(_subscription: Subscription) -> Render:
        def render(now: int) -> tuple[dict[str, str], bytes]:
            signature = standard_signature(account.secrets.webhook, message, now // 1000, sent)
            return {
                "Content-Type": "application/json",
                "webhook-id": message,
                "webhook-timestamp": str(now // 1000),
                "webhook-signature": signature,
            }, sent

        return render

    return [Event(topic=TOPICS[0], order_id=order.order_id, open=opened)]


def body(order: Order) -> bytes:
    """Write an order's state; what left it is named with 0 units, since nobody asks this sender what it has."""
    lines = [{"lineId": line.line_id, "sku": line.listing.sku, "qty": line.held} for line in order.lines.values()]
    lines += [{"lineId": line_id, "sku": sku, "qty": 0} for line_id, sku in order.left]
    data = {
        "orderId": order.order_id,
        "revision": order.revision,
        "orderedAt": order.created_at,
        "lines": lines,
    }
    return orjson.dumps({"type": TOPICS[0], "timestamp": times.zulu(order.updated_at), "data": data})


def routes(_account: Account) -> list[web.RouteDef]:
    """Serve nothing."""
    return []


def throttled(_account: Account) -> web.Response | None:
    """Answer nothing: there is no API."""
    return None


async def subscribed(_account: Account) -> bool:
    """A sender is configured, not subscribed to."""
    return True
