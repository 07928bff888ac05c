"""The public topics, read as any stranger would: committed records only, plain JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from tests.chaos.evidence import Seen

TOPICS = ("order.outcome", "stock.level", "stock.deadletter", "ingest.watermark")
METADATA_S = 20.0
BATCH = 5_000


class Reader:
    """Follows the topics from their beginning."""

    def __init__(self, bootstrap: str) -> None:
        """Begin; the topics must be there."""
        self.seen: Mapping[str, list[Seen]] = {name: [] for name in TOPICS}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "chaos-oracle",
                "enable.auto.commit": "false",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        known = self._consumer.list_topics(timeout=METADATA_S).topics
        self._consumer.assign(
            [TopicPartition(name, part, OFFSET_BEGINNING) for name in TOPICS for part in known[name].partitions]
        )

    def drain(self) -> Mapping[str, Sequence[Seen]]:
        """Take what is new, and return all there is."""
        while batch := self._consumer.consume(BATCH, 0.3):
            for message in batch:
                if message.error() is not None:
                    raise KafkaException(message.error())
                raw = message.value()
                value: dict[str, Any] | None = None if raw is None else json.loads(raw)
                place = (message.partition() or 0, message.offset() or 0)
                self.seen[message.topic() or ""].append(Seen(*place, value))
        return self.seen

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()
