"""What bad weather has found: each as small as it is, with the stand-ins of the runs."""

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from publishers.book import Book
from publishers.channels import KINDS
from publishers.controller import Controller
from publishers.push import Response
from publishers.work import Call, Gate, Setup
from schemas.channel_records import Listing, Watermark
from schemas.records import Cause, OrderOutcome, StockLevel
from schemas.settings import Rules
from schemas.words import CauseKind, Pause, Policy, Result
from tests.weather.catalogue import SHOPS, ids
from tests.weather.life import ACCOUNT
from tests.weather.shop_etsy import Etsy

ONE = "10008"
NOTHING = Response(status=0)


@dataclass
class Pair:
    """A controller and its shop; `fates` says of the next requests what becomes of them."""

    kind: str
    now: int = 1_000_000
    fates: deque[str] = field(default_factory=deque)
    version: int = 0
    said: Response = NOTHING
    """The last answer, heard or not."""

    def __post_init__(self) -> None:
        """Put a listing on sale at 3, told by SKU "A"."""
        self.shop = SHOPS[self.kind](Random(1))
        self.controller = self._fresh()
        self.map("A")
        self.level("A", 3)
        self.work()
        assert self.shows() == 3

    def _fresh(self) -> Controller:
        module: Any = KINDS[self.kind]
        setup = Setup(
            channel=self.kind,
            kind=module,
            account=ACCOUNT,
            limits=module.LIMITS,
            ladder=module.LADDER,
            call_timeout_ms=10_000,
            gate=Gate.PUSH,
            partitions=1,
            draw=lambda: 500,
        )
        rules = Rules()
        controller = Controller(setup, Book(self.kind, lambda _: rules, module), self.now)
        controller.activate(self.now)
        return controller

    def map(self, sku: str | None, partition: int = 0) -> None:
        """Let the listing sell a SKU, or end it in a partition."""
        one = None if sku is None else Listing(channel=self.kind, listing_id=ONE, sku=sku, ids=ids(self.kind, ONE, 8))
        if one is not None and ONE not in self.shop.numbers:
            self.shop.add(one, 0)
        self.controller.listing(ONE, one, partition, self.now)

    def polled(self) -> None:
        """Let the order poll come up to now."""
        self.controller.watermark(Watermark(channel=self.kind, through=self.now, at=self.now), self.now)

    def level(self, sku: str, quantity: int, paused: Pause | None = None) -> None:
        """Give a SKU another level."""
        self.version += 1
        level = StockLevel(
            sku=sku,
            quantity=quantity,
            version=self.version,
            paused=paused,
            policy=Policy.REJECT,
            cause=Cause(kind=CauseKind.ADJUSTMENT, delta=0, received_at=self.now),
            source={},
            updated_at=self.now,
        )
        self.controller.level(level, self.now)

    def sold(self, units: int) -> None:
        """Hear that the channel has sold so much of "A"."""
        outcome = OrderOutcome(
            sku="A",
            order_id=f"o{self.now}",
            channel=self.kind,
            revision=1,
            seen_at=self.now,
            qty=units,
            held=0,
            shortfall=units,
            delta=0,
            result=Result.INSUFFICIENT,
            new_qty=0,
            version=None,
            ordered_at=self.now,
            timestamp=self.now,
            source={},
        )
        self.controller.outcome(outcome, 0, self.now)

    def succeed(self) -> None:
        """Let another process take over, which knows what the first one wrote."""
        before, self.controller = self.controller, self._fresh()
        self.controller.active = False
        for record in before.book.observed.values():
            self.controller.observed(record)
        for listings in before.book.listings.values():
            for name, listing in listings.items():
                self.controller.listing(name, listing, 0, self.now)
        self.controller.activate(self.now)

    def shows(self) -> int:
        """Return what the shop shows by now."""
        self.shop.due(self.now)
        return self.shop.shows(ONE)

    def meet(self, *fates: str) -> None:
        """Work until all this has happened."""
        self.fates.extend(fates)
        while self.fates:
            self.work(20)

    def work(self, ms: int = 30_000) -> None:
        """Work for so long."""
        ends_at, steps = self.now + ms, 0
        while self.now < ends_at:
            steps += 1
            step = self.controller.plan(self.now, f"r{self.now}-{steps}")
            if isinstance(step, Call):
                answer = self.answer(step)
                self.now += 20
                self.controller.answer(step, answer, self.now)
            else:
                self.now += max(1, step)

    def answer(self, call: Call) -> Response:
        """Answer a request."""
        fate = self.fates.popleft() if self.fates else ""
        if fate == "refused":
            return Response(status=429, headers={"retry-after": "1"}, at=self.now)
        if fate == "unsent":
            return Response(status=0, err="no connection", unsent=True, at=self.now)
        done = self.shop.answer(call.request, self.now)
        self.said = Response(status=done.status, body=done.body, at=self.now)
        return Response(status=0, err="no answer", at=self.now) if fate == "lost" else self.said


@pytest.mark.parametrize("then", ["refused", "unsent"])
@pytest.mark.parametrize("kind", ["woocommerce", "ebay", "amazon"])
@pytest.mark.parametrize(("first", "back"), [(7, 3), (0, 3)])
def test_a_call_that_did_nothing_says_nothing_of_the_unanswered_one_before_it(
    kind: str, then: str, first: int, back: int
) -> None:
    """A number was taken and never answered, the next call is refused, and the level is back: the shop is told it."""
    pair = Pair(kind)
    pair.level("A", first)
    pair.meet("lost", then)
    pair.level("A", back)
    pair.work(120_000)
    assert pair.shows() == back


