"""One stand-in account as an aiohttp application: the vendor's API behind the weather, and the control endpoint."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from types import ModuleType
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from compose.fakes import amazon, ebay, etsy, generic, shopify, woocommerce
from compose.fakes.account import Account, Kind, Secrets
from compose.fakes.control import Control
from compose.fakes.faults import Faults
from compose.fakes.shop import Shop
from compose.fakes.webhooks import Clock, Sender

KINDS: dict[str, ModuleType] = {
    "amazon": amazon,
    "ebay": ebay,
    "etsy": etsy,
    "generic": generic,
    "shopify": shopify,
    "woocommerce": woocommerce,
}
ACCOUNT = web.AppKey("account", Account)
MAX_BODY = 8 * 1024 * 1024
CONTROL = ("/_control/", "/healthz")


def wall_clock() -> int:
    """Tell the time in ms."""
    return time.time_ns() // 1_000_000


def application(
    *,
    kind: str,
    name: str,
    secrets: Secrets,
    seed: int = 0,
    time_scale: float = 1.0,
    clock: Clock = wall_clock,
) -> web.Application:
    """Make the application of one account. Raises KeyError for an unknown kind."""
    module = cast("Kind", KINDS[kind])
    faults = Faults()
    sender = Sender(policy=module.POLICY, faults=faults, clock=clock, dice=random.Random(seed), time_scale=time_scale)
    account = Account(name=name, shop=Shop(name), faults=faults, sender=sender, secrets=secrets, clock=clock)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[weather(account, module)])
    app[ACCOUNT] = account
    app.add_routes([*module.routes(account), *Control(account, module).routes()])
    app.cleanup_ctx.append(_sending(account))
    return app


def _sending(account: Account) -> Callable[[web.Application], AsyncIterator[None]]:
    """Run the sender as long as the application serves."""

    async def running(_app: web.Application) -> AsyncIterator[None]:
        await account.sender.start()
        yield
        await account.sender.close()

    return running


def weather(account: Account, kind: Kind) -> Middleware:
    """Put the faults in front of the vendor's API; the control endpoint is always reachable."""

    @web.middleware
    async def passed(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL):
            return await handler(request)
        account.counts["calls"] += 1
        if account.faults.latency_ms:
            await asyncio.sleep(account.faults.latency_ms / 1000)
        refusal = _refusal(account, kind, request)
        if refusal is not None:
            await _tally(account, kind, request, refusal)
            return refusal
        answer = await handler(request)
        account.counts[f"status_{answer.status}"] += 1
        if account.faults.lost_answers and request.method != "GET":
            account.faults.lost_answers -= 1
            account.counts["lost_answers"] += 1
            return dropped(request)
        return answer

    return passed


async def _tally(account: Account, kind: Kind, request: web.Request, refusal: web.StreamResponse) -> None:
    """Count a write that was too fast for each listing that it names, where the kind can tell."""
    named: Callable[[bytes], list[str]] | None = getattr(kind, "named", None)
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS and named is not None:
        for name in named(await request.read()):
            found = account.shop.listings.get(name) or account.shop.by_sku.get(name)
            account.shop.tally(found.key if found else name, "throttles")


def _refusal(account: Account, kind: Kind, request: web.Request) -> web.StreamResponse | None:
    """Answer a call that the weather does not let through."""
    now, faults = account.clock(), account.faults
    if faults.out(now, "api"):
        account.counts["outage"] += 1
        return (
            dropped(request) if faults.outage_mode == "refuse" else web.Response(status=503, text="Service Unavailable")
        )
    if faults.statuses:
        return web.Response(status=faults.statuses.pop(0), text="refused by the control endpoint")
    answer = kind.throttled(account) if faults.throttled(now) else None
    account.counts["throttled"] += answer is not None
    return answer


def dropped(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)
