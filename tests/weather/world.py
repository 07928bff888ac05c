"""Everything of one run: a hub, a shop, the way between, publishers that live and die."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from publishers.channels import KINDS
from publishers.push import Response
from publishers.work import Call
from schemas.channel_records import Listing, PublisherCommand, Watermark
from schemas.settings import Channel
from schemas.settings import Kind as Word
from schemas.words import AdjustmentKind, Command
from tests.scale.clock import Clock
from tests.weather import catalogue
from tests.weather.hub import Hub, Topic
from tests.weather.life import Journal, Life
from tests.weather.sky import FAULTS, Sky

START_MS = 1_700_000_000_000
POLL_MS = 30_000
SMALL_FEED = 5
SIZES = (8, 24, 24, 48)
"""How many SKUs a run has."""


class Small:
    """A kind whose bulk is worth while for a few rows already."""

    def __init__(self, kind: Any) -> None:
        """Stand before a kind."""
        self._kind = kind
        self.BULK = None if kind.BULK is None else replace(kind.BULK, least=SMALL_FEED)

    def __getattr__(self, name: str) -> Any:
        """Be the kind otherwise."""
        return getattr(self._kind, name)


def partition_of(sku: str) -> int:
    """Return the partition of a SKU's listings."""
    return zlib.crc32(sku.encode()) % 4


@dataclass
class Order:
    """A line of an order at the channel."""

    order_id: str
    listing_id: str
    parts: Mapping[str, int]
    line: dict[str, Any]
    qty: int