@pytest.mark.parametrize("then", [("refused",), ("", "", "lost", "lost")])
def test_an_etsy_listing_that_was_switched_off_without_an_answer_is_switched_on_again(then: tuple[str, ...]) -> None:
    """Nor is the next call answered, or it is refused: what may have switched the listing off is on record."""
    pair = Pair("etsy")
    pair.level("A", 0)
    pair.meet("", "lost", "lost")
    assert pair.shows() == 0
    pair.level("A", 5)
    pair.meet(*then)
    assert isinstance(pair.shop, Etsy)
    pair.shop.states = dict.fromkeys(pair.shop.states, "inactive")  # what was lost was lost on its way there
    pair.work()
    pair.polled()
    pair.work()
    assert pair.shows() == 5


@pytest.mark.parametrize("order", ["new first", "end first"])
@pytest.mark.parametrize("kind", ["shopify", "woocommerce", "etsy"])
def test_a_listing_that_is_remapped_while_it_is_paused_is_on_sale_again(kind: str, order: str) -> None:
    """How its pause is undone stood in the record of the SKU that it sold before."""
    pair = Pair(kind)
    pair.shop.policy.add(ONE)
    pair.level("A", 3, Pause.OPERATOR)
    pair.work()
    assert (pair.shows(), ONE in pair.shop.policy) == (0, kind == "etsy")
    pair.level("B", 5)
    for sku, partition in (("B", 1), (None, 0)) if order == "new first" else ((None, 0), ("B", 1)):
        pair.map(sku, partition)
    pair.work()
    assert (pair.shows(), ONE in pair.shop.policy) == (5, True)


@pytest.mark.parametrize("kind", ["shopify", "woocommerce", "etsy"])
def test_a_listing_that_is_remapped_while_its_pause_is_told_is_on_sale_again(kind: str) -> None:
    """The way back is on record when the call has ended: then it goes to the SKU that the listing sells now."""
    pair = Pair(kind)
    pair.shop.policy.add(ONE)
    pair.level("B", 5)
    pair.level("A", 3, Pause.OPERATOR)
    for steps in range(1, 40):
        step = pair.controller.plan(pair.now, f"p{steps}")
        if isinstance(step, Call):
            answer = pair.answer(step)
            if pair.shows() == 0 and (kind == "etsy" or ONE not in pair.shop.policy):
                pair.map("B", 1)
            pair.controller.answer(step, answer, pair.now)
        pair.now += 20 if isinstance(step, Call) else max(1, step)
    pair.map(None, 0)
    pair.work()
    assert (pair.shows(), ONE in pair.shop.policy) == (5, True)


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
def test_a_pause_that_ends_while_its_call_is_open_is_taken_back_though_the_number_stays(kind: str) -> None:
    """The number is 0 before and after: what differs is that the listing no longer sells on."""
    pair = Pair(kind)
    pair.shop.policy.add(ONE)
    pair.level("A", 0)
    pair.work()
    pair.level("A", 0, Pause.OPERATOR)
    while ONE in pair.shop.policy:
        step = pair.controller.plan(pair.now, f"p{pair.now}")
        if isinstance(step, Call):
            pair.answer(step)
            if ONE in pair.shop.policy:
                pair.controller.answer(step, pair.said, pair.now)
        pair.now += 20 if isinstance(step, Call) else max(1, step)
    pair.succeed()
    pair.level("A", 0)
    pair.work(60_000)
    assert (pair.shows(), ONE in pair.shop.policy) == (0, True)


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
def test_a_listing_whose_sibling_has_sold_the_last_unit_is_told_0_with_the_pause(kind: str) -> None:
    """Its own number is still 1: what its sibling sold is taken off what is believed of both."""
    pair = Pair(kind)
    sibling = Listing(channel=kind, listing_id="10016", sku="A", ids=ids(kind, "10016", 16))
    pair.shop.add(sibling, 1)
    pair.controller.listing("10016", sibling, 0, pair.now)
    pair.level("A", 1)
    pair.work()
    pair.shop.sell("10016", 1)
    pair.sold(1)
    pair.level("A", 0, Pause.OVERSELL)
    pair.work()
    assert (pair.shows(), pair.shop.numbers["10016"]) == (0, 0)


@pytest.mark.parametrize("kind", [*SHOPS])
def test_a_listing_that_comes_back_to_its_sku_is_told_again(kind: str) -> None:
    """What its record says is what it showed before it sold another SKU."""
    pair = Pair(kind)
    pair.level("B", 9)
    pair.map("B", 1)
    pair.map(None, 0)
    pair.work()
    assert pair.shows() == 9
    pair.map("A", 0)
    pair.map(None, 1)
    pair.work()
    assert pair.shows() == 3


@pytest.mark.parametrize("kind", [*SHOPS])
def test_no_listing_is_believed_below_what_its_channel_can_show(kind: str) -> None:
    """More was sold than we believed it to show: what cannot be shown is not expected, and was told (Etsy: -3)."""
    pair = Pair(kind)
    pair.sold(5)
    assert pair.controller.book.expected("A", ONE) == (-2 if kind in ("shopify", "woocommerce") else 0)


def test_a_listing_that_we_switched_off_is_not_taken_for_on_sale_when_it_is_looked_at() -> None:
    """Etsy keeps its last number: with just so many units come in, a look before the call made it in step for good."""
    pair = Pair("etsy")
    pair.level("A", 0)
    pair.work()
    assert pair.shows() == 0
    pair.level("A", 3)
    pair.controller.reconciler.inspection.agenda.put(("A", ONE), pair.now + 5_200)
    pair.meet("unsent", "unsent")
    pair.work(120_000)
    assert pair.shows() == 3
