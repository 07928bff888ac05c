"""
Whatever is done to orders, after a poll their lines hold what the orders hold now.

Lines vanish, come back, change their product or number; bundles are composed anew; listings are mapped late; webhooks
come before, during and after the poll, and the processor comes to their records late.  The oracle keeps its own books
of what was done and shares nothing with the poller but the words of the edits.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ingest.channels import woocommerce_poll
from ingest.lines import messages
from ingest.message import Arrival, Message
from ingest.poll.kind import Answer, Request
from ingest.poller import Ended, Poller
from schemas.channel_records import Component, Listing
from schemas.codec import decode
from schemas.records import OrderConfirmed, OrderOutcome
from schemas.topics import ORDER_CONFIRMED
from schemas.words import Result
from tests.ingest.test_poller import SHOP, T0, World

ORDERS, LINES, PRODUCTS = (1, 2), (1, 2), ("91", "92")
SKUS = ("A", "B", "A", "B", "")
COMPOSITIONS: tuple[tuple[tuple[str, int], ...] | None, ...] = (
    None,
    (("A", 1),),
    (("A", 2), ("B", 1)),
    (("B", 3), ("C", 1)),
    (("C", 1), ("C", 1)),
)
"""What a product may sell: not mapped, one of A, and three bundles."""
Held = dict[tuple[str, str], int]
"""Units by (orderId, SKU)."""


@dataclass
class Line:
    """A line: which product, the SKU beside it, how many."""

    product: str
    sku: str
    qty: int


@dataclass
class Books:
    """The oracle: what each line holds, by the words of the edits alone."""

    orders: dict[int, dict[int, Line]] = field(default_factory=lambda: {number: {} for number in ORDERS})
    cancelled: set[int] = field(default_factory=set)
    sells: dict[str, tuple[tuple[str, int], ...] | None] = field(default_factory=dict)

    def units(self, number: int, line: Line) -> Counter[str] | None:
        """Return what a line takes of which SKU, None where nobody knows what it sells."""
        parts = self.sells.get(line.product) or (((line.sku, 1),) if line.sku else None)
        if parts is None:
            return None
        found: Counter[str] = Counter()
        for sku, each in parts:
            found[sku] += each * (0 if number in self.cancelled else line.qty)
        return found

    def taken(self) -> tuple[Held, set[str]]:
        """Return what must be held once everything was read, and the lines of which nobody can say."""
        held, unknown = Held(), set[str]()
        for number, lines in self.orders.items():
            for at, line in lines.items():
                units, name = self.units(number, line), f"woo_{number}_{at}"
                if units is None:
                    unknown.add(name)
                else:
                    held |= {(name, sku): qty for sku, qty in units.items() if qty}
        return held, unknown


class Scene:
    """A WooCommerce shop whose orders are the books', the poller, and a processor that decides when it is told to."""

    def __init__(self) -> None:
        self.books, self.world = Books(), World()
        self.changed: dict[int, int] = {}
        self.kafka, self.decided = list[Message](), 0
        self.table: dict[tuple[str, str], OrderConfirmed] = {}
        self.during: list[int] = []

    def row(self, number: int) -> dict[str, Any]:
        """Show an order as the shop's API and its webhooks do."""
        stamp = f"2026-11-21T{self.clock(self.changed[number])}"
        items = [
            {"id": at, "sku": line.sku, "quantity": line.qty, "product_id": int(line.product), "meta_data": []}
            for at, line in self.books.orders[number].items()
        ]
        status = "cancelled" if number in self.books.cancelled else "processing"
        return {
            "id": number,
            "status": status,
            "date_created_gmt": stamp,
            "date_modified_gmt": stamp,
            "line_items": items,
        }

    @staticmethod
    def clock(ms: int) -> str:
        """Return a time of the 21st, to the second."""
        seconds = (ms - T0) // 1_000 + 36_000
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def find(self, channel: str, listing_id: str) -> Listing | None:
        """Return the listing of a product."""
        parts = self.books.sells.get(listing_id)
        if parts is None:
            return None
        units: Counter[str] = Counter()
        for sku, each in parts:
            units[sku] += each
        if len(parts) == 1:
            return Listing(channel=channel, listing_id=listing_id, sku=parts[0][0])
        components = tuple(Component(sku=sku, qty=each) for sku, each in units.items())
        return Listing(channel=channel, listing_id=listing_id, sku=f"bundle-{listing_id}", components=components)

    def webhook(self, number: int) -> None:
        """Let the shop tell an order as it is; the record is in Kafka, and not decided yet."""
        if number in self.changed:
            body = orjson.loads(orjson.dumps(self.row(number)))
            reading = woocommerce_poll.read_order(body, self.world.now)
            arrival = Arrival(channel="woo", received_at=self.world.now)
            self.kafka += messages(reading, arrival, self.find).orders

    def decide(self) -> None:
        """Let the processor come to the end of its topic: the newest state of a line counts."""
        for message in self.kafka[self.decided :]:
            record = decode(OrderConfirmed, message.value)
            key = (record.order_id, record.sku)
            known = self.table.get(key)
            if known is None or (known.revision, known.seen_at) < (record.revision, record.seen_at):
                self.table[key] = record
                self.world.index.held.take(outcome(record))
        self.decided = len(self.kafka)

    async def call(self, _request: Request) -> Answer:
        """Answer the search with all orders; what happens while the answer is on its way happens after it was made."""
        rows = sorted((self.row(number) for number in self.changed), key=lambda row: str(row["date_modified_gmt"]))
        answer = Answer(status=200, headers={}, body=orjson.dumps(rows))
        self.world.now += 50
        for number in self.during:
            self.webhook(number)
        self.during.clear()
        return answer

    async def send(self, sent: Any) -> None:
        """Acknowledge."""
        self.kafka += [message for message in sent if message.topic == ORDER_CONFIRMED]

    def poll(self) -> None:
        """Start a poller and let it read everything once."""
        tools = self.world.tools(call=self.call, sender=self, find=self.find, wakes=None)
        assert asyncio.run(Poller(SHOP, woocommerce_poll, tools, T0).read()) is Ended.READ

    def held(self) -> Held:
        """Return what the processor holds."""
        return {key: record.qty for key, record in self.table.items() if record.qty}


