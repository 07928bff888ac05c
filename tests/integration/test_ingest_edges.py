"""Hard edges against the real process and a real Kafka: what is answered 2xx is in the log, whatever else goes on."""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.config import Config, load
from tests.ingest.stage import Reply, raw, read_reply

SECRET = "hush-4711"
ENV = {"LASTUNIT_UK_WEBHOOK_SECRETS": SECRET, "LASTUNIT_STOCK_TOKENS": "let-me-in-0815"}
READY = r"^READY (\S+)$"
AT = "2026-11-21T10:00:00Z"
LINES_MAX = 10_000
MEMORY_MAX_KB = 600 * 1_024
"""What the process may hold at its worst here; k8s gives it more (`k8s/base/ingest.yaml`)."""


def request(order: int, lines: int, length: int | None = None) -> bytes:
    """Return a signed webhook of so many lines; `length` is what its head says, where that is a lie."""
    items = ",".join(f'{{"id":{n},"sku":"S{n}","quantity":1}}' for n in range(lines))
    body = f'{{"id":{order},"created_at":"{AT}","updated_at":"{AT}","line_items":[{items}]}}'.encode()
    proof = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    head = (
        f"POST /webhooks/uk/order HTTP/1.1\r\nHost: x\r\nX-Shopify-Topic: orders/create\r\n"
        f"X-Shopify-Hmac-Sha256: {proof}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


class Running:
    """The service, and what stands in its topic."""

    def __init__(self, child: Any, config: Config) -> None:
        self.child, self.config = child, config
        self.port = int(child.address.rpartition(":")[2])

    async def one(self, sent: bytes, timeout_s: float = 30) -> Reply:
        """Send a request over a connection of its own."""
        (reply,) = await raw(self.port, sent, 1, timeout_s)
        return reply

    def lines(self) -> dict[str, int]:
        """Return how many records stand in `order.confirmed`, by order."""
        kafka = self.config.kafka
        reader = Consumer(kafka.consumer("edges"))
        parts = [TopicPartition(kafka.topic("order.confirmed"), number, 0) for number in range(kafka.partitions)]
        left = sum(reader.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        reader.assign(parts)
        found: dict[str, int] = {}
        while left:
            for message in reader.consume(min(left, 5_000), 1.0):
                assert message.error() is None
                order = json.loads(message.value() or b"")["orderId"].split("_")[1]
                found[order] = found.get(order, 0) + 1
                left -= 1
        reader.close()
        return found

    @property
    def memory_kb(self) -> int:
        """Return the most that the process has held (Linux: proc(5), `VmHWM`)."""
        status = Path(f"/proc/{self.child.pid}/status").read_text(encoding="utf-8")
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


@pytest.fixture(scope="module")
def running(config_file: Any, supervisor: Any) -> Iterator[Running]:
    """Yield one service for all tests of this file."""
    path = config_file([{"name": "uk", "kind": "shopify", "since": 1}])
    argv = (sys.executable, "-m", "ingest", "serve", "--config", str(path))
    child = supervisor.start("ingest-edges", argv, env=ENV, ready=READY)
    yield Running(child, load(path))
    child.stop()


async def test_orders_of_ten_thousand_lines_are_whole_in_kafka_when_they_are_answered(running: Running) -> None:
    """Several at once, beside small ones: all lines of what is answered 200, in bounded memory; a 503 comes again."""
    large = [asyncio.create_task(running.one(request(number, LINES_MAX))) for number in range(1, 5)]
    small = [await running.one(request(number, 3)) for number in range(100, 110)]
    answered = {number for number, task in enumerate(large, 1) if (await task).status == 200}

    assert {reply.status for reply in small} <= {200, 503}
    assert {task.result().status for task in large} <= {200, 503}
    for _ in range(20):  # on a busy machine, as a channel does
        if not answered and (await running.one(request(1, LINES_MAX))).status == 200:
            answered.add(1)
    found = running.lines()
    assert answered
    assert {order: found[str(order)] >= LINES_MAX for order in answered} == dict.fromkeys(answered, True)
    assert running.memory_kb < MEMORY_MAX_KB
    assert (await running.one(request(5, LINES_MAX + 1))).status == 413


async def test_slow_and_silent_senders_keep_nobody_from_being_served(running: Running) -> None:
    """200 half heads, 200 half bodies: orders are taken meanwhile, and health is answered."""
    halves = [request(1, 3)[:50], request(1, 3, length=10_000)]
    slow = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(400)]
    for number, (_, writer) in enumerate(slow):
        writer.write(halves[number % 2])

    replies = [await running.one(request(number, 3)) for number in range(200, 230)]
    health = await running.one(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

    assert ({reply.status for reply in replies}, health.status) == ({200}, 200)
    assert {str(number) for number in range(200, 230)} <= running.lines().keys()
    for _, writer in slow:
        writer.close()


async def test_a_body_that_is_cut_off_leaves_nothing(running: Running) -> None:
    """The sender goes away in the middle: no record, no fault, and the next one is served."""
    for cut in (10, 200, 400):
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(request(300, 30)[:cut])
        await writer.drain()
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(request(301, 3, length=10_000))
    writer.write_eof()
    ended = await read_reply(reader)
    writer.close()

    assert ended.status in (0, 400)
    assert (await running.one(request(302, 3))).status == 200
    found = running.lines()
    assert found["302"] == 3
    assert not found.keys() & {"300", "301"}
    said = running.child.output()
    assert "Traceback" not in said
    assert SECRET not in said
