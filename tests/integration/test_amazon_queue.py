"""
The queue process against an SQS server and a real Kafka: killed in the middle, it loses nothing and doubles nothing.

The server is moto's, a process of its own.  What each line must hold in the end is worked out here, from the orders'
histories, without a word of the code under test.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas import codec
from schemas.config import load
from schemas.records import OrderConfirmed, StockAdjusted
from schemas.words import AdjustmentKind
from tests.conftest import StandInOf
from tests.integration.outside import AT_ONCE, FAST, control, http
from tests.processor.conftest import Hub

MOTO = """
import threading, time
from moto.server import ThreadedMotoServer
from moto.sqs import models
# It looks at every message of a queue in each call, and asks for the time twice for each: a plain clock is ten times
# as fast.
models.unix_time = lambda dt=None: time.time()
models.unix_time_millis = lambda dt=None: time.time() * 1000
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"READY {host}:{port}", flush=True)
threading.Event().wait()
"""
READY = r"^READY (\S+)$"
QUEUES = 10
"""A short queue is a fast one: see above."""
SELLER, SECOND, STRANGER = "A3TH9S8BH6GOGM", "A1SECOND", "A9STRANGER"
CHANNELS = {SELLER: "amazon-us", SECOND: "amazon-eu"}
ENV = {
    "LASTUNIT_AMAZON_US_AWS_ACCESS_KEY_ID": "AKIAREHEARSAL",
    "LASTUNIT_AMAZON_US_AWS_SECRET_ACCESS_KEY": "rehearsal",
}
MESSAGES, KILLS = 5_000, 3
STOCK, SKUS = 100_000, 50
SENT_TOGETHER = 10
Row = tuple[int, int, int]
"""A state of a line: revision, seenAt, units."""


class Sqs:
    """An SQS server, spoken to as its documentation says; it checks no signature."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}"

    def call(self, action: str, **body: Any) -> Any:
        """Call one action in the JSON protocol."""
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sqs/aws4_request, Signature=0",
        }
        request = Request(self.url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310 - our own address
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - likewise
            return json.loads(answer.read() or b"{}")

    def queue(self, name: str) -> str:
        """Make a queue and return its URL as AWS would give it, which names a region."""
        self.call("CreateQueue", QueueName=name)
        return f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"

    async def fill(self, url: str, bodies: Sequence[str]) -> None:
        """Put messages in, ten at a time, a few calls at once."""
        slots = asyncio.Semaphore(4)

        async def put(some: Sequence[str]) -> None:
            entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(some)]
            async with slots:
                await asyncio.to_thread(self.call, "SendMessageBatch", QueueUrl=url, Entries=entries)

        parts = [bodies[at : at + SENT_TOGETHER] for at in range(0, len(bodies), SENT_TOGETHER)]
        await asyncio.gather(*(put(part) for part in parts))

    def left(self, url: str) -> int:
        """Return how many messages a queue holds, shown or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.call("GetQueueAttributes", QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@dataclass(frozen=True)
class World:
    """What is put into the queues, and what must come of it."""

    messages: list[str]
    truth: dict[tuple[str, str], Row]
    unreadable: int
    strangers: int


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def notification(seller: str, order: str, status: str, at: int, items: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    rows = [
        {"OrderItemId": item, "SellerSKU": sku, "SupplySourceId": None, "Quantity": units, "QuantityShipped": 0}
        for item, (sku, units) in items.items()
    ]
    summary = {
        "MarketplaceId": "ATVPDKIKX0DER",
        "OrderStatus": status,
        "PurchaseDate": iso(at - 60_000),
        "DestinationPostalCode": None,
        "FulfillmentType": "MFN",
        "OrderType": "StandardOrder",
        "OrderItems": rows,
    }
    change = {
        "NotificationLevel": "OrderLevel",
        "SellerId": seller,
        "AmazonOrderId": order,
        "OrderChangeType": "OrderStatusChange",
        "OrderChangeTrigger": {"TimeOfOrderChange": iso(at), "ChangeReason": "Order Status Change"},
        "Summary": summary,
    }
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": iso(at + 1_000),
        "Payload": {"OrderChangeNotification": change},
        "NotificationMetadata": {"PublishTime": iso(at + 1_500)},
    }


def changed(body: dict[str, Any], **summary: Any) -> dict[str, Any]:
    """Return the same notification for other units that must not count: another level, Amazon's own stock."""
    twin: dict[str, Any] = json.loads(json.dumps(body))
    change = twin["Payload"]["OrderChangeNotification"]
    level = summary.pop("level", None)
    change["Summary"] |= summary
    change["NotificationLevel"] = level or change["NotificationLevel"]
    for item in change["Summary"]["OrderItems"]:
        item["Quantity"] = 900
    return twin


