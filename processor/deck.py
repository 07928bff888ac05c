"""What all lanes of a worker share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from processor.limit import DEFAULT, Limit
from processor.metrics import Metrics
from processor.reader import Reader
from processor.sources import Source
from processor.stock import Settings
from processor.store import Shelf
from processor.store_memory import MemoryShelf
from processor.writer import Names
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

TABLES = (STOCK_LEVEL, ORDER_OUTCOME)
"""The topics that are the tables' changelogs."""


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
        limit: how many records may be given up before a partition stops.
        table_ids: looks the ids of the tables' topics up, by name; it blocks.
        shelf: where the tables are.
        instance: the worker's lasting name in the group, "" for none.
        holders: looks up which member has which lasting name; it blocks.
        crew: looks up the group's members and the lasting name of each, "" for none; it blocks.

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
    limit: Limit = DEFAULT
    table_ids: Callable[[], Mapping[str, str]] = dict
    shelf: Shelf = field(default_factory=MemoryShelf)
    instance: str = ""
    holders: Callable[[], Mapping[str, str]] = dict
    crew: Callable[[], Mapping[str, str]] = dict

    def source(self, source: Source, partition: int) -> TopicPartition:
        """Return a source's partition."""
        return TopicPartition(self.names.topic(source.value), partition)

    def sources(self, partition: int) -> dict[Source, TopicPartition]:
        """Return a lane's two source partitions."""
        return {source: self.source(source, partition) for source in Source}

    def changelogs(self, partition: int) -> dict[TopicPartition, str]:
        """Return the partitions of the tables' topics that belong to a lane, with the topics' bare names."""
        return {TopicPartition(self.names.topic(topic), partition): topic for topic in TABLES}
