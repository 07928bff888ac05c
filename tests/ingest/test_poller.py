"""The poller's loop with a scripted channel and Kafka: what it waits for, in which order, and what it never does."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from ingest.channels.calls import POLLS
from ingest.message import Message
from ingest.poll.held import Held, Known, LineKey
from ingest.poll.kind import Answer, Request
from ingest.poll.tools import Tools
from ingest.poll.torn import AFTER_MS as TORN_AFTER_MS
from ingest.poll.torn import TRIES as TORN_TRIES
from ingest.poll.watermark import SETTLE_MS
from ingest.poller import Ended, Poller
from ingest.producer import Unavailable
from schemas.channel_records import Watermark
from schemas.codec import decode
from schemas.records import DeadLetter, OrderConfirmed, OrderOutcome
from schemas.settings import Channel, Kind
from schemas.topics import INGEST_WATERMARK, ORDER_CONFIRMED, STOCK_DEADLETTER
from schemas.words import Result

T0 = 1_795_255_200_000
"""2026-11-21T10:00:00Z"""
SHOP = Channel(name="woo", kind=Kind.WOOCOMMERCE, since=0, base_url="http://shop")
EMPTY = b"[]"


def order(number: int = 7, second: int = 0, *lines: tuple[int, str, int]) -> dict[str, Any]:
    stamp = f"2026-11-21T10:00:{second:02}"
    items = [{"id": line, "sku": sku, "quantity": qty, "meta_data": []} for line, sku, qty in lines or [(1, "A", 2)]]
    return {
        "id": number,
        "status": "processing",
        "date_created_gmt": stamp,
        "date_modified_gmt": stamp,
        "line_items": items,
    }


class Index:
    """The real index, without Kafka behind it."""

    def __init__(self) -> None:
        self.held = Held("woo")

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return an order's lines."""
        return self.held.lines(order)

    def newest(self, keys: Iterable[LineKey]) -> Mapping[LineKey, Known]:
        """Return what is known."""
        return {key: found for key in keys if (found := self.held.newest(key)) is not None}

    def tell(self, records: Iterable[OrderConfirmed]) -> None:
        """Remember."""
        for record in records:
            self.held.tell(record)

    def torn(self) -> list[str]:
        """Return torn orders."""
        return [*self.held.torn()]


class World:
    """A channel that answers by script, a Kafka that takes or refuses, and a clock that moves with each wait."""

    def __init__(self, *script: Answer | list[Any] | dict[str, Any], channel: Channel = SHOP) -> None:
        self.script, self.now = list(script), T0 + 60_000
        self.calls, self.sent, self.slept = list[Request](), list[Message](), list[int]()
        self.refuse = 0
        self.index = Index()
        self.woken: tuple[list[tuple[int, str]], int] = ([], 0)
        self.poller = Poller(channel, POLLS[channel.kind], self.tools(), T0)

    def tools(self, **other: Any) -> Tools:
        """Return the poller's tools, some of them others."""
        given: dict[str, Any] = {
            "call": self.call,
            "sender": self,
            "index": self.index,
            "find": lambda _channel, _listing: None,
            "secrets": lambda: ("ck", "cs"),
            "now_ms": lambda: self.now,
            "sleep_ms": self.sleep,
            "wakes": self.wakes,
        }
        return Tools(**(given | other))

    async def call(self, request: Request) -> Answer:
        """Answer by script, then with nothing more."""
        self.calls.append(request)
        answer = self.script.pop(0) if self.script else []
        return answer if isinstance(answer, Answer) else Answer(status=200, headers={}, body=orjson.dumps(answer))

    async def send(self, messages: Sequence[Message]) -> None:
        """Take the records, or say that nobody acknowledged."""
        if self.refuse:
            self.refuse -= 1
            raise Unavailable("_MSG_TIMED_OUT")
        self.sent += messages

    def wakes(self) -> tuple[list[tuple[int, str]], int]:
        """Return what webhooks named since the last time."""
        found, position = self.woken
        self.woken = ([], position)
        return found, position

    def name(self, *orders: str) -> None:
        """Let webhooks name orders."""
        found, position = self.woken
        self.woken = ([*found, *enumerate(orders, position)], position + len(orders))

    async def sleep(self, ms: int) -> None:
        """Let the time pass."""
        self.slept.append(ms)
        self.now += ms

    def lines(self) -> list[tuple[str, str, int]]:
        """Return the line states that were acknowledged."""
        records = [decode(OrderConfirmed, m.value) for m in self.sent if m.topic == ORDER_CONFIRMED]
        return [(record.order_id, record.sku, record.qty) for record in records]

    def marks(self) -> list[int]:
        """Return the watermarks that were acknowledged."""
        return [decode(Watermark, m.value).through for m in self.sent if m.topic == INGEST_WATERMARK]

    def decide(self, order_id: str, revision: int, held: int, sku: str = "A") -> None:
        """Play the processor for one line."""
        values = {"sku": sku, "order_id": order_id, "channel": "woo", "revision": revision, "seen_at": revision}
        units = {"qty": held, "held": held, "shortfall": 0, "delta": 0, "new_qty": 1, "version": None}
        rest = {"result": Result.ACCEPTED, "ordered_at": 1, "timestamp": 1, "source": {}}
        self.index.held.take(OrderOutcome(**values, **units, **rest))  # type: ignore[arg-type]  # spelled in three parts


