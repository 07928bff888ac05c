"""The controller with Etsy's adapter and the stand-in over HTTP: in step, a call a listing, nothing given back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from compose.fakes.account import Account as Stand
from compose.fakes.account import Secrets
from compose.fakes.server import ACCOUNT, application
from publishers.book import Book
from publishers.channels import etsy as kind
from publishers.channels import etsy_grant
from publishers.controller import Controller
from publishers.delivery import Delivery
from publishers.grant import Token
from publishers.push import TELL, TOKEN, Account, Response
from publishers.work import Call, Gate, Setup
from schemas import channel_records, records, words
from schemas.settings import Channel, Kind, Rules

KEYS = {"API_KEY": "key", "SHARED_SECRET": "hush", "REFRESH_TOKEN": "refresh"}
SETUP = Setup(
    channel="shop",
    kind=kind,
    account=Account(alias="12345678"),
    limits=kind.LIMITS,
    ladder=kind.LADDER,
    call_timeout_ms=10_000,
    gate=Gate.PUSH,
    partitions=1,
    draw=lambda: 500,
)
STEPS_MAX = 2_000


class Bench:
    """A controller, a shop, and one clock for both; requests that may be under way together are."""

    def __init__(self, server: TestServer, delivery: Delivery) -> None:
        """Begin with nothing told."""
        self.stand: Stand = server.app[ACCOUNT]
        self.base = str(server.make_url("")).rstrip("/")
        self.delivery = delivery
        self.controller = Controller(SETUP, Book("shop", lambda _: Rules(), kind), 0)
        self.secrets = dict(KEYS)
        self.versions = Counter[str]()
        self.at_once: list[list[str]] = []

    now = 1_795_255_200_000

    async def open(self, session: ClientSession, **listings: dict[str, int]) -> None:
        """Load listings by their parent's name, map them, and take over."""
        products = [
            {"sku": sku, "quantity": number, "parent": parent}
            for parent, own in listings.items()
            for sku, number in own.items()
        ]
        async with session.post(f"{self.base}/_control/catalogue", json={"products": products}) as answer:
            told = await answer.json()
        for one in told["listings"]:
            name = str(one["ids"]["product_id"])
            ids = {"listing": str(one["ids"]["listing_id"]), "product": name}
            listing = channel_records.Listing(channel="shop", listing_id=name, sku=one["sku"], ids=ids)
            self.controller.listing(name, listing, 0, self.now)
        channel = Channel(name="e", kind=Kind.ETSY, since=0, base_url=self.base)
        bought = etsy_grant.read(await self.delivery.send(etsy_grant.request(channel, KEYS), {}, 5_000))
        assert isinstance(bought, Token)
        self.secrets[TOKEN] = bought.value
        self.controller.activate(self.now)

    def level(self, sku: str, quantity: int, **cause: Any) -> None:
        """Give a SKU its next level."""
        self.versions[sku] += 1
        given = {"kind": words.CauseKind.ADJUSTMENT, "delta": 0, "received_at": self.now, **cause}
        level = records.StockLevel(
            sku=sku,
            quantity=quantity,
            version=self.versions[sku],
            paused=None,
            policy=words.Policy.REJECT,
            cause=records.Cause(**given),
            source={},
            updated_at=self.now,
        )
        self.controller.level(level, self.now)

    def ordered(self, sku: str, quantity: int, ordered_at: int) -> None:
        """Give a SKU the level that one unit sold on this channel leaves."""
        cause = {"channel": "shop", "listing_sku": sku, "order_id": f"shop_{self.now}_1", "ordered_at": ordered_at}
        self.level(sku, quantity, kind=words.CauseKind.ORDER, **{**cause, "delta": 1})

    async def work(self) -> int:
        """Work until nothing is left to do; returns how many requests that took."""
        made, open_calls, quiet = 0, dict[str, Call](), 0
        for _ in range(STEPS_MAX):
            step = self.controller.plan(self.now, f"r{self.now}-{made}-{len(open_calls)}")
            self.controller.tasks.out.clear()
            if isinstance(step, Call):
                open_calls[step.request_id], made, quiet = step, made + 1, 0
                continue
            if open_calls:
                await self._answer(open_calls)
            elif quiet >= 3 and not self.controller.calling.limiter.silent_until(TELL) > self.now:
                return made
            else:
                quiet += 1
                self.now += max(step, 1)
        pytest.fail("the controller never comes to rest")

    async def _answer(self, open_calls: dict[str, Call]) -> None:
        self.at_once.append([kind.group(call.rows[0].listing) for call in open_calls.values() if call.rows])
        self.now += 150
        headers = kind.headers(self.secrets)
        calls = [*open_calls.values()]
        answers = await asyncio.gather(*(self.delivery.send(call.request, headers, 5_000) for call in calls))
        for call, response in zip(calls, answers, strict=True):
            del open_calls[call.request_id]
            self.controller.answer(call, Response(**_aged(response, self.now)), self.now)

    @property
    def shows(self) -> dict[str, int]:
        """Return what shoppers see."""
        return {one.sku: one.level for one in self.stand.shop.listings.values()}

    def record(self, sku: str) -> channel_records.ChannelLevel:
        """Return what is known of a SKU."""
        return self.controller.book.observed[sku]


