"""A stand-in WooCommerce shop: REST v3 under Basic auth, and webhooks that are never retried."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import woo_webhooks
from compose.fakes.account import Account
from compose.fakes.books import Change, Listing
from compose.fakes.shop import Shop
from compose.fakes.webhooks import Event
from compose.fakes.woo_orders import Orders
from compose.fakes.woo_paging import WooError, answer
from compose.fakes.woo_products import Products
from compose.fakes.woo_webhooks import Webhooks

POLICY = woo_webhooks.POLICY
TOPICS = woo_webhooks.TOPICS
ID_BASE = 10_000
PINGS = True
ROOT = "/wp-json/wc/v3"
PARENT_BASE = 900_000
RETRY_AFTER_S = 1
Handler = Callable[[web.Request], Awaitable[web.Response]]


def listing(shop: Shop, wish: Mapping[str, Any]) -> Listing:
    """
    Make a simple product, or a variation of the variable product that `parent` names; the key is its post id.

    `oversells` is its `backorders`, "notify" or "yes".
    """
    key = 1000 + shop.number()
    parent = _parent(shop, str(wish["parent"])) if wish.get("parent") else 0
    ids = {"product_id": parent or key, "variation_id": key if parent else 0, "parent_id": parent}
    return Listing(
        key=str(key),
        sku=str(wish["sku"]),
        ids=ids,
        level=int(wish.get("quantity", 0)),
        managed=bool(wish.get("managed", True)),
        oversells=str(wish.get("oversells", "")),
    )


def _parent(shop: Shop, name: str) -> int:
    """Give the post id of a variable product, the same for each of its variations."""
    return PARENT_BASE + shop.parents.setdefault(name, len(shop.parents) + 1)


def events(account: Account, change: Change) -> list[Event]:
    """Tell a change of an order."""
    return woo_webhooks.events(account, change)


async def subscribed(account: Account) -> bool:
    """Ping the new webhooks; they stay disabled until the receiver says 200."""
    return await woo_webhooks.subscribed(account)


def throttled(_account: Account) -> web.Response | None:
    """Answer a storm as a host or its firewall does: 429 with `Retry-After`."""
    body = WooError("too_many_requests", "Too many requests.", 429).body()
    return answer(body, status=429, headers={"Retry-After": str(RETRY_AFTER_S)})


def named(body: bytes) -> list[str]:
    """Tell which products a write names."""
    try:
        return [str(row["id"]) for row in orjson.loads(body)["update"]]
    except (ValueError, LookupError, TypeError):
        return []


def routes(account: Account) -> list[web.RouteDef]:
    """Serve the REST API."""
    products, orders, webhooks = Products(account), Orders(account), Webhooks(account)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/products", products.list),
        ("POST", "/products/batch", products.batch),
        ("GET", r"/products/{id:\d+}", products.one),
        ("PUT", r"/products/{id:\d+}", products.put),
        ("GET", r"/products/{parent:\d+}/variations", products.variations),
        ("POST", r"/products/{parent:\d+}/variations/batch", products.batch),
        ("GET", r"/products/{parent:\d+}/variations/{id:\d+}", products.one),
        ("PUT", r"/products/{parent:\d+}/variations/{id:\d+}", products.put),
        ("GET", "/variations", products.all_variations),
        ("GET", "/orders", orders.list),
        ("GET", "/orders/{id}", orders.one),
        ("GET", "/orders/{id}/refunds", orders.refunds),
        ("GET", "/webhooks", webhooks.list),
        ("POST", "/webhooks", webhooks.create),
        ("PUT", r"/webhooks/{id:\d+}", webhooks.put),
    ]
    return [web.route(method, ROOT + path, guarded(account, handler)) for method, path, handler in table]


def guarded(account: Account, handler: Handler) -> Handler:
    """Ask for the key pair first, and write errors as WordPress does."""

    async def answered(request: web.Request) -> web.Response:
        try:
            check_key(request, account.secrets.token)
            return await handler(request)
        except WooError as error:
            return answer(error.body(), status=error.status)
        except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError, ValueError) as error:
            return answer(WooError("rest_invalid_json", f"Invalid JSON body passed: {error}", 400).body(), status=400)

    return answered


def check_key(request: web.Request, pair: str) -> None:
    """Compare the `ck:cs` pair: Basic auth, or the query string as fallback. Raises WooError 401."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except binascii.Error:
        given = b""
    if not given and "consumer_key" in request.query:
        given = f"{request.query['consumer_key']}:{request.query.get('consumer_secret', '')}".encode()
    if not given:
        raise WooError("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", 401)
    if not hmac.compare_digest(given, pair.encode()):
        raise WooError("woocommerce_rest_authentication_error", "Consumer key is invalid.", 401)
