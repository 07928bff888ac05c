"""
The named alternative to the processor: consume, transform, produce, in transactions, as one would write it in an hour.

`python plain_loop.py CONFIG SETTINGS`.  State is a dict that is never recovered; no waiting lines, pauses, adjustments
or fences by partition; of the input nothing is checked but that it is JSON, of the output nothing; the records it
writes have the product's fields and headers.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Message, Producer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.config import load
from schemas.events import Headers, headers
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_LEVEL
from tests.bench.hasty import Record, decide

GROUP = "plain"
TRANSACTION_S = 0.1


class Loop:
    """The whole service."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Connect, and fence whoever ran before."""
        self.most: int = settings["consume"]
        self.headers: bool = settings["headers"]
        self.kafka = load(path).kafka
        self.levels: dict[str, Record] = {}
        self.lines: dict[bytes, Record] = {}
        self.consumer = Consumer(self.kafka.consumer(GROUP))
        self.consumer.subscribe([self.kafka.topic(ORDER_CONFIRMED)])
        more = {"compression_type": settings["compression"]} if "compression" in settings else {}
        found = self.kafka.producer(transactional_id=self.kafka.group("plain"), linger_ms=settings["linger_ms"])
        self.producer = Producer(found | {name.replace("_", "."): value for name, value in more.items()})
        self.producer.init_transactions(30)

    def run(self) -> None:
        """Work until killed: a transaction every 100 ms, with everything that was decided meanwhile."""
        while True:
            deadline, touched = time.monotonic() + TRANSACTION_S, dict[str, Message]()
            began = False
            while (left := deadline - time.monotonic()) > 0:
                for message in self.consumer.consume(self.most, left):
                    if not began:
                        self.producer.begin_transaction()
                        began = True
                    self.decide(message, touched)
            if began:
                self.commit(touched)

    def decide(self, message: Message, touched: dict[str, Message]) -> None:
        """Decide one order and write its outcome."""
        now, order = time.time_ns() // 1_000_000, orjson.loads(message.value() or b"")
        sku = order["sku"]
        key = f"{order['orderId']}|{sku}".encode()
        before = self.lines.get(key)
        level, outcome = decide(order, self.levels.get(sku), before, message.offset() or 0, now)
        if outcome is not before:
            self.levels[sku], self.lines[key], touched[sku] = level, outcome, message
            self.write(ORDER_OUTCOME, message, key, outcome, self.about(ORDER_OUTCOME, message, sku, now))

    def commit(self, touched: Mapping[str, Message]) -> None:
        """Write the levels that have moved, once each, and commit with the positions."""
        now = time.time_ns() // 1_000_000
        for sku, message in touched.items():
            about = self.about(STOCK_LEVEL, message, sku, now)
            self.write(STOCK_LEVEL, message, sku.encode(), self.levels[sku], about)
        positions = self.consumer.position(self.consumer.assignment())
        self.producer.send_offsets_to_transaction(positions, self.consumer.consumer_group_metadata())
        self.producer.commit_transaction()

    def about(self, topic: str, source: Message, sku: str, now: int) -> Headers:
        """Return a record's headers."""
        return headers(topic, f"{source.partition()}-{source.offset()}", "/plain", sku, now) if self.headers else []

    def write(self, topic: str, source: Message, key: bytes, value: Record, about: Headers) -> None:
        """Produce into the partition that the input came from."""
        name, partition = self.kafka.topic(topic), source.partition() or 0
        self.producer.produce(name, orjson.dumps(value), key, partition=partition, headers=[*about])
        self.producer.poll(0)


if __name__ == "__main__":
    Loop(Path(sys.argv[1]), json.loads(sys.argv[2])).run()
