"""One channel in virtual time: the publisher's real core, its channel's stand-in, and the way between them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from publishers.book import Book
from publishers.channels import KINDS
from publishers.controller import Controller
from publishers.limiter import Window
from publishers.push import Accepted, Account, Answer, Delivered, Response
from publishers.work import Call, Gate, Purpose, Setup
from schemas.channel_records import ChannelLevel, Listing, Shown, Watermark
from schemas.records import DeadLetter, OrderOutcome, StockLevel
from schemas.settings import Order, Rules
from schemas.words import Status
from tests.scale.clock import Clock
from tests.scale.judge import Watch
from tests.scale.scenario import START_MS
from tests.scale.vendor import Vendor

WAY_MS = (30, 120)
"""How long a request or an answer is on its way."""
COMMIT_MS = 10
"""How long the intents take to be written."""
STEPS_MAX = 100_000
ACCOUNT = Account(
    api_version="2026-10", location="gid://shopify/Location/1", alias="SELLER1", marketplaces=("ATVPDKIKX0DER",)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A channel's kind and stand-in, its limits where they are not the kind's own, its listings by SKU."""

    kind: str
    vendor: Vendor
    listings: Mapping[str, Listing]
    limits: Mapping[str, tuple[Window, ...]]
    poll_ms: int = 0
    """How often the order poll draws from the same budget; 0: from another."""


class Desk:
    """Drives a controller as a publisher's shell does, at no cost of time but the way to the channel and back."""

    def __init__(self, shop: Shop, order: Order, clock: Clock, watch: Watch, seed: int) -> None:
        """Wire the core; nothing is known yet."""
        self.shop, self.clock, self.watch = shop, clock, watch
        self.dice = Random(f"way:{shop.kind}:{seed}")
        module = KINDS[shop.kind]
        setup = Setup(
            channel=shop.kind,
            kind=module,
            account=ACCOUNT,
            limits=shop.limits,
            ladder=module.LADDER,
            call_timeout_ms=10_000,
            gate=Gate.PUSH,
            partitions=1,
            draw=lambda: 500,
            order=order,
        )
        rules = Rules()
        self.controller = Controller(setup, Book(shop.kind, lambda _: rules, module), clock.now)
        self.verdicts: Counter[str] = Counter()
        self.dead = 0
        self._calls = 0
        self._offset = 0
        self._wake_at: int | None = None

    def load(self, levels: Mapping[str, StockLevel]) -> None:
        """Load the tables, every SKU in step, and become the one that tells."""
        for sku, listing in self.shop.listings.items():
            level = levels[sku]
            self.controller.level(level, self.clock.now)
            self.controller.listing(listing.listing_id, listing, 0, self.clock.now)
            number, long_ago = level.quantity, START_MS - 500_000
            shown = Shown(shown=number, shown_at=long_ago, sent=number, sent_version=1, sent_at=long_ago)
            self.controller.observed(
                ChannelLevel(sku=sku, listings={listing.listing_id: shown}, status=Status.IN_STEP, at=START_MS - 1)
            )
        self.controller.hearing.listen_from({0: 0})
        self.controller.activate(self.clock.now)
        self.wake(self.clock.now)

    def level(self, level: StockLevel, *, hot: bool) -> None:
        """Hear of a level; `hot` says for the watch whether its SKU was sold a moment ago."""
        if level.sku in self.shop.listings:
            self.controller.level(level, self.clock.now)
            tasks = self.controller.tasks
            waits, open_ = level.sku in tasks.queue, level.sku in tasks.busy
            self.watch.changed(level.sku, level.version, self.clock.now, hot=hot, waits=waits, open_=open_)
            self.wake(self.clock.now)

    def _waits(self, sku: str) -> bool:
        return sku in self.controller.tasks.queue or sku in self.controller.tasks.busy

    def outcome(self, outcome: OrderOutcome) -> None:
        """Hear of a decision about an order."""
        if outcome.channel == self.shop.kind:
            self.controller.outcome(outcome, self._offset, self.clock.now)
            self._offset += 1
            if not self._waits(outcome.sku):
                self.watch.equal(outcome.sku, self.clock.now)
            self.wake(self.clock.now)

    def polled(self, through: int) -> None:
        """Hear how far the order poll has come."""
        self.controller.watermark(Watermark(channel=self.shop.kind, through=through, at=self.clock.now), self.clock.now)
        self.wake(self.clock.now)

    def wake(self, at: int) -> None:
        """Take a step at `at`, or earlier."""
        if self._wake_at is None or at < self._wake_at:
            self._wake_at = at
            self.clock.at(at, self._step_at(at))

    def _step_at(self, at: int) -> Callable[[], None]:
        def step() -> None:
            if self._wake_at == at:
                self._wake_at = None
                self._step()

        return step

    def _step(self) -> None:
        now = self.clock.now
        for _ in range(STEPS_MAX):
            self._calls += 1
            step = self.controller.plan(now, f"{self.shop.kind}-{self._calls}")
            self._written()
            if isinstance(step, Call):
                self._send(step)
            elif step > 0:
                self._rests()
                self.wake(now + step)
                return
        raise RuntimeError(f"{self.shop.kind}: the controller never comes to rest")

    def _rests(self) -> None:
        """Note what waits; what is about to go in bulk, within a second, does not wait for single calls."""
        queue, bulk = self.controller.tasks.queue, KINDS[self.shop.kind].BULK
        open_ = any(talk.call.purpose is Purpose.BULK for talk in self.controller.calling.talks)
        waiting = 0 if bulk is not None and not open_ and len(queue) >= bulk.least else len(queue)
        self.watch.rests(waiting, queue.count(self.clock.now), self.clock.now)

    def _written(self) -> None:
        self.dead += sum(isinstance(one, DeadLetter) for one in self.controller.tasks.out)
        self.controller.tasks.out = []

    def _send(self, call: Call) -> None:
        now = self.clock.now
        if call.step == 0 and not call.reads:
            for row in call.rows:
                self.watch.told(row.sku, row.version, now)
        self.clock.at(now + COMMIT_MS + self.dice.randint(*WAY_MS), lambda: self._arrives(call))

    def _arrives(self, call: Call) -> None:
        response = self.shop.vendor.answer(call.request, self.clock.now)
        self.clock.at(self.clock.now + self.dice.randint(*WAY_MS), lambda: self._answered(call, response))

    def _answered(self, call: Call, response: Response) -> None:
        now = self.clock.now
        ended = self.controller.answer(call, response, now)
        self._written()
        if isinstance(ended, Answer):
            for row, verdict in zip(call.rows, ended.verdicts, strict=True):
                self.verdicts[type(verdict).__name__] += 1
                if isinstance(verdict, Delivered | Accepted):
                    self.watch.in_step(row.sku, row.version, now)
                self.watch.ended(row.sku, now)
                if not self._waits(row.sku):
                    self.watch.equal(row.sku, now)
        self.wake(now)
