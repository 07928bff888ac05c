"""WooCommerce's webhooks: the events with the body of send time, the unsigned ping, and the `/webhooks` endpoint."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import woo_views
from compose.fakes.account import Account
from compose.fakes.books import Change, ChangeKind
from compose.fakes.signing import body_signature
from compose.fakes.webhooks import Event, Policy, Render, Subscription
from compose.fakes.woo_paging import WooError, answer, page

POLICY = Policy(timeout_s=60.0, connect_s=60.0, success=range(200, 303), coalesce=True, disable_after=5)
"""Never retried; 200 to 302 is success; `failure_count > 5` is tested before counting, so the 7th failure disables."""
TOPICS = ("order.created", "order.updated")
USER_AGENT = "WooCommerce/10.3.0 Hookshot (WordPress/6.8)"
PING_OK = 200
STATUSES = ("active", "paused", "disabled")


def events(account: Account, change: Change) -> list[Event]:
    """Tell a change as created or updated; there are no other topics. The body is built when the attempt begins."""
    topic = TOPICS[change.kind is not ChangeKind.CREATED]
    order = change.order

    def opened(subscription: Subscription) -> Render:
        def render(now: int) -> tuple[dict[str, str], bytes]:
            body = orjson.dumps(woo_views.order(order))
            return headers(account, subscription, now, body), body

        return render

    return [Event(topic=topic, order_id=order.order_id, open=opened)]


def headers(account: Account, subscription: Subscription, now: int, body: bytes) -> dict[str, str]:
    """Write the headers; the delivery id is a hash of webhook and second, no event id."""
    resource, _, event = subscription.topic.partition(".")
    delivery = hashlib.md5(f"{subscription.number}{now // 1000}".encode(), usedforsecurity=False).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-WC-Webhook-Source": f"https://{account.name}.example/",
        "X-WC-Webhook-Topic": subscription.topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Signature": body_signature(account.secrets.webhook, body),
        "X-WC-Webhook-ID": str(subscription.number),
        "X-WC-Webhook-Delivery-ID": delivery,
    }


async def ping(account: Account, subscription: Subscription) -> bool:
    """Send the unsigned ping of a new webhook; only a 200 makes it active."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": USER_AGENT}
    status, _ = await account.sender.post(subscription.url, form, f"webhook_id={subscription.number}".encode())
    account.counts["pings"] += 1
    subscription.active = status == PING_OK
    return subscription.active


async def subscribed(account: Account) -> bool:
    """Ping every webhook of the account that is not active yet."""
    waiting = [one for one in account.sender.subscriptions.values() if not one.active]
    return all([await ping(account, one) for one in waiting])


class Webhooks:
    """The `/webhooks` endpoint of one account."""

    def __init__(self, account: Account) -> None:
        """Serve this account's subscriptions."""
        self.account = account
        self.paused: set[int] = set()

    async def list(self, request: web.Request) -> web.Response:
        """`GET webhooks?status=disabled`."""
        status = request.query.get("status", "all")
        if status not in ("all", *STATUSES):
            raise WooError("rest_invalid_param", "Invalid parameter(s): status", 400)
        rows = [self.shown(one) for one in self.account.sender.subscriptions.values()]
        some, headers_ = page([row for row in rows if status in ("all", row["status"])], request.query)
        return answer(some, headers=headers_)

    async def create(self, request: web.Request) -> web.Response:
        """`POST webhooks`: a new webhook is pinged, unsigned."""
        wish: Mapping[str, Any] = orjson.loads(await request.read())
        if not str(wish.get("topic", "")).startswith("order."):
            message = "Webhook topic must be valid."
            raise WooError("woocommerce_rest_webhook_invalid_topic", message, 400)
        number = self.account.shop.number()
        made = Subscription(number=number, topic=wish["topic"], url=wish["delivery_url"], name=wish.get("name", ""))
        self.account.sender.subscriptions[number] = made
        await ping(self.account, made)
        return answer(self.shown(made), status=201)

    async def put(self, request: web.Request) -> web.Response:
        """
        `PUT webhooks/{id}`: a new address, or `status: active` after it was disabled.

        The count of failures stays as it is, so that the next failure disables it again; only a new address is pinged.
        """
        one = self.account.sender.subscriptions.get(int(request.match_info["id"]))
        if one is None:
            raise WooError("woocommerce_rest_shop_webhook_invalid_id", "ID is invalid.", 400)
        wish: Mapping[str, Any] = orjson.loads(await request.read())
        status = wish.get("status", self.shown(one)["status"])
        if status not in STATUSES:
            raise WooError("woocommerce_rest_shop_webhook_invalid_status", "Webhook status must be valid.", 400)
        moved, one.url = wish.get("delivery_url", one.url) != one.url, wish.get("delivery_url", one.url)
        one.active = status == "active"
        (self.paused.add if status == "paused" else self.paused.discard)(one.number)
        if one.active and moved:
            await ping(self.account, one)
        return answer(self.shown(one))

    def shown(self, one: Subscription) -> dict[str, Any]:
        """Show a webhook; one that an administrator has paused is not active either."""
        off = "paused" if one.number in self.paused else "disabled"
        return shown(one) | {"status": "active" if one.active else off}


def shown(one: Subscription) -> dict[str, Any]:
    """Show a webhook; its secret is never shown."""
    resource, _, event = one.topic.partition(".")
    return {
        "id": one.number,
        "name": one.name or f"Webhook {one.number}",
        "status": "active" if one.active else "disabled",
        "topic": one.topic,
        "resource": resource,
        "event": event,
        "delivery_url": one.url,
    }
