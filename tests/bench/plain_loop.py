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

GROUP = "plain"
TRANSACTION_S = 0.1
STOCK = 1_000_000
Record = dict[str, Any]


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
            if outcome := self.decide(order, key, now, message.offset() or 0):
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

    def decide(self, order: Record, key: bytes, now: int, offset: int) -> Record | None:
        """Return the line's outcome and change the level; None for a duplicate."""
        line = self.lines.get(key)
        if line and (line["revision"], line["seenAt"]) >= (order["revision"], order["seenAt"]):
            return None
        level = self.levels.get(order["sku"]) or {"v": 1, "sku": order["sku"], "quantity": STOCK, "version": 0}
        delta = order["qty"] - (line["held"] if line else 0)
        quantity, version = level["quantity"] - delta, level["version"] + 1
        cause = {name: order[name] for name in ("channel", "orderId", "listingSku", "orderedAt", "receivedAt")}
        source = {"orders": offset}
        self.levels[order["sku"]] = {
            **level,
            **{"quantity": quantity, "version": version, "paused": None, "policy": "reject", "waiting": []},
            **{"waitingMore": 0, "velocity": 0, "cause": {"kind": "order", "delta": delta, **cause}},
            **{"source": source, "updatedAt": now},
        }
        self.lines[key] = outcome = {
            **{name: order[name] for name in ("v", "sku", "orderId", "channel", "revision", "seenAt", "qty")},
            **{"held": order["qty"], "shortfall": 0, "delta": delta, "result": "accepted", "newQty": quantity},
            **{"version": version, "orderedAt": order["orderedAt"], "timestamp": now, "source": source},
        }
        return outcome


if __name__ == "__main__":
    Loop(Path(sys.argv[1])).run()
