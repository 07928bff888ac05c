"""
The named alternative to the processor: consume, transform, produce, in transactions, as one would write it in an hour.

`python plain_loop.py CONFIG`.  State is a dict that is never recovered; no waiting lines, pauses, adjustments or
fences by partition; the records it writes have the product's fields and headers.
"""

import sys
import time
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Message, Producer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.config import load
from schemas.events import headers
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_LEVEL
from tests.bench.hasty import Record, decide

GROUP = "plain"
TRANSACTION_S = 0.1


class Loop:
    """The whole service."""

    def __init__(self, path: Path) -> None:
        """Connect, and fence whoever ran before."""
        self.kafka = load(path).kafka
        self.levels: dict[str, Record] = {}
        self.lines: dict[bytes, Record] = {}
        self.consumer = Consumer(self.kafka.consumer(GROUP))
        self.consumer.subscribe([self.kafka.topic(ORDER_CONFIRMED)])
        self.producer = Producer(self.kafka.producer(transactional_id=self.kafka.group("plain"), linger_ms=2))
        self.producer.init_transactions(30)

    def run(self) -> None:
        """Work until killed."""
        while True:
            deadline, batch = time.monotonic() + TRANSACTION_S, []
            while (left := deadline - time.monotonic()) > 0:
                batch += self.consumer.consume(1_000, left)
            if batch:
                self.transact(batch)

    def transact(self, batch: list[Message]) -> None:
        """Decide a batch and commit it with its positions."""
        now, touched = time.time_ns() // 1_000_000, {}
        self.producer.begin_transaction()
        for message in batch:
            order = orjson.loads(message.value() or b"")
            key = f"{order['orderId']}|{order['sku']}".encode()
            before = self.lines.get(key)
            level, outcome = decide(order, self.levels.get(order["sku"]), before, message.offset() or 0, now)
            if outcome is not before:
                self.levels[order["sku"]], self.lines[key] = level, outcome
                about = headers(ORDER_OUTCOME, f"{message.partition()}-{message.offset()}", "/plain", order["sku"], now)
                self.write(ORDER_OUTCOME, message, key, outcome, about)
                touched[order["sku"]] = message
        for sku, message in touched.items():
            about = headers(STOCK_LEVEL, f"{message.partition()}-{message.offset()}", "/plain", sku, now)
            self.write(STOCK_LEVEL, message, sku.encode(), self.levels[sku], about)
        positions = self.consumer.position(self.consumer.assignment())
        self.producer.send_offsets_to_transaction(positions, self.consumer.consumer_group_metadata())
        self.producer.commit_transaction()

    def write(self, topic: str, source: Message, key: bytes, value: Record, about: Any) -> None:
        """Produce into the partition that the input came from."""
        name, partition = self.kafka.topic(topic), source.partition() or 0
        self.producer.produce(name, orjson.dumps(value), key, partition=partition, headers=about)
        self.producer.poll(0)


if __name__ == "__main__":
    Loop(Path(sys.argv[1])).run()
