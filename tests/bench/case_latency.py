"""`latency`: from an order's append to its outcome in a read-committed reader, against a plain loop."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import orjson
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Message, Producer, TopicPartition

from schemas.cluster import now_ms
from schemas.codec import encode
from schemas.records import OrderConfirmed
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME
from tests.bench.case_processor import SKUS, WARM, ours, plain
from tests.bench.measure import digits, percentile
from tests.bench.rig import PARTITIONS, QUIET, Deployment, rig
from tests.bench.samples import orders

RATE = 200
SECONDS = 10
ROUNDS = 3
LAST_S = 30.0
"""How long the last outcomes may take."""


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Return milliseconds: medians over the rounds of each round's median and 99th percentile."""
    with rig() as running:
        say("starting two workers")
        workers = {"lastunit": ours(running), "plain_loop": plain(running)}
        for deployment in workers.values():
            deployment.work_off(orders(WARM, SKUS, seed=99, now=now_ms()))
        found: dict[str, list[list[int]]] = {name: [] for name in workers}
        used: dict[str, list[float]] = {name: [] for name in workers}
        for number in range(ROUNDS):
            for name, deployment in workers.items():
                say(f"round {number + 1} of {ROUNDS}: {name}")
                before = deployment.cpu_s
                found[name].append(_delays(deployment, orders(RATE * SECONDS, SKUS, seed=number, now=now_ms())))
                used[name].append(deployment.cpu_s - before)
    rows = {
        name: {
            **{f"p{n}_ms": digits(median(percentile(delays, n) for delays in rounds)) for n in (50, 99)},
            "cpu_percent": digits(median(used[name]) / SECONDS * 100),
        }
        for name, rounds in found.items()
    }
    ratios = {
        f"ratio_p{percent}": digits(rows["lastunit"][f"p{percent}_ms"] / rows["plain_loop"][f"p{percent}_ms"])
        for percent in (50, 99)
    }
    return {"alternative": "plain loop", "orders_per_s": RATE, "seconds": SECONDS, **ratios, **rows}


def _delays(deployment: Deployment, records: Sequence[OrderConfirmed]) -> list[int]:
    """Produce at the rate; return for each decided order the milliseconds between its append and our seeing it."""
    kafka = deployment.config.kafka
    producer = Producer(kafka.producer(linger_ms=0) | QUIET)
    reader = Consumer(kafka.consumer("latency", fetch_wait_max_ms=10) | QUIET)
    appended: dict[tuple[str, int], int] = {}
    seen: dict[tuple[str, int], int] = {}
    _at_the_end(reader, kafka.topic(ORDER_OUTCOME))
    began = time.monotonic()
    for number, record in enumerate(records):
        producer.produce(
            kafka.topic(ORDER_CONFIRMED), encode(record), record.sku.encode(), on_delivery=_note(record, appended)
        )
        while (left := began + (number + 1) / RATE - time.monotonic()) > 0:
            producer.poll(0)
            _look(reader, min(left, 0.002), seen)
    deadline = time.monotonic() + LAST_S
    assert producer.flush(LAST_S) == 0
    while not appended.keys() <= seen.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(appended.keys() - seen.keys())} orders have no outcome after {LAST_S:g} s")
        _look(reader, 0.01, seen)
    reader.close()
    return [seen[order] - at for order, at in appended.items()]


def _at_the_end(reader: Consumer, topic: str) -> None:
    parts = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    ends = [reader.get_watermark_offsets(part, timeout=10)[1] for part in parts]
    reader.assign([TopicPartition(topic, number, end) for number, end in enumerate(ends)])


def _note(record: OrderConfirmed, appended: dict[tuple[str, int], int]) -> Callable[[Any, Message], None]:
    def delivered(error: Any, message: Message) -> None:
        kind, at = message.timestamp()
        assert error is None
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        appended.setdefault((record.order_id, record.revision), at)  # of two deliveries the first is decided

    return delivered


def _look(reader: Consumer, wait_s: float, seen: dict[tuple[str, int], int]) -> None:
    for message in reader.consume(500, wait_s):
        value = orjson.loads(message.value() or b"")
        seen.setdefault((value["orderId"], value["revision"]), now_ms())
