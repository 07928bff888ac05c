"""
What Amazon loses, delays or overwrites after it has accepted it: found by read-back, named, told again.

The publisher's own head and the stand-in, over HTTP, at their real times, on a clock that the test moves: hours take
seconds.  Only a feed is worth while from 50 listings on here, and not from 1,500.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from compose.fakes.account import Account as Stand
from compose.fakes.account import Secrets
from compose.fakes.amazon_feeds import settle
from compose.fakes.server import ACCOUNT, application
from publishers.book import Book
from publishers.channels import amazon as kind
from publishers.controller import Controller
from publishers.delivery import Delivery
from publishers.push import TOKEN, Account
from publishers.work import Call, Gate, Out, Setup
from schemas import words
from schemas.channel_records import Drift, Listing, SyncLog, Watermark
from schemas.records import Cause, StockLevel
from schemas.settings import Rules

START_MS = 1_795_300_000_000
SECOND_MS, MINUTE_MS = 1_000, 60_000
ROUND_TRIP_MS = 50
POLL_MS, POLL_LAG_MS = 3 * MINUTE_MS, 2 * MINUTE_MS
"""The order poll comes by every three minutes and reads up to two minutes ago."""
MANY = [f"CALM-{number}" for number in range(60)]
NOT_APPLIED = (words.DriftCause.NOT_APPLIED, words.DriftAction.CORRECTED)
OVERWRITTEN = (words.DriftCause.OVERWRITTEN, words.DriftAction.CORRECTED)


@dataclass
class Clock:
    """The time of both sides."""

    ms: int = START_MS

    def __call__(self) -> int:
        """Tell it."""
        return self.ms


@dataclass
class Desk:
    """The head of a publisher and the seller whom it tells."""

    controller: Controller
    stand: Stand
    clock: Clock
    session: ClientSession
    delivery: Delivery
    base: str
    out: list[Out] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    async def control(self, word: str, **wish: Any) -> None:
        """Drive the stand-in."""
        async with self.session.post(f"{self.base}/_control/{word}", json=wish) as answer:
            assert answer.status == 200, await answer.text()

    async def list(self, skus: Iterable[str], quantity: int) -> None:
        """Make listings that show a number."""
        await self.control("catalogue", products=[{"sku": sku, "quantity": quantity} for sku in skus])
        for sku in skus:
            self.controller.listing(sku, Listing(channel="shop", listing_id=sku, sku=sku), 0, self.clock.ms)

    def level(self, skus: Iterable[str], quantity: int) -> None:
        """Let levels change, by a count."""
        for sku in skus:
            self.versions[sku] += 1
            record = StockLevel(
                sku=sku,
                quantity=quantity,
                version=self.versions[sku],
                paused=None,
                policy=words.Policy.REJECT,
                cause=Cause(kind=words.CauseKind.ADJUSTMENT, delta=0, received_at=self.clock.ms),
                source={},
                updated_at=self.clock.ms,
            )
            self.controller.level(record, self.clock.ms)

    async def work(self, ms: int) -> None:
        """Let so much time pass, with all that is done in it."""
        ends = self.clock.ms + ms
        while self.clock.ms < ends:
            self._poll()
            step = self.controller.plan(self.clock.ms, f"r{self.calls}")
            self.out += self.controller.tasks.out
            self.controller.tasks.out = []
            if isinstance(step, Call):
                await self._make(step)
            else:
                self.clock.ms += max(1, step)

    def _poll(self) -> None:
        if self.clock.ms % POLL_MS < SECOND_MS:
            record = Watermark(channel="shop", through=self.clock.ms - POLL_LAG_MS, at=self.clock.ms)
            self.controller.watermark(record, self.clock.ms)

    async def _make(self, call: Call) -> None:
        self.calls += 1
        began = self.clock.ms
        headers = {} if call.request.url else kind.headers({TOKEN: "Atza|1"})
        response = await self.delivery.send(call.request, headers, 10_000)
        self.clock.ms += ROUND_TRIP_MS
        self.controller.answer(call, replace(response, at=began), self.clock.ms)

    def shows(self) -> Mapping[int, int]:
        """Count which numbers are on sale."""
        settle(self.stand, self.clock.ms)
        return Counter(listing.level for listing in self.stand.shop.listings.values())

    def drifts(self) -> Mapping[tuple[words.DriftCause, words.DriftAction], int]:
        """Count the drifts that were written since the last look, and how many SKUs they are of."""
        found = [one for one in self.out if isinstance(one, Drift)]
        assert len({(one.sku, one.cause) for one in found}) == len(found), "a drift is written twice"
        self.out.clear()
        return Counter((one.cause, one.action) for one in found)

    def verdicts(self) -> Mapping[str, int]:
        """Count the rows' verdicts."""
        return Counter(one.verdict for one in self.out if isinstance(one, SyncLog))

    def open(self) -> int:
        """Count the listings whose accepted number we have not seen."""
        records = self.controller.book.observed.values()
        return sum(shown.accepted_at is not None for record in records for shown in record.listings.values())


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Yield a seller with many calm listings at 9 and one at 9 that is told by itself, all seen to show."""
    assert kind.BULK is not None
    monkeypatch.setattr(kind, "BULK", replace(kind.BULK, least=50))
    clock = Clock()
    secrets = Secrets(webhook="a-shared-token", token="client:secret:refresh")
    server = TestServer(application(kind="amazon", name="shop", secrets=secrets, clock=clock))
    async with server, ClientSession() as session, Delivery(base := str(server.make_url("")).rstrip("/")) as delivery:
        stand = server.app[ACCOUNT]
        async with session.post(f"{base}/_control/amazon", json={"apply_delay_ms": 20_000, "feed_ms": 90_000}) as told:
            seller = (await told.json())["seller_id"]
        stand.more["amazon"].access["Atza|1"] = START_MS * 2
        setup = Setup(
            channel="shop",
            kind=kind,
            account=Account(alias=seller, marketplaces=("ATVPDKIKX0DER",)),
            limits=kind.LIMITS,
            ladder=kind.LADDER,
            call_timeout_ms=10_000,
            gate=Gate.PUSH,
            partitions=1,
            draw=lambda: 500,
            reconcile_every_ms=15 * MINUTE_MS,
        )
        controller = Controller(setup, Book("shop", lambda _: Rules(), kind), clock.ms)
        made = Desk(controller, stand, clock, session, delivery, base)
        controller.activate(clock.ms)
        await made.list([*MANY, "LONE"], 1)
        made.level([*MANY, "LONE"], 9)
        await made.work(6 * MINUTE_MS)
        assert (made.shows(), made.open()) == ({9: len(MANY) + 1}, 0)
        assert not {verdict for verdict in made.verdicts() if verdict not in ("accepted", "read_back")}
        assert made.drifts() == {}
        yield made
        assert stand.counts["throttled"] == 0
        assert stand.counts["tokens_shown"] == 0


async def test_a_feed_that_says_done_and_applied_nothing(desk: Desk) -> None:
    """After a quarter of an hour of patience each listing is a drift, and is told by another feed."""
    await desk.control("feed", outcome="nothing")
    desk.level(MANY, 8)
    await desk.work(15 * MINUTE_MS)
    assert (desk.shows()[8], desk.drifts()) == (0, {})
    await desk.work(6 * MINUTE_MS)
    assert desk.drifts() == {NOT_APPLIED: len(MANY)}
    assert (desk.shows(), desk.open()) == ({8: len(MANY), 9: 1}, 0)
    assert desk.stand.counts["feeds"] == 3


async def test_a_patch_that_was_accepted_and_dropped(desk: Desk) -> None:
    """One call is made again, and no more."""
    await desk.control("amazon", drop_patches=1)
    desk.level(["LONE"], 8)
    await desk.work(20 * MINUTE_MS)
    assert desk.drifts() == {NOT_APPLIED: 1}
    assert (desk.shows()[8], desk.open()) == (1, 0)
    assert desk.stand.shop.tallies["LONE"]["tells"] == 3
    assert desk.stand.shop.tallies["LONE"]["repeats"] == 0


async def test_a_feed_that_stands_still_for_an_hour_and_then_lands_on_newer_numbers(desk: Desk) -> None:
    """
    It holds its listings for 20 minutes; the read-back finds that nothing shows, and another feed tells it.

    What changes meanwhile is patched. When the old feed lands after all, the next look at everything finds it.
    """
    await desk.control("feed", outcome="stuck", ms=60 * MINUTE_MS)
    desk.level(MANY, 8)
    await desk.work(18 * MINUTE_MS)
    assert (desk.shows()[8], desk.open()) == (0, 0)
    await desk.work(27 * MINUTE_MS)
    assert desk.drifts() == {NOT_APPLIED: len(MANY)}
    assert (desk.shows()[8], desk.open()) == (len(MANY), 0)
    newer = MANY[:20]
    desk.level(newer, 3)
    await desk.work(5 * MINUTE_MS)
    assert (desk.shows()[3], desk.open()) == (len(newer), 0)
    await desk.work(12 * MINUTE_MS)
    await desk.work(18 * MINUTE_MS)
    assert desk.drifts() == {OVERWRITTEN: len(newer)}
    assert (desk.shows()[3], desk.open()) == (len(newer), 0)


async def test_an_old_feed_that_lands_before_the_newer_patches_were_seen(desk: Desk) -> None:
    """Its report said done; then it cannot be told from patches that were lost, and is put right all the same."""
    await desk.control("feed", outcome="late", ms=5 * MINUTE_MS)
    desk.level(MANY, 8)
    await desk.work(5 * MINUTE_MS + 45 * SECOND_MS)
    newer = MANY[:20]
    desk.level(newer, 3)
    await desk.work(35 * SECOND_MS)
    assert desk.shows()[3] == len(newer)
    await desk.work(25 * SECOND_MS)
    assert desk.shows() == {8: len(MANY), 9: 1}
    await desk.work(20 * MINUTE_MS)
    assert desk.drifts() == {NOT_APPLIED: len(newer)}
    assert (desk.shows()[3], desk.open()) == (len(newer), 0)


async def test_feeds_that_amazon_gives_up_end_in_patches(desk: Desk) -> None:
    """A feed is tried twice; then each listing goes by itself, before the ladder ends."""
    for _ in range(5):
        await desk.control("feed", outcome="fatal")
    desk.level(MANY, 8)
    await desk.work(15 * MINUTE_MS)
    assert desk.stand.counts["feeds"] == 3
    assert (desk.shows()[8], desk.open()) == (len(MANY), 0)
    assert desk.drifts() == {}


async def test_what_is_sold_out_does_not_wait_for_its_feed(desk: Desk) -> None:
    """It is told at once, and once more when the feed has put its older number there."""
    desk.level(MANY, 8)
    await desk.work(5 * SECOND_MS)
    assert desk.controller.tasks.overtaking.fed == set(MANY)
    sold, calm = MANY[0], MANY[1]
    desk.level([sold], 0)
    desk.level([calm], 7)
    await desk.work(5 * SECOND_MS)
    told = [(one.sku, one.quantity) for one in desk.out if isinstance(one, SyncLog)]
    assert told == [(sold, 0)], "a calm one waits for the feed"
    await desk.work(10 * MINUTE_MS)
    assert (desk.shows(), desk.open()) == ({8: len(MANY) - 2, 7: 1, 0: 1, 9: 1}, 0)
    accepted = [one for one in desk.out if isinstance(one, SyncLog) and one.verdict == "accepted"]
    assert [one.quantity for one in accepted if one.sku == sold] == [0, 8, 0], "by itself, in the feed, and again"
    assert (desk.controller.tasks.overtaking.fed, sold in desk.controller.tasks.overtaking) == (set(), False)
