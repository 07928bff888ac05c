"""The Amazon stand-in against the vendor's models, and our own adapter against the stand-in."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from compose.fakes.account import Secrets
from compose.fakes.server import ACCOUNT, application
from ingest.channels import amazon, amazon_listings, amazon_poll, amazon_token
from ingest.poll.kind import Answer, Expired, Later, Page, Request, Token
from schemas.settings import Channel, Kind

TRIO = ("client", "secret", "Atzr|refresh")
NOW = 1_795_300_000_000


class Clock:
    """A time that tests move."""

    ms = NOW

    def __call__(self) -> int:
        """Tell it."""
        return self.ms


class Shop:
    """One account, its receiver, and calls as our adapters make them."""

    def __init__(self, session: ClientSession, server: TestServer, clock: Clock) -> None:
        self.session, self.server, self.clock = session, server, clock
        self.account = server.app[ACCOUNT]
        self.got: list[tuple[dict[str, str], Any]] = []
        self.token = ""
        base = str(server.make_url("")).rstrip("/")
        self.channel = Channel(
            name="a",
            kind=Kind.AMAZON,
            since=0,
            base_url=base,
            auth_url=f"{base}/auth/o2/token",
            marketplaces=("ATVPDKIKX0DER",),
        )

    async def control(self, word: str, **wish: Any) -> dict[str, Any]:
        """Drive the stand-in."""
        async with self.session.post(self.server.make_url(f"/_control/{word}"), json=wish) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def call(self, request: Request) -> Answer:
        """Make a call of ours."""
        async with self.session.request(
            request.method, request.url, headers=request.headers, data=request.body or None
        ) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()} | {"date": ""}
            return Answer(status=answer.status, headers=headers, body=await answer.read())

    async def granted(self) -> None:
        """Fetch an access token."""
        found = amazon_token.read(await self.call(amazon_token.request(self.channel, TRIO)))
        assert isinstance(found, Token)
        self.token = found.value

    async def read(self, state: amazon_poll.State) -> Any:
        """Ask for orders."""
        answer = await self.call(amazon_poll.request(self.channel, (self.token,), state))
        return amazon_poll.read(state, answer)

    async def receive(self, request: web.Request) -> web.Response:
        """Take what is sent, as a bridge's target or as a queue."""
        self.got.append((dict(request.headers), json.loads(await request.read())))
        return web.Response()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Yield an account with a token, one listing, and a receiver."""
    clock = Clock()
    secrets = Secrets(webhook="a-shared-token", token=":".join(TRIO))
    server = TestServer(application(kind="amazon", name="acme", secrets=secrets, clock=clock))
    async with server, ClientSession() as session:
        made = Shop(session, server, clock)
        receiver = web.Application()
        receiver.router.add_post("/{path:.*}", made.receive)
        async with TestServer(receiver) as target:
            made.account.more["target"] = str(target.make_url("")).rstrip("/")
            await made.control("catalogue", products=[{"sku": "TEE", "quantity": 9}])
            await made.granted()
            yield made


async def sold(shop: Shop, order: str = "111-1", units: int = 2) -> None:
    await shop.control("sell", sku="TEE", qty=units, order_id=order, line_id="7")


async def told(shop: Shop, count: int, eventually_async: Any) -> list[Any]:
    async def enough() -> bool:
        return len(shop.got) >= count

    await eventually_async(enough)
    return shop.got


async def test_a_sale_is_told_on_both_levels_with_the_shared_token(shop: Shop, eventually_async: Any) -> None:
    """A bridge's POST: our adapter lets it in, and counts one of the two."""
    await shop.control("webhook", url=shop.account.more["target"] + "/webhooks/amazon/orders")
    await sold(shop)
    found = await told(shop, 2, eventually_async)
    for headers, _ in found:
        amazon.verify({name.lower(): value for name, value in headers.items()}, b"", ("a-shared-token",), NOW)
    readings = [amazon.parse({}, json.dumps(body).encode(), NOW) for _, body in found]
    assert sorted(len(reading.lines) for reading in readings) == [0, 1]
    (line,) = [line for reading in readings for line in reading.lines]
    assert (line.order, line.line, line.sku, line.qty, line.revision) == ("111-1", "7", "TEE", 2, NOW)


async def test_told_a_queue_it_sends_messages_there(shop: Shop, eventually_async: Any) -> None:
    """`SendMessage` in the JSON protocol, to the queue's service; the body is the notification."""
    await shop.control("webhook", url=shop.account.more["target"] + "/123456789012/orders")
    await sold(shop)
    found = await told(shop, 2, eventually_async)
    assert {headers["X-Amz-Target"] for headers, _ in found} == {"AmazonSQS.SendMessage"}
    assert all(body["QueueUrl"].endswith("/123456789012/orders") for _, body in found)
    readings = [amazon.parse({}, body["MessageBody"].encode(), NOW) for _, body in found]
    assert sum(len(reading.lines) for reading in readings) == 1


