"""Our own requests against the stand-in, over HTTP: numbers arrive, files have addresses, what Amazon loses shows."""

import asyncio
from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from compose.fakes.account import Account as Stand
from compose.fakes.account import Secrets
from compose.fakes.server import ACCOUNT, application
from publishers.channels import amazon as kind
from publishers.channels import amazon_grant
from publishers.delivery import Delivery
from publishers.grant import Denied, Token
from publishers.kind import Swept
from publishers.push import TOKEN, Accepted, Account, Answer, Rejected, Request, Response, Retry, Row, Throttled
from schemas.channel_records import Listing
from schemas.settings import Channel, Kind

TRIO = {"CLIENT_ID": "client", "CLIENT_SECRET": "secret", "REFRESH_TOKEN": "Atzr|refresh"}
SKUS = ("TEE-M", "A/B c%2F", "Größe,M", "D,E")
ODD = (".", "..", "%2E", "%2e%2e", "...", " X ", "./..", "A/../B", "a+b &?#", "%", "ß\u00a0…", "..,.")
"""What a seller may call a product, and what a client or a server on the way may take for a part of an address."""
DEADLINE_S = 10.0
Talk = Generator[Request, Response, Any]


class Shop:
    """One account, and conversations as the publisher holds them; their waits are cut to a hundredth."""

    def __init__(self, session: ClientSession, server: TestServer, delivery: Delivery) -> None:
        """Begin without a token."""
        self.session, self.server, self.delivery = session, server, delivery
        self.base = str(server.make_url("")).rstrip("/")
        self.account: Stand = server.app[ACCOUNT]
        self.us = Account()
        self.token = ""
        self.statuses: list[int] = []

    async def control(self, word: str, **wish: Any) -> dict[str, Any]:
        """Drive the stand-in."""
        async with self.session.post(f"{self.base}/_control/{word}", json=wish) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def grant(self) -> Token | Any:
        """Buy a token."""
        channel = Channel(name="a", kind=Kind.AMAZON, since=0, auth_url=f"{self.base}/auth/o2/token")
        found = amazon_grant.read(await self.delivery.send(amazon_grant.request(channel, TRIO), {}, 5_000))
        self.token = found.value if isinstance(found, Token) else ""
        return found

    async def hold(self, talk: Talk) -> Any:
        """Hold a conversation to its end."""
        request = next(talk)
        while True:
            await asyncio.sleep(request.after_ms / 100_000)
            headers = {} if request.url else kind.headers({TOKEN: self.token})
            response = await self.delivery.send(request, headers, 5_000)
            self.statuses.append(response.status)
            try:
                request = talk.send(response)
            except StopIteration as end:
                return end.value

    async def tell(self, quantity: int, skus: Sequence[str] = SKUS) -> Answer:
        """Tell some listings one number."""
        answer: Answer = await self.hold(kind.tell(rows(quantity, skus), self.us, "r"))
        return answer

    async def feed(self, quantity: int, skus: Sequence[str] = SKUS) -> Answer:
        """Tell them in a feed."""
        assert kind.BULK is not None
        answer: Answer = await self.hold(kind.BULK.tell(rows(quantity, skus), self.us, "r"))
        return answer

    async def read(self, skus: Sequence[str] = SKUS) -> list[int]:
        """Ask what they show."""
        answer = await self.hold(kind.read(rows(0, skus), self.us))
        return [one.quantity for one in answer.verdicts]

    def done(self, quantity: int, skus: Sequence[str]) -> bool:
        """Return whether they show a number and nothing more that was taken will change them."""
        expected = self.account.more["amazon_stock"].expected
        shown = {self.account.shop.listings[sku].level for sku in skus}
        return shown == {quantity} and not any(expected.get(sku, {}).get(quantity) for sku in skus)

    async def until_it_shows(self, quantity: int, skus: Sequence[str] = SKUS) -> None:
        """Wait until all of them show a number."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.done(quantity, skus):  # noqa: ASYNC110 - plain data, which rings no bell
                await asyncio.sleep(0.005)
        assert await self.read(skus) == [quantity] * len(skus)


def rows(quantity: int, skus: Sequence[str]) -> list[Row]:
    """Make rows."""
    listings = [Listing(channel="a", listing_id=sku, sku=f"OUR-{sku}") for sku in skus]
    return [Row(sku=one.sku, listing=one, quantity=quantity, version=1) for one in listings]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Yield an account with a token; what is told shows 20 ms later, and a feed takes 40 ms."""
    secrets = Secrets(webhook="a-shared-token", token=":".join(TRIO.values()))
    server = TestServer(application(kind="amazon", name="acme", secrets=secrets))
    async with server, ClientSession() as session, Delivery(str(server.make_url("")).rstrip("/")) as delivery:
        made = Shop(session, server, delivery)
        products = [{"sku": sku, "quantity": 9} for sku in SKUS] + [{"sku": "FBA", "managed": False, "quantity": 3}]
        await made.control("catalogue", products=products)
        told = await made.control("amazon", rate_scale=1_000, apply_delay_ms=20, feed_ms=40)
        made.us = Account(alias=told["seller_id"], marketplaces=("ATVPDKIKX0DER",))
        await made.grant()
        yield made