async def test_records_are_acknowledged_before_the_watermark_moves() -> None:
    """The watermark stands behind the lines that it covers, at the last order's time."""
    world = World([order(7, 1), order(8, 5)])
    assert await world.poller.read() is Ended.READ
    assert world.lines() == [("woo_7_1", "A", 2), ("woo_8_1", "A", 2)]
    assert world.sent[-1].topic == INGEST_WATERMARK
    assert world.marks() == [T0 + 5_000]


async def test_without_an_acknowledgement_the_watermark_stays_and_the_page_comes_again() -> None:
    """Kafka says no: the same page is asked for after a while, and everything is written then."""
    world = World([order(7, 1)], [order(7, 1)])
    world.refuse = 1
    assert await world.poller.read() is Ended.READ
    assert (len(world.calls), world.lines(), world.marks()) == (2, [("woo_7_1", "A", 2)], [T0 + 1_000])
    assert 800 <= world.slept[0] <= 1_200


async def test_a_refused_watermark_is_written_with_the_next_try() -> None:
    """The records were taken and the watermark was not: they are not sent twice."""
    world = World([order(7, 1)], [order(7, 1)])
    sends = iter([0, 1, 0, 0])
    taken = world.send

    async def send(messages: Sequence[Message]) -> None:
        world.refuse = next(sends)
        await taken(messages)

    world.send = send  # type: ignore[method-assign]  # the second call alone is refused
    assert await world.poller.read() is Ended.READ
    assert (world.lines(), world.marks()) == ([("woo_7_1", "A", 2)], [T0 + 1_000])


async def test_what_is_known_is_not_sent_again_and_the_watermark_not_written_again() -> None:
    """A quiet channel costs Kafka nothing."""
    world = World([order(7, 1)], [order(7, 1)], [order(7, 1)])
    for _ in range(3):
        await world.poller.read()
    assert (world.lines(), world.marks()) == ([("woo_7_1", "A", 2)], [T0 + 1_000])


async def test_the_watermark_stays_ten_seconds_behind_and_fresh_orders_are_read_again() -> None:
    """An order of this moment is sent at once and stays before the watermark until its second is over."""
    world = World([order(7, 59)], [order(7, 59)])
    await world.poller.read()
    assert world.marks() == [T0 + 50_000]
    world.now += 60_000
    await world.poller.read()
    assert world.marks() == [T0 + 50_000, T0 + 59_000]
    assert len(world.lines()) == 2, "once at once, once settled"


async def test_a_line_that_left_the_order_is_given_up() -> None:
    """The processor holds 3 units for line 2, the order names line 1 only."""
    world = World([order(7, 30)])
    world.decide("woo_7_1", T0, 2)
    world.decide("woo_7_2", T0, 3, "B")
    await world.poller.read()
    assert world.lines() == [("woo_7_1", "A", 2), ("woo_7_2", "B", 0)]


async def test_an_order_whose_lines_do_not_agree_is_read_again_after_a_while_and_not_for_ever() -> None:
    """A line came back by a delayed webhook after the order had been read: the order is asked for by its number."""
    world = World([], [], [order(7, 30)])
    world.decide("woo_7_1", T0 + 30_000, 2)
    world.decide("woo_7_2", T0, 3, "B")
    await world.poller.read()
    assert len(world.calls) == 1, "the processor has time to come to a line"
    world.now += TORN_AFTER_MS
    await world.poller.read()
    assert "include=7" in world.calls[2].url
    assert world.lines() == [("woo_7_1", "A", 2), ("woo_7_2", "B", 0)], "settled, and given up"
    for _ in range(10):
        world.now += 10 * TORN_AFTER_MS
        await world.poller.read()
    assert sum("include=7" in call.url for call in world.calls) == TORN_TRIES


async def test_a_faulty_order_becomes_one_dead_letter_and_stops_nothing() -> None:
    """It is told once although it is read with each poll; the order beside it is read."""
    faulty = order(9, 2) | {"status": None}
    world = World([faulty, order(7, 3)], [faulty, order(7, 3)])
    await world.poller.read()
    await world.poller.read()
    letters = [decode(DeadLetter, m.value) for m in world.sent if m.topic == STOCK_DEADLETTER]
    assert [(letter.reason, letter.order_id) for letter in letters] == [("unknown_shape", "woo_9_")]
    assert (world.lines(), world.marks()) == ([("woo_7_1", "A", 2)], [T0 + 3_000])