async def test_orders_are_shown_two_minutes_later_and_not_before(shop: Shop) -> None:
    """The window ends two minutes ago, and the answer says so; a later reading has the order, as its notification."""
    await sold(shop)
    early = await shop.read(amazon_poll.start(NOW - 60_000))
    assert isinstance(early, Page)
    assert (early.orders, early.through) == ((), (NOW - 120_000) // 1_000 * 1_000)
    shop.clock.ms += 121_000
    late = await shop.read(amazon_poll.start(NOW - 60_000))
    (order,) = late.orders
    (line,) = amazon_poll.read_order(order.body, NOW).lines
    assert (line.order, line.line, line.sku, line.qty) == ("111-1", "7", "TEE", 2)
    assert line.revision >= NOW


async def test_a_cancel_gives_back_and_the_other_statuses_do_not(shop: Shop) -> None:
    """Pending holds with the setting, shipped units are gone, a cancelled order holds nothing."""
    await shop.control("amazon", search_delay_ms=0, rate_scale=1_000_000)
    await sold(shop)
    seen = []
    for status in ("Pending", "Unshipped", "Shipped"):
        await shop.control("status", order_id="111-1", status=status)
        (order,) = (await shop.read(amazon_poll.start(0))).orders
        (line,) = amazon_poll.read_order(order.body, NOW).lines
        seen.append((line.qty, line.pending))
    await shop.control("cancel", order_id="111-1")
    (order,) = (await shop.read(amazon_poll.start(0))).orders
    assert seen == [(2, True), (2, False), (2, False)]
    assert [line.qty for line in amazon_poll.read_order(order.body, NOW).lines] == [0]


async def test_pages_are_read_to_their_end_and_a_lost_token_loses_no_order(shop: Shop) -> None:
    """More than a page of orders, in no order; the second page's token ends and the window is read in halves."""
    await shop.control("amazon", search_delay_ms=0, rate_scale=1_000_000)
    await shop.control("level", sku="TEE", qty=1_000)
    for number in range(250):
        shop.clock.ms = NOW + number * 1_000
        await sold(shop, f"111-{number}", 1)
    shop.clock.ms += 10_000
    state: amazon_poll.State | None = amazon_poll.start(NOW)
    numbers, calls = set[str](), 0
    while state is not None:
        calls += 1
        found = await shop.read(state)
        if calls == 2:
            await shop.control("amazon", expire="pages")
        numbers |= {order.number for order in getattr(found, "orders", ())}
        state = found.next
    assert numbers == {f"111-{number}" for number in range(250)}
    assert calls > 4


async def test_an_order_is_read_by_its_number_whoever_fulfils_it(shop: Shop, eventually_async: Any) -> None:
    """Amazon's own sales are told too, and neither way counts them."""
    await shop.control("webhook", url=shop.account.more["target"] + "/x")
    await shop.control("afn", sku="TEE", qty=3, order_id="999-1")
    await sold(shop)
    shop.clock.ms += 200_000
    ours = await shop.read(amazon_poll.some(["111-1"]))
    theirs = await shop.read(amazon_poll.some(["999-1"]))
    assert len(amazon_poll.read_order(ours.orders[0].body, NOW).lines) == 1
    assert amazon_poll.read_order(theirs.orders[0].body, NOW).lines == ()
    assert (await shop.read(amazon_poll.some(["0"]))).orders == ()
    found = await told(shop, 4, eventually_async)
    lines = [line for _, body in found for line in amazon.parse({}, json.dumps(body).encode(), NOW).lines]
    assert [line.order for line in lines] == ["111-1"]


async def test_tokens_end_after_an_hour_with_a_403(shop: Shop) -> None:
    """Ended, made up, or missing: our adapter tells the first two from a right that is missing."""
    shop.clock.ms += 3_600_000
    assert isinstance(await shop.read(amazon_poll.start(NOW)), Expired)
    await shop.granted()
    assert isinstance(await shop.read(amazon_poll.start(NOW)), Page)
    shop.token = "Atza|made-up"
    assert isinstance(await shop.read(amazon_poll.start(NOW)), Expired)


async def test_after_twenty_searches_the_quota_is_used_up(shop: Shop) -> None:
    """0.0056 a second, burst 20; the 429 waits as long as a call takes to come back."""
    found = [await shop.read(amazon_poll.start(NOW)) for _ in range(21)]
    assert [type(one) for one in found] == [Page] * 20 + [Later]
    assert found[-1].after_ms == 178_571


async def test_listings_are_found_by_the_seller_id(shop: Shop) -> None:
    """Every SKU once, over pages; Amazon's own stock is told apart."""
    products = [{"sku": f"S{number:03}", "managed": number % 2 == 0} for number in range(45)]
    await shop.control("catalogue", products=products)
    answer = await shop.control("amazon", rate_scale=1_000_000)
    channel = Channel(
        name="a",
        kind=Kind.AMAZON,
        since=0,
        base_url=shop.channel.base_url,
        alias=answer["seller_id"],
        marketplaces=("ATVPDKIKX0DER",),
    )
    state: amazon_listings.State | None = amazon_listings.start()
    found, pages = list[Any](), 0
    while state is not None:
        read = amazon_listings.read(state, await shop.call(amazon_listings.request(channel, (shop.token,), state)))
        assert not isinstance(read, Later)
        found += list(getattr(read, "found", ()))
        state, pages = getattr(read, "next", None), pages + 1
    assert (len(found), pages) == (46, 3)
    assert sum(one.tracked for one in found) == 24