@dataclass
class World:
    """One channel of a kind; with `skus` 0 their number is drawn."""

    kind_name: str
    seed: int
    skus: int = 0
    faults: tuple[str, ...] = FAULTS
    traced: bool = False
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Set the stage: everything is stocked, and nothing has been told."""
        self.name = self.kind_name
        self.kind: Any = Small(KINDS[self.kind_name])
        self.clock, self.skew = Clock(START_MS), 0
        dice = self.dice_for("catalogue")
        self.skus = self.skus or dice.choice(SIZES)
        self.shop = catalogue.SHOPS[self.kind_name](self.dice_for("shop"))
        self.sky = Sky(self.clock, self.dice_for("sky"), self.shop, self.faults)
        self.hub, self.journal = Hub(self.clock, self.dice_for("hub")), Journal()
        self.hub.wakes.append(self._poke)
        self.topics = {
            "level": self.hub.level_topic,
            "outcome": self.hub.outcome_topic,
            "listing": Topic(),
            "command": Topic(),
            "mark": Topic(),
        }
        self.settings = Channel(
            name=self.name,
            kind=Word(self.kind_name),
            since=0,
            reconcile_every_ms=900_000,
            brake_percent=dice.choice([100, 100, 30]),
        )
        self.mapping: dict[str, Listing] = {}
        self.orders: dict[str, Order] = {}
        self.unheard: list[str] = []
        self.lives: list[Life] = []
        self.polls, self.calls, self.count = True, 0, 0
        for listing in catalogue.draw(self.kind_name, dice, self.skus):
            self.mapping[listing.listing_id] = listing
            self.shop.add(listing, dice.randint(0, 12))
            self.map(listing, 0)
            if dice.random() < 0.2 and self.kind_name in ("shopify", "woocommerce"):
                self.shop.sells_on.add(listing.listing_id)
                self.shop.policy.add(listing.listing_id)
        for number in range(self.skus - 1):  # one was never stocked
            self.hub.adjust(f"SKU-{number:02}", AdjustmentKind.SET, dice.randint(0, 15))
        self.clock.at(START_MS + POLL_MS, self._poll)

    def dice_for(self, what: str) -> Random:
        """Return dice of their own for something."""
        return Random(f"weather:{self.kind_name}:{self.seed}:{what}")

    def say(self, text: str) -> None:
        """Write down what happens, for people."""
        if self.traced:
            self.trace.append(f"{(self.clock.now - START_MS) / 1_000:10.3f} {text}")

    def note_call(self, life: Life, call: Call) -> None:
        """Count a request."""
        self.calls += 1
        if self.traced:
            rows = " ".join(f"{row.sku}/{row.listing.listing_id}={row.quantity}({row.expected})" for row in call.rows)
            self.say(f"life {life.number} {call.purpose} {call.request.method} {call.request_id}.{call.step} {rows}")

    def note_answer(self, life: Life, call: Call, answer: Response) -> None:
        """Write down an answer."""
        if self.traced:
            self.say(f"life {life.number} got {call.request_id} {answer.status} {answer.body[-160:]!r} {answer.err}")

    def _poke(self, at: int) -> None:
        for life in self.lives:
            if life.alive:
                self.clock.at(at, lambda life=life: life.wake(self.clock.now))  # type: ignore[misc] # its own life

    def start(self) -> None:
        """Begin a life; it takes the channel from the one before."""
        self.say(f"life {len(self.lives) + 1} begins")
        self.lives.append(Life(self, len(self.lives) + 1))

    def owner(self) -> Life | None:
        """Return the life that owns the channel, if it lives."""
        return self.lives[-1] if self.lives and self.lives[-1].alive else None

    def map(self, listing: Listing | None, late: int, *, listing_id: str = "", sku: str = "") -> None:
        """Publish a listing's record, or its end in the partition of its SKU."""
        partition = partition_of(listing.sku if listing else sku)
        name = listing.listing_id if listing else listing_id

        def publish() -> None:
            if listing is not None and self.mapping.get(name) is not listing:
                return  # another record of it has come before
            self._poke(self.topics["listing"].append((name, listing, partition), self.clock.now))

        self.clock.at(self.clock.now + late, publish)

    def command(self, word: Command, sku: str | None = None) -> None:
        """Send a command."""
        self.say(f"command {word} {sku or ''}")
        record = PublisherCommand(command=word, sku=sku, actor="x", reason="x", at=self.clock.now)
        self._poke(self.topics["command"].append(record, self.clock.now + 50))

    def sell(self, name: str, units: int, *, heard_in: int | None) -> None:
        """Let somebody buy at the channel; None: no webhook ever tells of it."""
        listing = self.mapping.get(name)
        self.shop.due(self.clock.now)
        if not self.shop.sell(name, units) or listing is None:
            return
        self.count += 1
        parts = {part.sku: part.qty for part in listing.components} or {listing.sku: 1}
        line = {"listing_sku": listing.sku, "channel": self.name, "ordered_at": self.clock.now}
        order = Order(f"{self.name}_{self.count}_1", name, parts, line, units)
        self.orders[order.order_id] = order
        self._touch(order, units)
        self.say(f"sale {units} of {name} {listing.sku} shows {self.shop.numbers[name]} order {order.order_id}")
        if heard_in is not None:
            self.clock.at(self.clock.now + heard_in, lambda: self._hear(order))

    def _touch(self, order: Order, units: int) -> None:
        order.qty = units
        order.line["revision"] = order.line["seen_at"] = self.clock.now
        self.unheard.append(order.order_id)

    def _hear(self, order: Order) -> None:
        if order.order_id in self.unheard:
            self.unheard.remove(order.order_id)
        self.hub.order(order.order_id, {sku: qty * order.qty for sku, qty in order.parts.items()}, order.line)

    def cancel(self, order_id: str, *, heard_in: int | None, restocks: bool) -> None:
        """Cancel an order at the channel."""
        order = self.orders[order_id]
        self.shop.due(self.clock.now)
        if restocks:
            self.shop.restock(order.listing_id, order.qty)
        self.say(f"cancel {order_id} restocks {restocks}")
        self._touch(order, 0)
        if heard_in is not None:
            self.clock.at(self.clock.now + heard_in, lambda: self._hear(order))

    def elsewhere(self, sku: str, units: int) -> None:
        """Let somebody buy at another channel."""
        self.count += 1
        now = self.clock.now
        line = {"listing_sku": sku, "channel": "elsewhere", "ordered_at": now, "revision": now, "seen_at": now}
        self.hub.order(f"elsewhere_{self.count}_1", {sku: units}, line)

    def _poll(self) -> None:
        """Read the channel's orders, where the poll works; its mark comes before the levels that it leads to."""
        now = self.clock.now
        self.clock.at(now + POLL_MS, self._poll)
        if not self.polls:
            return
        for order_id in [*self.unheard]:
            self._hear(self.orders[order_id])
        mark = Watermark(channel=self.name, through=now, at=now)
        self._poke(self.topics["mark"].append(mark, now + 100))

    def every(self, first: int, gap: int, until: int, what: Callable[[], None]) -> None:
        """Let something happen again and again."""
        for at in range(first, until, gap):
            self.clock.at(at, what)
