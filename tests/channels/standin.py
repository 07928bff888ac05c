"""A stand-in account that serves over HTTP, and our own adapter that talks to it; the waits move a clock."""

from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer, TestServer

from compose.fakes.account import Account, Secrets
from compose.fakes.server import ACCOUNT, application
from publishers.channels import KINDS
from publishers.delivery import Delivery
from publishers.kind import Kind
from publishers.push import Account as Ours
from publishers.push import Request, Response, Row
from schemas.channel_records import Listing

End = TypeVar("End")
TOKEN = "ck_key:cs_secret"
SECRETS = {"ACCESS_TOKEN": TOKEN, "CONSUMER_KEY": "ck_key", "CONSUMER_SECRET": "cs_secret"}
SHOPIFY = Ours(api_version="2026-10", location="gid://shopify/Location/24826418")
NOTHING: Mapping[int, Callable[[], object]] = {}
LIMIT = 200
"""More requests than any conversation of a test makes."""


@dataclass
class Clock:
    """The time at the stand-in, in ms."""

    now: int = 1_795_300_000_000

    def __call__(self) -> int:
        """Tell the time."""
        return self.now


@dataclass
class Standin:
    """A shop with its catalogue, and a connection to it."""

    account: Account
    server: BaseTestServer
    session: ClientSession
    delivery: Delivery
    kind: Kind
    clock: Clock
    ours: Ours
    listings: dict[str, Listing] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    async def control(self, path: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Post a wish to the control endpoint."""
        async with self.session.post(self.server.make_url(f"/_control/{path}"), json=wish) as answer:
            assert answer.status == 200, await answer.text()
            body: dict[str, Any] = await answer.json()
            return body

    async def catalogue(self, *products: Mapping[str, Any]) -> None:
        """Put products into the shop, and know them by SKU."""
        made = await self.control("catalogue", {"products": products})
        self.listings |= {one["sku"]: self._listing(one) for one in made["listings"]}

    def _listing(self, one: Mapping[str, Any]) -> Listing:
        ids = one["ids"]
        if "variant_id" in ids:
            own = {"variant": str(ids["variant_id"]), "inventory_item": str(ids["inventory_item_id"])}
        else:
            own = {"product": str(ids["product_id"]), "variation": str(ids["variation_id"])}
        return Listing(channel="shop", listing_id=one["listing"], sku=one["sku"], ids=own)

    def row(self, sku: str, quantity: int, **more: Any) -> Row:
        """Make a row for a SKU."""
        return Row(sku=sku, listing=self.listings[sku], quantity=quantity, version=1, **more)

    async def hold(
        self, conversation: Generator[Request, Response, End], meanwhile: Mapping[int, Callable[[], object]] = NOTHING
    ) -> End:
        """
        Hold a conversation over HTTP; a wait moves the stand-in's clock.

        What happens `meanwhile` happens before the request of that number is sent, the first one being 0.
        """
        self.requests.clear()
        request = next(conversation)
        for number in range(LIMIT):
            self.clock.now += request.after_ms
            meanwhile.get(number, bool)()
            self.requests.append(request)
            response = await self.send(request)
            try:
                request = conversation.send(response)
            except StopIteration as end:
                ended: End = end.value
                return ended
        raise AssertionError("the conversation does not end")

    async def send(self, request: Request) -> Response:
        """Make one request."""
        return await self.delivery.send(request, self.kind.headers(SECRETS), 5_000)

    async def tell(
        self, *rows: Row, call: str = "r1", meanwhile: Mapping[int, Callable[[], object]] = NOTHING
    ) -> tuple[Any, ...]:
        """Tell rows; returns their verdicts."""
        return (await self.hold(self.kind.tell(rows, self.ours, call), meanwhile)).verdicts

    async def read(self, *rows: Row) -> tuple[Any, ...]:
        """Ask for rows; returns their verdicts."""
        return (await self.hold(self.kind.read(rows, self.ours))).verdicts

    async def sweep(self, known: int | None = None) -> Any:
        """Ask for all; `known` listings make it choose how."""
        listings = [*self.listings.values()]
        return await self.hold(self.kind.sweep(self.ours, listings * (known or 1)))

    def weather(self, **faults: Any) -> Callable[[], None]:
        """Return what changes the weather at the stand-in."""
        return lambda: self.account.faults.set(self.clock.now, faults)

    def level(self, sku: str) -> int:
        """Return the number that shoppers see."""
        return self.account.shop.by_sku[sku].level

    def oversells(self, sku: str) -> str:
        """Return the vendor's word for selling on at 0."""
        return self.account.shop.by_sku[sku].oversells

    def tally(self, sku: str) -> dict[str, int]:
        """Return what was done to a listing."""
        return dict(self.account.shop.tallies[self.account.shop.by_sku[sku].key])


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[Standin]:
    """Open an account of a kind on a port of its own."""
    clock = Clock()
    app = application(kind=kind, name=f"{kind}-a", secrets=Secrets(webhook="whsec", token=TOKEN), clock=clock)
    async with TestServer(app) as server, ClientSession() as session, Delivery(str(server.make_url(""))) as delivery:
        ours = SHOPIFY if kind == "shopify" else Ours()
        yield Standin(
            account=app[ACCOUNT],
            server=server,
            session=session,
            delivery=delivery,
            kind=KINDS[kind],
            clock=clock,
            ours=ours,
        )
