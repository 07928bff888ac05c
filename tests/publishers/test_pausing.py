"""A pause with the channel's own means, and back: the controller against a stand-in over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from publishers.book import Book
from publishers.controller import Controller
from publishers.work import Call, Gate, Setup
from schemas import records, words
from schemas.channel_records import ChannelLevel, PublisherCommand
from schemas.settings import Rules
from schemas.words import Pause, Status
from tests.channels.standin import Standin, opened

WORDS = {"shopify": "CONTINUE", "woocommerce": "notify"}
UNDO = {"shopify": "inventory_policy=CONTINUE", "woocommerce": "backorders=notify"}
STEPS = 2_000
"""More steps than any test takes."""
EVERY_MS = 60_000
"""Between two read-backs of the whole shop."""


@dataclass
class Publisher:
    """A controller whose calls reach the stand-in; the clock moves by what it waits for."""

    shop: Standin
    controller: Controller
    version: int = 0
    calls: list[Call] = field(default_factory=list)

    def level(self, quantity: int, paused: Pause | None = None) -> None:
        """Give the SKU its next level."""
        self.version += 1
        now = self.shop.clock.now
        cause = records.Cause(kind=words.CauseKind.ADJUSTMENT, delta=0, received_at=now)
        self.controller.level(
            records.StockLevel(
                sku="CAP",
                quantity=quantity,
                version=self.version,
                paused=paused,
                policy=words.Policy.REJECT,
                cause=cause,
                source={},
                updated_at=now,
            ),
            now,
        )

    async def work(self, until_ms: int = 20_000, fails_at: int | None = None, killed_after: int | None = None) -> None:
        """
        Run until so much time has gone by.

        Before the request `fails_at`, from 0, the shop goes away for a while; the answer to the request `killed_after`
        is heard by nobody.
        """
        end, begun = self.shop.clock.now + until_ms, len(self.calls)
        for _ in range(STEPS):
            step = self.controller.plan(self.shop.clock.now, f"r{len(self.calls)}")
            if isinstance(step, Call):
                if len(self.calls) - begun == fails_at:
                    self.shop.weather(outage_s=30)()
                self.calls.append(step)
                response = await self.shop.send(step.request)
                if len(self.calls) - begun - 1 == killed_after:
                    return
                self.controller.answer(step, response, self.shop.clock.now)
            elif self.shop.clock.now >= end:
                return
            else:
                self.shop.clock.now += max(step, 1)
        pytest.fail("the controller never comes to rest")

    def succeed(self) -> None:
        """Let another process take over, which knows what the first one wrote."""
        before, now = self.controller.book, self.shop.clock.now
        after = Controller(self.controller.setup, Book("shop", lambda _: Rules(), self.shop.kind), now)
        for record in before.observed.values():
            after.observed(record)
        for level in before.levels.values():
            after.level(level, now)
        listing = self.shop.listings["CAP"]
        after.listing(listing.listing_id, listing, 0, now)
        self.shop.clock.now += 60_000
        after.activate(self.shop.clock.now)
        self.controller = after

    @property
    def record(self) -> ChannelLevel:
        """What is known of the SKU."""
        return self.controller.book.observed["CAP"]

    @property
    def undo(self) -> str | None:
        """How the pause is taken back, as the record says."""
        (shown,) = self.record.listings.values()
        return shown.undo

    async def sells(self) -> str:
        """Let a shopper try to buy one: returns what came of it."""
        return str((await self.shop.control("sell", {"sku": "CAP", "qty": 1}))["result"])


@pytest.fixture(params=["shopify", "woocommerce"])
async def publisher(request: pytest.FixtureRequest) -> AsyncIterator[Publisher]:
    """A publisher of a shop with one SKU that shows 3, and would sell on at 0."""
    async with opened(request.param) as shop:
        await shop.catalogue({"sku": "CAP", "quantity": 3, "oversells": WORDS[request.param]})
        kind = shop.kind
        setup = Setup(
            channel="shop",
            kind=kind,
            account=shop.ours,
            limits=kind.LIMITS,
            ladder=kind.LADDER,
            call_timeout_ms=10_000,
            gate=Gate.PUSH,
            partitions=1,
            draw=lambda: 500,
            reconcile_every_ms=EVERY_MS,
        )
        one = Publisher(shop, Controller(setup, Book("shop", lambda _: Rules(), kind), shop.clock.now))
        one.controller.activate(shop.clock.now)
        listing = shop.listings["CAP"]
        one.controller.listing(listing.listing_id, listing, 0, shop.clock.now)
        one.level(3)
        await one.work()
        yield one


def name(publisher: Publisher) -> str:
    """Return the kind's name."""
    return "shopify" if publisher.shop.kind.COMPARES else "woocommerce"