async def test_an_unmapped_line_becomes_a_dead_letter_and_gives_up_nothing() -> None:
    """Without a SKU and without a listing: no zero for what it may hold under an earlier mapping."""
    unmapped = order(7, 5)
    unmapped["line_items"][0] |= {"sku": "", "product_id": 93}
    world = World([unmapped])
    world.decide("woo_7_1", T0, 2)
    await world.poller.read()
    assert world.lines() == []
    assert [decode(DeadLetter, m.value).reason for m in world.sent if m.topic == STOCK_DEADLETTER] == ["unmapped"]


async def test_the_wait_that_a_channel_asks_for_is_kept_within_reason() -> None:
    """`Retry-After` wins over our own back-off, up to ten minutes."""
    busy = Answer(status=429, headers={"retry-after": "7"}, body=b"")
    absurd = Answer(status=503, headers={"retry-after": "99999"}, body=b"")
    world = World(busy, absurd)
    await world.poller.read()
    assert world.slept == [7_000, 600_000]


async def test_failures_in_a_row_end_a_reading_only_where_that_is_wanted() -> None:
    """`--once` gives up after its tries; a serving poller goes on."""
    down = Answer(status=0, headers={}, body=b"")
    assert await World(*[down] * 9).poller.read(3) is Ended.GAVE_UP
    world = World(*[down] * 9)
    assert await world.poller.read() is Ended.READ
    assert len(world.calls) == 10


async def test_refused_credentials_end_the_reading_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """One call, no retry, a clear sentence."""
    world = World(Answer(status=401, headers={}, body=b""))
    assert await world.poller.read() is Ended.DENIED
    assert len(world.calls) == 1
    (told,) = [record for record in caplog.records if "polling stops" in record.message]
    assert vars(told)["channel"] == world.poller.channel.name


async def test_reading_again_from_before_the_watermark_leaves_it_where_it_is() -> None:
    """`--since` reads the past again and never moves the stored watermark back."""
    world = World([order(7, 1)], [order(7, 1), order(8, 20)])
    world.poller.keeper.written = T0 + 10_000
    await world.poller.read()
    assert (world.marks(), world.poller.keeper.mark) == ([], T0 + 1_000)
    await world.poller.read()
    assert world.marks() == [T0 + 20_000]


async def test_an_order_that_comes_in_pieces_is_as_old_as_the_first_of_them() -> None:
    """A channel that throttles between two pieces does not make an order of its first second look settled."""
    stamp = "2026-11-21T10:01:00Z"
    node = {"id": "gid://shopify/Order/7", "createdAt": stamp, "updatedAt": stamp, "cancelledAt": None, "test": False}
    item = {"id": "gid://shopify/LineItem/1", "sku": "A", "quantity": 2, "variant": None}
    lines = {"nodes": [item], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    more = {"nodes": [item], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}
    other = lines | {"nodes": [item | {"id": "gid://shopify/LineItem/2"}]}
    page = {"nodes": [node | {"lineItems": more, "refunds": []}], "pageInfo": lines["pageInfo"]}
    throttled = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
    pieces = ({"data": {"order": node | {"lineItems": found, "refunds": []}}} for found in (more, other))
    shop = Channel(name="uk", kind=Kind.SHOPIFY, since=0, base_url="http://shop")
    world = World({"data": {"orders": page}}, next(pieces), *[throttled] * 6, next(pieces), channel=shop)
    began = world.now
    assert await world.poller.read() is Ended.READ
    assert world.now > began + 2 * SETTLE_MS
    found = [decode(OrderConfirmed, m.value) for m in world.sent if m.topic == ORDER_CONFIRMED]
    assert [(line.order_id, line.seen_at) for line in found] == [("uk_7_1", began), ("uk_7_2", began)]
    assert world.marks()[-1] == began - SETTLE_MS


async def test_a_quiet_channels_watermark_follows_the_time_at_a_distance() -> None:
    """Without orders the end of a reading proves what was read, counted from its first call, if Kafka takes it."""
    world = World([order(7, 1)])
    await world.poller.read()
    world.now += SHOP.search_lag_ms
    world.refuse = 1
    await world.poller.read()
    assert world.marks() == [T0 + 1_000], "not acknowledged, not moved"
    behind = Answer(status=200, headers={"date": "Sat, 21 Nov 2026 10:05:30 GMT"}, body=EMPTY)
    world.script = [behind]
    await world.poller.read()
    assert world.marks() == [T0 + 1_000, T0 + 30_000], "the channel's clock is behind ours and counts"
    await world.poller.read()
    assert world.marks()[-1] == world.now - SHOP.search_lag_ms
    world.script = [Answer(status=503, headers={}, body=b"")]
    marks = world.marks()
    world.now += 60_000
    assert await world.poller.read(tries=1) is Ended.GAVE_UP
    assert world.marks() == marks, "nothing was read"