async def test_numbers_arrive_whatever_a_sku_holds(shop: Shop) -> None:
    """By patch and by feed: accepted first, shown later, read by name; handling times stay."""
    for told, quantity in ((shop.tell, 4), (shop.feed, 6)):
        answer = await told(quantity)
        assert answer.verdicts == (Accepted(),) * len(SKUS)
        assert {hint.limit for hint in answer.hints if hint.bucket == "tell"} <= {5_000_000}
        await shop.until_it_shows(quantity)
    assert shop.account.counts["tokens_shown"] == 0
    path = f"/listings/2021-08-01/items/{shop.us.alias}/TEE-M?marketplaceIds=ATVPDKIKX0DER&includedData=attributes"
    shown = await shop.delivery.send(
        Request(method="GET", path=path, body=b""), kind.headers({TOKEN: shop.token}), 5_000
    )
    assert b'"lead_time_to_ship_max_days":3' in shown.body
    assert shop.account.shop.tallies["TEE-M"]["tells"] == 2
    assert shop.account.shop.tallies["TEE-M"]["repeats"] == 0


async def test_a_number_that_is_told_again_for_nothing_is_counted(shop: Shop) -> None:
    """The same number while it is shown or about to be; not where a sale was in between, or the first was lost."""
    await shop.tell(4, SKUS[:1])
    await shop.tell(4, SKUS[:1])
    await shop.until_it_shows(4, SKUS[:1])
    assert shop.account.shop.tallies["TEE-M"]["repeats"] == 1
    await shop.control("sell", sku="TEE-M", qty=1)
    await shop.tell(4, SKUS[:1])
    assert shop.account.shop.tallies["TEE-M"]["repeats"] == 1


async def test_a_search_and_pages_show_all(shop: Shop) -> None:
    """Amazon's own stock has no number of ours."""
    products = [{"sku": f"S{number:02}", "quantity": number} for number in range(45)]
    await shop.control("catalogue", products=products)
    swept = await shop.hold(kind.sweep(shop.us, [one.listing for one in rows(0, (*SKUS, "GONE"))]))
    assert isinstance(swept, Swept)
    assert swept.err == ""
    shown = {one.key: one.quantity for one in swept.seen}
    assert shown == {**dict.fromkeys(SKUS, 9), "FBA": None, **{f"S{number:02}": number for number in range(45)}}


async def test_bad_rows_of_a_feed_are_named(shop: Shop) -> None:
    """The others arrive."""
    await shop.control("faults", row_errors={"TEE-M": {"code": "90244", "message": "no"}, "D,E": {"code": "4000000"}})
    answer = await shop.feed(2)
    assert [type(one) for one in answer.verdicts] == [Rejected, Accepted, Accepted, Retry]
    await shop.until_it_shows(2, SKUS[1:3])
    single = await shop.tell(2, SKUS[:1])
    assert single.verdicts == (Rejected("INVALID 90244: no"),)


async def test_what_amazon_loses_shows_in_the_read_back(shop: Shop) -> None:
    """A patch that is accepted and dropped; a feed that says done and applied nothing."""
    await shop.control("amazon", drop_patches=1)
    assert (await shop.tell(4, SKUS[:1])).verdicts == (Accepted(),)
    await shop.control("feed", outcome="nothing")
    assert set((await shop.feed(5)).verdicts) == {Accepted()}
    await asyncio.sleep(0.1)
    assert await shop.read() == [9] * len(SKUS)


async def test_a_feed_that_is_late_overwrites_what_was_told_meanwhile(shop: Shop) -> None:
    """Patches and feeds are not ordered with each other."""
    await shop.control("feed", outcome="late", ms=400)
    assert set((await shop.feed(5)).verdicts) == {Accepted()}
    await shop.tell(3)
    await shop.until_it_shows(3)
    await shop.until_it_shows(5)