async def test_a_pause_stops_selling_on_and_its_end_brings_it_back(publisher: Publisher) -> None:
    """With the number that the SKU has by then."""
    publisher.level(2, Pause.OVERSELL)
    await publisher.work()
    assert (publisher.shop.level("CAP"), publisher.undo) == (0, UNDO[name(publisher)])
    assert publisher.record.status is Status.IN_STEP
    assert await publisher.sells() == "sold_out"
    publisher.level(7)
    await publisher.work()
    assert (publisher.shop.level("CAP"), publisher.undo) == (7, None)
    assert publisher.shop.oversells("CAP") == WORDS[name(publisher)]
    assert publisher.record.status is Status.IN_STEP


async def test_a_sku_that_shows_0_already_is_paused_all_the_same(publisher: Publisher) -> None:
    """The most frequent case: it is paused because somebody bought what was not there."""
    publisher.level(0)
    await publisher.work()
    assert publisher.shop.oversells("CAP") == WORDS[name(publisher)]
    publisher.level(0, Pause.OVERSELL)
    await publisher.work()
    assert publisher.shop.oversells("CAP") == ""
    assert publisher.undo == UNDO[name(publisher)]


async def test_a_pause_is_told_once(publisher: Publisher) -> None:
    """Further changes of a paused SKU's level are none for the channel."""
    publisher.level(2, Pause.OVERSELL)
    await publisher.work()
    calls = len(publisher.calls)
    publisher.level(1, Pause.OVERSELL)
    await publisher.work()
    assert len(publisher.calls) == calls
    assert publisher.undo == UNDO[name(publisher)]


@pytest.mark.parametrize("step", [0, 1, 2])
async def test_a_pause_whose_steps_fail_is_told_again_until_it_stands(publisher: Publisher, step: int) -> None:
    """Also where the number was 0 before: that it shows 0 does not mean that nobody can buy."""
    publisher.level(0)
    await publisher.work()
    publisher.level(0, Pause.OVERSELL)
    await publisher.work(600_000, fails_at=step)
    assert publisher.shop.oversells("CAP") == ""
    assert publisher.undo == UNDO[name(publisher)]
    assert publisher.record.status is Status.IN_STEP


@pytest.mark.parametrize("step", range(5))
async def test_a_publisher_that_is_killed_in_a_pause_leaves_its_way_back(publisher: Publisher, step: int) -> None:
    """Whichever request it was killed after, its successor completes the pause, and brings back what there was."""
    publisher.level(2, Pause.OVERSELL)
    await publisher.work(killed_after=step)
    publisher.succeed()
    await publisher.work(120_000)
    assert (publisher.shop.level("CAP"), publisher.shop.oversells("CAP")) == (0, "")
    assert publisher.undo == UNDO[name(publisher)]
    publisher.level(7)
    await publisher.work()
    assert (publisher.shop.level("CAP"), publisher.shop.oversells("CAP")) == (7, WORDS[name(publisher)])


async def test_a_replay_of_a_paused_sku_keeps_the_way_back(publisher: Publisher) -> None:
    """What was done for the pause is known as long as it stands."""
    publisher.level(2, Pause.OPERATOR)
    await publisher.work()
    await publisher.shop.control("level", {"sku": "CAP", "qty": 5})
    now = publisher.shop.clock.now
    publisher.controller.command(PublisherCommand(command=words.Command.REPLAY, sku="CAP", at=now), now)
    await publisher.work()
    publisher.level(4)
    await publisher.work(until_ms=60_000)
    assert publisher.shop.oversells("CAP") == WORDS[name(publisher)]


async def test_a_policy_that_somebody_sets_back_during_a_pause_is_found_and_set_again(publisher: Publisher) -> None:
    """By the read-back of the whole shop, which shows 0 as it should be and that the shop sells on."""
    publisher.level(2, Pause.OPERATOR)
    await publisher.work()
    await publisher.shop.control("listing", {"sku": "CAP", "oversells": WORDS[name(publisher)]})
    await publisher.work(3 * EVERY_MS)
    assert publisher.shop.oversells("CAP") == ""
    publisher.level(4)
    await publisher.work()
    assert (publisher.shop.level("CAP"), publisher.shop.oversells("CAP")) == (4, WORDS[name(publisher)])


async def test_a_number_that_somebody_raises_is_found_and_told_again(publisher: Publisher) -> None:
    """By the same read-back: the shop would sell what there is not."""
    await publisher.shop.control("level", {"sku": "CAP", "qty": 9})
    await publisher.work(3 * EVERY_MS)
    assert publisher.shop.level("CAP") == 3
    assert publisher.record.status is Status.IN_STEP
