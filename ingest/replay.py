"""
Compacted topics read to their end, once: how a command or a starting process learns the present state.

The end of a partition is where a `read_committed` reader stops: a transaction that is still open is not waited for.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.config import Config

LOG = logging.getLogger(__name__)
METADATA_S = 10.0
STALL_S = 30.0
"""Without any record or end of partition for this long, the cluster counts as gone."""
BATCH = 10_000
SETTINGS: dict[str, str | float] = {
    "enable_partition_eof": "true",
    # A broker holds an empty answer back for this long; the ends of quiet partitions come after it.
    "fetch_wait_max_ms": 20,
}


class Unreachable(Exception):  # noqa: N818 - named for the reaction it demands
    """Kafka did not answer; nothing was changed and the same command may be given again."""


class Taken(NamedTuple):
    """One record as it stands in a topic; `at` is when the broker appended it, milliseconds since 1970."""

    partition: int
    key: bytes
    value: bytes | None
    at: int


Take = Callable[[Taken], None]
Advance = Callable[[int], None]


def replay(config: Config, takers: Mapping[str, Take], *, advance: Advance, group: str = "replay") -> None:
    """
    Hand every record of the topics to its taker, and return when the end of each partition was reached.

    Args:
        config: the deployment.
        takers: what takes each topic's records, by the topic's name without the deployment's prefix; one partition's
            records come in order.
        advance: told how many records were read since it was last told.
        group: a name for the broker's logs; nothing is committed.

    Raises:
        Unreachable: the cluster does not answer, or stopped answering for `STALL_S` seconds.

    """
    reader = Consumer(config.kafka.consumer(group, **SETTINGS), logger=LOG)
    try:
        named = {config.kafka.topic(name): take for name, take in takers.items()}
        parts = {(topic, part) for topic in named for part in range(partitions_of(reader, topic))}
        reader.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for topic, part in parts])
        _drain(reader, named, parts, advance)
    finally:
        reader.close()


def partitions_of(reader: Consumer, topic: str) -> int:
    """Return how many partitions a topic has, its full name given; raises `Unreachable`, also where it is missing."""
    try:
        found = reader.list_topics(topic, timeout=METADATA_S).topics[topic]
    except KafkaException as error:
        raise Unreachable(f"no answer from Kafka: {error.args[0].str()}") from None
    if found.error is not None or not found.partitions:
        raise Unreachable(f"topic {topic} cannot be read: {found.error or 'it has no partitions'}")
    return len(found.partitions)


def _drain(reader: Consumer, takers: Mapping[str, Take], unread: set[tuple[str, int]], advance: Advance) -> None:
    deadline = time.monotonic() + STALL_S
    while unread:
        messages = reader.consume(BATCH, timeout=0.05)
        for message in messages:
            _hand(message, takers, unread)
        if messages:
            advance(len(messages))
            deadline = time.monotonic() + STALL_S
        elif time.monotonic() > deadline:
            raise Unreachable(f"no answer from Kafka for {STALL_S:.0f} s")


def _hand(message: Message, takers: Mapping[str, Take], unread: set[tuple[str, int]]) -> None:
    error, topic, partition = message.error(), message.topic() or "", message.partition() or 0
    if error is None:
        takers[topic](Taken(partition, message.key() or b"", message.value(), message.timestamp()[1]))
    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's public name for it
        unread.discard((topic, partition))
    elif not error.retriable():
        raise Unreachable(f"reading {topic}: {error.str()}")