def outcome(record: OrderConfirmed) -> OrderOutcome:
    return OrderOutcome(
        sku=record.sku,
        order_id=record.order_id,
        channel="woo",
        revision=record.revision,
        seen_at=record.seen_at,
        qty=record.qty,
        held=record.qty,
        shortfall=0,
        delta=0,
        result=Result.ACCEPTED,
        new_qty=1,
        version=None,
        ordered_at=record.ordered_at,
        timestamp=record.seen_at,
        source={},
    )


def put(scene: Scene, number: int, at: int, product: int, sku: int, qty: int) -> None:
    """Add a line, or change its product, SKU and number."""
    scene.books.orders[number][at] = Line(PRODUCTS[product], SKUS[sku], qty)


def remove(scene: Scene, number: int, at: int, *_: int) -> None:
    """Take a line out of its order, where it has any."""
    lines = scene.books.orders[number]
    if lines:
        del lines[sorted(lines)[at % len(lines)]]


def cancel(scene: Scene, number: int, *_: int) -> None:
    """Cancel an order, or take that back."""
    scene.books.cancelled ^= {number}


def compose(scene: Scene, _number: int, _at: int, product: int, sku: int, qty: int) -> None:
    """Say what a product sells; orders that hold it do not change by that."""
    scene.books.sells[PRODUCTS[product]] = COMPOSITIONS[(sku + 3 * (qty % 2)) % len(COMPOSITIONS)]


EDITS: dict[str, Callable[..., None]] = {"put": put, "remove": remove, "cancel": cancel}
NUMBERS = st.tuples(
    st.sampled_from(ORDERS), st.sampled_from(LINES), st.integers(0, 1), st.integers(0, 4), st.sampled_from([1, 2, 3, 0])
)
WORDS = (
    ["put"] * 4 + ["remove"] * 3 + ["compose"] * 3 + ["cancel", "webhook", "during", "decide", "poll", "check", "check"]
)
STEP = st.tuples(st.sampled_from(WORDS), NUMBERS, st.sampled_from([0, 0, 100, 400, 1_000, 5_000, 20_000]))


@settings(max_examples=120, deadline=None)
@given(st.lists(STEP, min_size=12, max_size=40))
def test_after_a_poll_every_line_holds_what_its_order_holds_now(
    steps: list[tuple[str, tuple[int, int, int, int, int], int]],
) -> None:
    """Edits of every kind in any order and within one second, polls and webhooks between them, then one more poll."""
    scene = Scene()
    for word, numbers, pause in [*steps, ("check", (1, 1, 0, 0, 0), 0)]:
        scene.world.now += pause
        if word in EDITS:
            EDITS[word](scene, *numbers)
            scene.changed[numbers[0]] = scene.world.now // 1_000 * 1_000
        elif word == "compose":
            compose(scene, *numbers)
        elif word == "webhook":
            scene.webhook(numbers[0])
        elif word == "during":
            scene.during.append(numbers[0])
        elif word == "decide":
            scene.decide()
        elif word == "poll":
            scene.poll()
        else:
            check(scene)


def check(scene: Scene) -> None:
    """Let everything that is under way arrive, poll once, and compare."""
    scene.decide()
    before = scene.held()
    scene.during.clear()
    scene.world.now += 1
    scene.poll()
    scene.decide()
    expected, unknown = scene.books.taken()
    held = {key: qty for key, qty in scene.held().items() if key[0] not in unknown}
    assert held == expected
    event("lines hold units" if expected else "nothing is held")
    event("a line gives units back" if {*before} - {*expected} else "no line gives units back")
