"""What all lanes of a worker share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from processor.metrics import Metrics
from processor.reader import Reader
from processor.sources import Source
from processor.stock import Settings
from processor.store import Partitions
from processor.writer import Names
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """
    A worker's fixed parts.

    Args:
        client: keyword arguments of every aiokafka client.
        names: how this deployment calls things.
        partitions: the deployment's partition count.
        batch_max: the most records that one transaction decides.
        settings: what the rule is told.
        reader: look-ups beside the group's consumer.
        metrics: this process's metrics.
        now: the time, ms.
        topic_ids: looks the source topics' ids up; it blocks.

    """

    client: Mapping[str, Any]
    names: Names
    partitions: int
    batch_max: int
    settings: Settings
    reader: Reader
    metrics: Metrics
    now: Callable[[], int]
    topic_ids: Callable[[], Mapping[Source, str]]
    levels: Partitions = field(default_factory=Partitions)
    lines: Partitions = field(default_factory=Partitions)

    def source(self, source: Source, partition: int) -> TopicPartition:
        """Return a source's partition."""
        return TopicPartition(self.names.topic(source.value), partition)

    def sources(self, partition: int) -> dict[Source, TopicPartition]:
        """Return a lane's two source partitions."""
        return {source: self.source(source, partition) for source in Source}

    def changelogs(self, partition: int) -> tuple[TopicPartition, TopicPartition]:
        """Return the partitions of `stock.level` and `order.outcome` that belong to a lane."""
        return (
            TopicPartition(self.names.topic(STOCK_LEVEL), partition),
            TopicPartition(self.names.topic(ORDER_OUTCOME), partition),
        )