async def test_a_feed_that_stands_still_lets_its_listings_go(shop: Shop) -> None:
    """After 20 minutes of questions, here without their waits: the read-back decides; what never began is cancelled."""
    await shop.control("feed", outcome="stuck", ms=3_600_000)
    assert set((await quickly(shop)).verdicts) == {Accepted()}
    await shop.control("feed", outcome="queued", ms=3_600_000)
    answer = await quickly(shop)
    assert {type(one) for one in answer.verdicts} == {Retry}
    assert [feed.status for feed in shop.account.more["amazon_feeds"].feeds.values()] == ["", "CANCELLED"]


async def test_every_sku_is_told_and_read_by_its_own_name(shop: Shop) -> None:
    """One call each, by the path; whatever the name looks like there."""
    await shop.control("catalogue", products=[{"sku": sku, "quantity": 9} for sku in ODD])
    for few in (ODD[:4], ODD[4:8], ODD[8:]):
        assert (await shop.tell(3, few)).verdicts == (Accepted(),) * len(few)
        await shop.until_it_shows(3, few)
    assert await shop.read(SKUS) == [9] * len(SKUS)


async def quickly(shop: Shop, skus: Sequence[str] = SKUS) -> Answer:
    """Tell in a feed without any wait between its requests."""
    assert kind.BULK is not None

    def hurried(talk: Talk) -> Talk:
        request = next(talk)
        while True:
            response = yield replace(request, after_ms=0)
            try:
                request = talk.send(response)
            except StopIteration as end:
                return end.value

    answer: Answer = await shop.hold(hurried(kind.BULK.tell(rows(5, skus), shop.us, "r")))
    return answer


async def test_a_feed_that_fails_is_told_again(shop: Shop) -> None:
    """Given up by Amazon, or cancelled by somebody: none of it counts as told."""
    for outcome, unsure in (("fatal", True), ("cancelled", False)):
        await shop.control("feed", outcome=outcome)
        verdicts = (await shop.feed(5)).verdicts
        assert {(type(one), getattr(one, "unsure", None)) for one in verdicts} == {(Retry, unsure)}


async def test_a_sixth_feed_in_five_minutes_is_refused(shop: Shop) -> None:
    """As is a call beyond the usage plan; both are counted."""
    await shop.control("amazon", rate_scale=1)
    for _ in range(5):
        await shop.feed(5, SKUS[:1])
    assert isinstance((await quickly(shop, SKUS[:1])).verdicts[0], Throttled)
    assert shop.statuses[-4:] == [429] * 4
    for _ in range(6):
        await shop.tell(1, SKUS[:1])
    assert shop.statuses[-1] == 429
    assert shop.account.shop.tallies["TEE-M"]["throttles"] == 1


async def test_an_ended_token_is_told_from_a_missing_right(shop: Shop) -> None:
    """Both are a 403; only the first is worth another token."""
    path = f"/listings/2021-08-01/items/{shop.us.alias}?marketplaceIds=ATVPDKIKX0DER"
    request = Request(method="GET", path=path, body=b"", bucket="read")
    await shop.control("amazon", expire="access")
    assert amazon_grant.expired(await shop.delivery.send(request, kind.headers({TOKEN: shop.token}), 5_000))
    await shop.grant()
    other = replace(request, path=path.replace(shop.us.alias, "ASOMEBODYELSE"))
    refused = await shop.delivery.send(other, kind.headers({TOKEN: shop.token}), 5_000)
    assert refused.status == 403
    assert not amazon_grant.expired(refused)
    lacking = b'{"errors": [{"code": "Unauthorized", "message": "The token lacks a role."}]}'
    assert not amazon_grant.expired(Response(status=403, body=lacking))
    assert not amazon_grant.expired(Response(status=404, body=lacking.replace(b"lacks a role", b"has expired")))


async def test_a_token_is_bought_with_the_account_s_secrets(shop: Shop) -> None:
    """Its refresh token stays the same: there is no successor."""
    found = await shop.grant()
    assert (found.value[:5], found.lasts_ms, found.successor) == ("Atza|", 3_600_000, "")
    shop.account.secrets = replace(shop.account.secrets, token="client:secret:another")
    assert await shop.grant() == Denied(why="no access token is granted: invalid_grant")
    channel = Channel(name="a", kind=Kind.AMAZON, since=0)
    assert amazon_grant.request(channel, TRIO).url == "https://api.amazon.com/auth/o2/token"
