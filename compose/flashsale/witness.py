"""A stranger's consumer of the public topics: committed records only, nothing of ours but the topics' names."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import orjson
from confluent_kafka import Consumer, Message, TopicPartition

from compose.flashsale.evidence import Seen

TOPICS = ("order.confirmed", "stock.level", "order.outcome", "sync.log", "stock.deadletter")
BATCH = 2_000


class Witness:
    """Reads the topics from their beginning, in a thread of its own, and keeps everything."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        """Prepare; the thread starts with the block."""
        self.records: dict[str, list[Seen]] = {topic: [] for topic in TOPICS}
        self.failure: str | None = None
        self._places = [TopicPartition(topic, p, 0) for topic in TOPICS for p in range(partitions)]
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "witness",
                "enable.auto.commit": "false",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def __enter__(self) -> Self:
        """Start reading."""
        self._consumer.assign(self._places)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading; the records stay."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def snapshot(self) -> dict[str, Sequence[Seen]]:
        """Return what has been read so far."""
        return {topic: list(records) for topic, records in self.records.items()}

    def _run(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(BATCH, 0.1):
                self._take(message)

    def _take(self, message: Message) -> None:
        if (problem := message.error()) is not None:
            self.failure = problem.str()
            return
        topic, value = message.topic(), message.value()
        partition, offset = message.partition(), message.offset()
        if topic is None or partition is None or offset is None:
            raise RuntimeError("a record without a place")
        raw = value if isinstance(value, bytes) else None
        key = message.key()
        self.records[topic].append(
            Seen(
                partition=partition,
                offset=offset,
                key=key if isinstance(key, bytes) else None,
                value=orjson.loads(raw) if raw else None,
                at=message.timestamp()[1],
            )
        )