def world(size: int, now_ms: int) -> World:
    """Make orders that are placed, paid and partly cancelled, told twice, on both levels and in any order."""
    dice = random.Random(20261121)
    bodies, truth, unreadable, strangers, number = list[str](), dict[tuple[str, str], Row](), 0, 0, 0
    while len(bodies) < size:
        number += 1
        seller = SELLER if number % 10 else SECOND
        order, at = f"111-{number:07d}-0000001", now_ms - 3_600_000 + number * 100
        items = {
            f"{number}-{line}": (f"SKU-{dice.randrange(SKUS)}", dice.randint(1, 3))
            for line in range(dice.randint(1, 2))
        }
        history = ["Pending", "Unshipped"] + (["Canceled"] if dice.random() < 0.4 else [])
        for step, status in enumerate(history):
            told = notification(seller, order, status, at + step, items)
            copies = [told, told] if dice.random() < 0.3 else [told]
            bodies += [json.dumps(json.dumps(one) if dice.random() < 0.2 else one) for one in copies]
            if dice.random() < 0.2:
                bodies.append(json.dumps(changed(told, level="OrderItemLevel")))
        if number % 40 == 0:
            bodies.append(json.dumps(changed(told, FulfillmentType="AFN")))
            bodies.append(json.dumps(notification(STRANGER, order, "Unshipped", at, items)))
            bodies.append(f"not a notification {number}")
            unreadable, strangers = unreadable + 1, strangers + 1
        for item, (sku, units) in items.items():
            last = at + len(history) - 1
            held = 0 if history[-1] == "Canceled" else units
            truth[f"{CHANNELS[seller]}_{order}_{item}", sku] = (last, last + 1_000, held)
    dice.shuffle(bodies)
    return World(bodies, truth, unreadable, strangers)


class Bench:
    """Queues, their reader's deployment, and what Kafka holds."""

    def __init__(self, sqs: Sqs, make: Any, service: Any) -> None:
        self.sqs, self.service = sqs, service
        self.urls = [sqs.queue(f"orders-{number}-{time.time_ns()}") for number in range(QUEUES)]
        settings = {"kind": "amazon", "since": 1}
        first = {**settings, "name": "amazon-us", "alias": SELLER, "queues": self.urls, "queue_endpoint": sqs.url}
        self.path: Path = make([first, {**settings, "name": "amazon-eu", "alias": SECOND}])
        self.config = load(self.path)
        self.reader = Consumer(self.config.kafka.consumer("bench", **AT_ONCE))
        self.begin = dict.fromkeys(range(self.config.kafka.partitions), OFFSET_BEGINNING)

    def start(self, **env: str) -> Any:
        """Start the queue process and wait until it takes messages."""
        argv = (sys.executable, "-m", "ingest", "queue", "amazon-us", "--config", str(self.path))
        return self.service("ingest-queue", *argv, env={**ENV, **env}, ready=READY)

    def left(self) -> int:
        """Return how many messages the queues hold; asked seldom, since the server counts them one by one."""
        time.sleep(0.2)
        return sum(self.sqs.left(url) for url in self.urls)

    def records(self, topic: str) -> list[bytes]:
        """Return everything in a topic, oldest first in each partition."""
        name = self.config.kafka.topic(topic)
        self.reader.assign([TopicPartition(name, number, offset) for number, offset in self.begin.items()])
        unread, found, deadline = set(self.begin), list[bytes](), time.monotonic() + 20
        while unread and time.monotonic() < deadline:
            for message in self.reader.consume(5_000, 0.05):
                if message.error() is None:
                    found.append(message.value() or b"")
                else:
                    unread.discard(message.partition() or 0)
        assert not unread
        return found


