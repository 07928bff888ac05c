"""What the tests of the stand-ins share: a receiver of webhooks, and accounts that serve on a port of their own."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer

from compose.fakes.account import Account, Secrets
from compose.fakes.server import ACCOUNT, application

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "ck_key:cs_secret"
DEADLINE_S = 20.0


@dataclass(kw_only=True)
class Receiver:
    """A webhook receiver: answers with the scripted statuses, then 200, and keeps what came."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        """Take one delivery."""
        body = await request.read()
        async with self.changed:
            self.got.append((dict(request.headers), body))
            self.changed.notify_all()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def wait(self, number: int) -> list[tuple[dict[str, str], bytes]]:
        """Wait until so many deliveries have come, or fail at the deadline."""
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(lambda: len(self.got) >= number)
        return self.got


@dataclass(kw_only=True)
class Stand:
    """One account as a test sees it: its control endpoint, its API, and its books."""

    session: ClientSession
    server: BaseTestServer
    account: Account

    async def control(self, path: str, wish: dict[str, Any], status: int = 200) -> dict[str, Any]:
        """Post a wish and expect its status."""
        async with self.session.post(self.server.make_url(f"/_control/{path}"), json=wish) as answer:
            assert answer.status == status, await answer.text()
            body: dict[str, Any] = await answer.json()
            return body

    async def read(self, path: str) -> dict[str, Any]:
        """Read what the control endpoint tells."""
        async with self.session.get(self.server.make_url(f"/_control/{path}")) as answer:
            body: dict[str, Any] = await answer.json()
            return body

    async def graphql(self, query: str, variables: dict[str, Any] | None = None, token: str = TOKEN) -> Any:
        """Post a query to the Shopify API."""
        url = self.server.make_url("/admin/api/2026-10/graphql.json")
        post = {"query": query, "variables": variables or {}}
        async with self.session.post(url, json=post, headers={"X-Shopify-Access-Token": token}) as answer:
            return {**await answer.json(), "status": answer.status}

    async def woo(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any, Any]:
        """Call the WooCommerce API: status, body, headers."""
        headers = {"Authorization": "Basic " + b64encode(token.encode()).decode()}
        url = self.server.make_url(f"/wp-json/wc/v3{path}")
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json(), answer.headers

    async def until(self, met: Callable[[Account], bool]) -> None:
        """Wait until the account's books say so, or fail at the deadline."""
        async with asyncio.timeout(DEADLINE_S):
            while not met(self.account):  # noqa: ASYNC110 - the books are plain data, they ring no bell
                await asyncio.sleep(0.005)


Open = Callable[..., Awaitable[Stand]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.receive)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/hook"))
        yield made


@pytest.fixture
async def open_account(receiver: Receiver) -> AsyncIterator[Open]:
    """A function that opens an account of a kind with TEE-M (5) and TEE-L (1), its webhooks going to the receiver."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession())

        async def opened(kind: str, *, webhooks: bool = True, **options: Any) -> Stand:
            secrets = Secrets(webhook=WEBHOOK_SECRET, token=TOKEN)
            app = application(kind=kind, name=f"{kind}-a", secrets=secrets, **options)
            server = await stack.enter_async_context(TestServer(app))
            stand = Stand(session=session, server=server, account=app[ACCOUNT])
            await stand.control(
                "catalogue", {"products": [{"sku": "TEE-M", "quantity": 5}, {"sku": "TEE-L", "quantity": 1}]}
            )
            if webhooks:
                await stand.control("webhook", {"url": receiver.url})
                receiver.got.clear()
            return stand

        yield opened