def _aged(response: Response, now: int) -> dict[str, Any]:
    parts = {name: getattr(response, name) for name in ("status", "body", "headers", "err", "unsent")}
    return {**parts, "at": now - 150}


@pytest.fixture
async def opened() -> AsyncIterator[tuple[Bench, ClientSession]]:
    """Return a bench that is not open yet."""
    clock = [Bench.now]
    secrets = Secrets(webhook="whsec_aHVzaA==", token="key:hush:refresh")
    server = TestServer(application(kind="etsy", name="etsy", secrets=secrets, clock=lambda: clock[0]))
    await server.start_server()
    async with server, ClientSession() as session, Delivery(str(server.make_url(""))) as delivery:
        bench = Bench(server, delivery)
        bench.stand.clock = lambda: bench.now
        yield bench, session


async def test_variations_of_a_listing_are_told_together_and_listings_side_by_side(
    opened: tuple[Bench, ClientSession],
) -> None:
    """A listing is in one call at most, its variations go in one; no answer is a throttling one."""
    bench, session = opened
    shops = {f"P{n}": {f"{n}-{size}": 9 for size in "SML"} for n in range(8)}
    await bench.open(session, **shops)
    for own in shops.values():
        for at, sku in enumerate(own):
            bench.level(sku, 3 + at)
    made = await bench.work()
    assert bench.shows == {sku: 3 + at for own in shops.values() for at, sku in enumerate(own)}
    assert made == 16
    assert max(len(groups) for groups in bench.at_once) > 1
    assert all(len(set(groups)) == len(groups) for groups in bench.at_once)
    assert bench.stand.counts["throttled"] == 0
    assert {bench.record(sku).status for own in shops.values() for sku in own} == {words.Status.IN_STEP}


async def test_a_listing_is_switched_off_and_on_by_whichever_of_its_skus_returns(
    opened: tuple[Bench, ClientSession],
) -> None:
    """What was left over of the other SKU does not come back with it; nothing says afterwards that it is off."""
    bench, session = opened
    await bench.open(session, P={"RED": 5, "BLUE": 4})
    for red, blue in ((2, 1), (0, 1), (0, 0)):
        bench.level("RED", red)
        bench.level("BLUE", blue)
        await bench.work()
        assert bench.shows == {"RED": red, "BLUE": blue}
    assert any(shown.undo for sku in ("RED", "BLUE") for shown in bench.record(sku).listings.values())
    bench.level("RED", 3)
    await bench.work()
    assert bench.shows == {"RED": 3, "BLUE": 0}
    assert not any(shown.undo for sku in ("RED", "BLUE") for shown in bench.record(sku).listings.values())
    assert bench.stand.counts["renewals"] == 0