@pytest.fixture(scope="module")
def sqs(supervisor: Any) -> Iterator[Sqs]:
    """Yield an SQS server of this file's own."""
    child = supervisor.start("moto", (sys.executable, "-c", MOTO), ready=READY)
    yield Sqs(child.address)
    child.stop()


@pytest.fixture
def bench(sqs: Sqs, config_file: Any, service: Any) -> Iterator[Bench]:
    """Yield queues and a deployment of the test's own."""
    made = Bench(sqs, config_file, service)
    yield made
    made.reader.close()


def held(records: Sequence[OrderConfirmed]) -> dict[tuple[str, str], Row]:
    """Return the newest state of each line: the greatest (revision, seenAt), which says the same wherever it stands."""
    found: dict[tuple[str, str], Row] = {}
    for record in records:
        line, row = (record.order_id, record.sku), (record.revision, record.seen_at, record.qty)
        assert found.get(line, row)[:2] != row[:2] or found.get(line, row) == row, "one revision, two states"
        found[line] = max(found.get(line, row), row)
    return found


def decided(records: Sequence[OrderConfirmed]) -> dict[str, int | None]:
    """Return each SKU's level as the processor's own rule decides the records in the order of the log."""
    hub = Hub(now=time.time_ns() // 1_000_000)
    for number in range(SKUS):
        stock = StockAdjusted(
            sku=f"SKU-{number}", kind=AdjustmentKind.SET, qty=STOCK, adjustment_id=str(number), received_at=1
        )
        hub.feed(stock)
    for record in records:
        hub.feed(record)
    return {sku: level.quantity for sku, level in hub.levels.items()}


async def test_killed_in_the_middle_of_five_thousand_messages_it_loses_none_and_doubles_none(
    bench: Bench, eventually: Any
) -> None:
    """
    Orders and cancels, duplicates, both levels, two sellers and junk in ten queues; SIGKILL again and again.

    In the end the queues are empty, each line holds what its history says, and so do the levels.
    """
    made = world(MESSAGES, time.time_ns() // 1_000_000)
    for number, url in enumerate(bench.urls):
        await bench.sqs.fill(url, made.messages[number::QUEUES])
    total = bench.left()
    assert total == len(made.messages) >= MESSAGES

    for kill in range(1, KILLS + 1):
        child = bench.start()
        goal = total * (KILLS + 1 - kill) // (KILLS + 1)
        eventually(lambda goal=goal: bench.left() <= goal, 120)
        child.kill()
        assert bench.left() > 0, "killed in the middle, not at the end"
    bench.start()
    eventually(lambda: bench.left() == 0, 120)

    records = [codec.decode(OrderConfirmed, value) for value in bench.records("order.confirmed")]
    assert held(records) == made.truth
    wanted = {f"SKU-{number}": STOCK for number in range(SKUS)}
    for (_, sku), (_, _, units) in made.truth.items():
        wanted[sku] -= units
    assert decided(records) == wanted
    letters = {json.loads(value)["deadLetterId"]: json.loads(value) for value in bench.records("stock.deadletter")}
    reasons = [letter["reason"] for letter in letters.values()]
    assert reasons.count("undecodable") == made.unreadable
    assert reasons.count("rejected") == made.strangers
    assert len(reasons) == made.unreadable + made.strangers


def test_it_drains_on_sigterm_and_says_how_it_is(bench: Bench, eventually: Any) -> None:
    """READY, healthy, ready, metrics by queue; a long poll that waits does not hold the end up."""
    child = bench.start()
    body = json.dumps(notification(SELLER, "111-1-1", "Unshipped", 1_795_255_200_000, {"1": ("TEE", 2)}))
    bench.sqs.call("SendMessage", QueueUrl=bench.urls[0], MessageBody=body)
    eventually(lambda: bench.left() == 0 and len(bench.records("order.confirmed")) == 1)
    assert http(f"http://{child.address}/healthz") == http(f"http://{child.address}/readyz") == b"ok\n"
    name = bench.urls[0].rpartition("/")[2]
    counted = f'lastunit_ingest_queue_messages_total{{channel="amazon-us",queue="{name}"}} 1.0'
    eventually(lambda: counted in http(f"http://{child.address}/metrics").decode())
    began = time.monotonic()
    child.ask_to_end()
    assert child.wait(15) == 0
    assert time.monotonic() - began < 10


def test_a_queue_that_is_not_there_is_asked_for_until_it_is(bench: Bench, eventually: Any) -> None:
    """Failures show in the metrics; the other queues are read meanwhile."""
    name = bench.urls[1].rpartition("/")[2]
    bench.sqs.call("DeleteQueue", QueueUrl=bench.urls[1])
    child = bench.start()
    failing = f'lastunit_ingest_queue_failures_count{{channel="amazon-us",queue="{name}"}}'
    eventually(lambda: f"{failing} 0.0" not in http(f"http://{child.address}/metrics").decode())
    bench.sqs.call("SendMessage", QueueUrl=bench.urls[0], MessageBody="{}")
    eventually(lambda: bench.sqs.left(bench.urls[0]) == 0)
    bench.sqs.queue(name)
    bench.sqs.call("SendMessage", QueueUrl=bench.urls[1], MessageBody="{}")
    eventually(lambda: bench.sqs.left(bench.urls[1]) == 0, 60)
    eventually(lambda: f"{failing} 0.0" in http(f"http://{child.address}/metrics").decode())


def test_half_a_key_or_no_seller_is_said_before_anything_starts(bench: Bench, service: Any) -> None:
    """A sentence, exit code 2."""
    argv = (sys.executable, "-m", "ingest", "queue", "amazon-us", "--config", str(bench.path))
    half = service("ingest-queue", *argv, env={"LASTUNIT_AMAZON_US_AWS_ACCESS_KEY_ID": "AKIA"}, ready=None)
    assert half.wait(30) == 2
    assert "AWS_SECRET_ACCESS_KEY belong together" in half.output()
    other = service("ingest-queue", *argv[:4], "amazon-eu", *argv[5:], env=ENV, ready=None)
    assert other.wait(30) == 2
    assert "channels[amazon-eu].queues: missing" in other.output()


def test_a_polled_order_and_its_notification_are_one_line(
    sqs: Sqs, config_file: Any, stand_in: StandInOf, service: Any, eventually: Any
) -> None:
    """Whichever comes first: the same line, the same units; a cancel that no message told of is found by the poll."""
    fake = stand_in("amazon", webhook="x", token="client:secret:refresh")
    url = f"http://{fake.address}"
    seller = control(url, "amazon", search_delay_ms=0, rate_scale=1_000)["seller_id"]
    channel = {"name": "amazon-us", "kind": "amazon", "since": 1, "alias": seller, "marketplaces": ["ATVPDKIKX0DER"]}
    addresses = {"base_url": url, "auth_url": f"{url}/auth/o2/token", "queue_endpoint": sqs.url}
    queue = sqs.queue(f"shop-{time.time_ns()}")
    bench = Bench(
        sqs, lambda _: config_file([{**channel, **addresses, "queues": [queue], "orders_limit": FAST}]), service
    )
    control(url, "catalogue", products=[{"sku": "TEE", "quantity": 9}])
    control(url, "sell", sku="TEE", qty=2, order_id="111-1", line_id="7")
    names = {"CLIENT_ID": "client", "CLIENT_SECRET": "secret", "REFRESH_TOKEN": "refresh"}
    env = {**{f"LASTUNIT_AMAZON_US_{name}": value for name, value in names.items()}, "LASTUNIT_STOCK_TOKENS": "t"}
    argv = (sys.executable, "-m", "ingest", "poll", "amazon-us", "--once", "--config", str(bench.path))

    assert service("poll", *argv, env=env, ready=None).wait(60) == 0
    told = json.dumps(notification(seller, "111-1", "Unshipped", 1_795_255_200_000, {"7": ("TEE", 2)}))
    sqs.call("SendMessage", QueueUrl=queue, MessageBody=told)
    bench.start()
    eventually(lambda: len(bench.records("order.confirmed")) == 2)
    control(url, "cancel", order_id="111-1")
    assert service("poll", *argv, env=env, ready=None).wait(60) == 0

    records = [codec.decode(OrderConfirmed, value) for value in bench.records("order.confirmed")]
    bench.reader.close()
    assert {(record.order_id, record.sku) for record in records} == {("amazon-us_111-1_7", "TEE")}
    assert [record.qty for record in records] == [2, 2, 0]
    assert max(records, key=lambda record: (record.revision, record.seen_at)).qty == 0
