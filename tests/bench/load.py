"""A steady load, and for each order when it was appended and when its outcome was seen by a read-committed consumer."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Message, Producer, TopicPartition

from schemas.cluster import now_ms
from schemas.topics import ORDER_OUTCOME
from tests.bench.rig import QUIET, Deployment, Encoded

LAST_S = 60.0
"""How long the last outcomes may take."""
SLICE_S = 0.002
Line = tuple[bytes, int]
"""An order line's state: the key of its outcome, and its revision."""


class Load:
    """Produces orders at a rate and looks for their outcomes; one process, so that there is one clock."""

    def __init__(self, found: Deployment) -> None:
        """Connect, and stand at the end of the outcomes."""
        kafka = found.config.kafka
        self._topic = kafka.topic
        self._producer = Producer(kafka.producer(linger_ms=0) | QUIET)
        self._reader = Consumer(kafka.consumer("load", fetch_wait_max_ms=10) | QUIET)
        self.appended: dict[Line, int] = {}
        self.seen: dict[Line, int] = {}
        self.written: dict[int, list[int]] = {number: [] for number in range(kafka.partitions)}
        parts = found.parts(ORDER_OUTCOME)
        ends = [self._reader.get_watermark_offsets(part, timeout=10)[1] for part in parts]
        self._reader.assign(
            [TopicPartition(part.topic, part.partition, end) for part, end in zip(parts, ends, strict=True)]
        )

    def run(self, records: Sequence[Encoded], rate: float, meanwhile: Callable[[float], None] = lambda _: None) -> None:
        """Produce `records`, `rate` a second; `meanwhile` is told every 2 ms how many seconds have passed."""
        began, sent = time.monotonic(), 0
        while sent < len(records):
            passed = time.monotonic() - began
            due = min(int(passed * rate) + 1, len(records))
            for record in records[sent:due]:
                self._produce(record)
            sent = due
            meanwhile(passed)
            self._producer.poll(0)
            self._look(SLICE_S)
        assert self._producer.flush(LAST_S) == 0

    def finish(self) -> None:
        """Wait for the outcomes that are still to come; raises `TimeoutError`."""
        deadline = time.monotonic() + LAST_S
        while not self.appended.keys() <= self.seen.keys():
            if time.monotonic() > deadline:
                missing = len(self.appended.keys() - self.seen.keys())
                raise TimeoutError(f"{missing} orders have no outcome after {LAST_S:g} s")
            self._look(0.01)

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()

    @property
    def delays(self) -> list[int]:
        """Milliseconds between each order's append and our seeing its outcome."""
        return [self.seen[line] - at for line, at in self.appended.items()]

    def _produce(self, record: Encoded) -> None:
        self._producer.produce(
            self._topic(record.topic), record.value, record.key, headers=[*record.headers], on_delivery=self._delivered
        )

    def _delivered(self, error: Any, message: Message) -> None:
        assert error is None
        kind, at = message.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        value = orjson.loads(message.value() or b"")
        line = f"{value['orderId']}|{value['sku']}".encode(), value["revision"]
        self.appended.setdefault(line, at)  # of two deliveries the first is decided

    def _look(self, wait_s: float) -> None:
        for message in self._reader.consume(1_000, wait_s):
            if message.error():
                continue
            value = orjson.loads(message.value() or b"")
            self.seen.setdefault((message.key() or b"", value["revision"]), now_ms())
            self.written[message.partition() or 0].append(message.timestamp()[1])