async def test_a_sale_that_was_not_heard_of_is_not_given_back(opened: tuple[Bench, ClientSession]) -> None:
    """The next tell finds two units missing: they are hidden sales, and the number is lowered by them."""
    bench, session = opened
    await bench.open(session, P={"RED": 9, "BLUE": 9})
    bench.level("RED", 9)
    bench.level("BLUE", 9)
    await bench.work()
    async with session.post(f"{bench.base}/_control/sell", json={"sku": "RED", "qty": 2}) as answer:
        assert (await answer.json())["result"] == "sold"
    bench.level("RED", 8)
    await bench.work()
    assert (bench.shows["RED"], bench.record("RED").hidden) == (6, 2)


async def test_what_was_written_back_with_a_neighbour_is_told_and_not_inferred(
    opened: tuple[Bench, ClientSession],
) -> None:
    """A sale of BLUE falls between the read and the write of RED's tell, which gives it back: BLUE is told."""
    bench, session = opened
    await bench.open(session, P={"RED": 9, "BLUE": 9})
    bench.level("RED", 9)
    bench.level("BLUE", 9)
    await bench.work()
    bench.now += 60_000
    bench.level("RED", 8)
    first = bench.controller.plan(bench.now, "r-race")
    assert isinstance(first, Call)
    headers = kind.headers(bench.secrets)
    seen = await bench.delivery.send(first.request, headers, 5_000)
    sold_at = bench.now + 100
    async with session.post(f"{bench.base}/_control/sell", json={"sku": "BLUE", "qty": 1}) as answer:
        assert (await answer.json())["result"] == "sold"
    assert bench.shows["BLUE"] == 8
    bench.now += 150
    bench.controller.answer(first, seen, bench.now)
    await bench.work()
    assert bench.shows == {"RED": 8, "BLUE": 9}
    bench.ordered("BLUE", 8, sold_at)
    await bench.work()
    assert bench.shows == {"RED": 8, "BLUE": 8}


async def test_what_was_read_long_ago_is_not_written_back(opened: tuple[Bench, ClientSession]) -> None:
    """The budget ends between the read and the write: a minute later the listing is read anew, and nothing is lost."""
    bench, session = opened
    await bench.open(session, P={"RED": 9, "BLUE": 9})
    bench.level("RED", 4)
    first = bench.controller.plan(bench.now, "r-old")
    assert isinstance(first, Call)
    seen = await bench.delivery.send(first.request, kind.headers(bench.secrets), 5_000)
    bench.controller.answer(first, seen, bench.now)
    bench.controller.calling.limiter.throttled(TELL, 60_000, bench.now)
    async with session.post(f"{bench.base}/_control/level", json={"sku": "BLUE", "qty": 2}) as answer:
        assert answer.status == 200
    began = bench.now
    made = await bench.work()
    assert (made, bench.shows) == (2, {"RED": 4, "BLUE": 2})
    assert bench.now >= began + 60_000
    assert bench.record("RED").status is words.Status.IN_STEP


async def test_a_switch_whose_owner_died_is_undone_by_the_next_one(opened: tuple[Bench, ClientSession]) -> None:
    """It was told 0 and nobody heard the answer: the next owner tells it again, and so knows that it is off by us."""
    bench, session = opened
    await bench.open(session, P={"RED": 5})
    bench.level("RED", 0)
    headers = kind.headers(bench.secrets)
    for number in range(2):
        step = bench.controller.plan(bench.now, f"r-{number}")
        assert isinstance(step, Call)
        response = await bench.delivery.send(step.request, headers, 5_000)
        if step.request.method == "GET":
            bench.controller.answer(step, response, bench.now)
    dead, bench.now = bench.controller.book, bench.now + 60_000
    bench.controller = Controller(SETUP, Book("shop", lambda _: Rules(), kind), bench.now)
    for name, one in dead.listings["RED"].items():
        bench.controller.listing(name, one, 0, bench.now)
    bench.controller.level(dead.levels["RED"], bench.now)
    bench.controller.observed(dead.observed["RED"])
    bench.controller.activate(bench.now)
    await bench.work()
    assert [shown.undo for shown in bench.record("RED").listings.values()] == ["state=active"]
    bench.level("RED", 3)
    await bench.work()
    assert bench.shows == {"RED": 3}
