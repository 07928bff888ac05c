"""
A command's look at topics: from their present end on, or from a time on.  Blocking; nothing is committed.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.cluster import ClusterError
from schemas.codec import WireError, decode
from schemas.config import Config
from schemas.logs import LIBRARY

METADATA_S = 10.0
BATCH = 1_000
POLL_S = 0.2
STALL_S = 60.0
"""How long the end of the topics may be out of sight while nothing comes."""

LEADERLESS = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})

T = TypeVar("T")
Place = tuple[bytes, int]
"""A record's key and partition."""


def unanswered(config: Config, error: Exception) -> str:
    """Return in words why Kafka could not be asked."""
    why = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return f"Kafka cannot be asked: {why} ({config.kafka.bootstrap}); see that it runs and that [kafka] is right"


def settled(ask: Callable[[], T]) -> T:
    """Return what Kafka answers; while a partition has no leader (it is new, or moves) it is asked again, for 10 s."""
    deadline = time.monotonic() + METADATA_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in LEADERLESS or time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)


class Tail:
    """Reads topics; `unread` are the partitions whose end has not been seen."""

    def __init__(self, config: Config, kinds: Mapping[str, type[Any]], group: str) -> None:
        """Read topics, by name with the type of their records; raises `KafkaException` when no broker answers."""
        self._consumer = Consumer(
            config.kafka.consumer(group, enable_partition_eof="true", fetch_wait_max_ms=20), logger=LIBRARY
        )
        self._kinds = {config.kafka.topic(name): kind for name, kind in kinds.items()}
        self.unread: set[tuple[str, int]] = set()

    def places(self) -> list[TopicPartition]:
        """Return the topics' partitions, without positions; raises `ClusterError` where a topic is not there."""
        topics = self._consumer.list_topics(timeout=METADATA_S).topics
        if missing := sorted({*self._kinds} - {*topics}):
            names = ", ".join(missing)
            raise ClusterError(f"no topic {names} in Kafka: `python -m schemas topics --create` makes what is missing")
        return [TopicPartition(name, number) for name in self._kinds for number in topics[name].partitions]

    def from_end(self, back: int = 0) -> None:
        """Read what comes from now on, and so many records (or fewer) before it in each partition."""
        places = []
        for place in self.places():
            low, high = settled(partial(self._consumer.get_watermark_offsets, place, timeout=METADATA_S))
            places.append(TopicPartition(place.topic, place.partition, max(low, high - back)))
        self._assign(places)

    def from_time(self, at: int) -> None:
        """Read what was written at this time, in ms, or later."""
        asked = [TopicPartition(place.topic, place.partition, at) for place in self.places()]
        self._assign(settled(partial(self._consumer.offsets_for_times, asked, timeout=METADATA_S)))

    def from_start(self) -> None:
        """Read everything."""
        self._assign([TopicPartition(place.topic, place.partition, OFFSET_BEGINNING) for place in self.places()])

    def _assign(self, places: list[TopicPartition]) -> None:
        self.unread = {(place.topic, place.partition) for place in places}
        self._consumer.assign(places)

    def read(self, wait_s: float) -> Iterator[Any]:
        """Yield the records that come within this time; those that this version cannot read are left out."""
        return (record for _, record in self._read(wait_s) if record is not None)

    def _read(self, wait_s: float) -> Iterator[tuple[Place, Any]]:
        for message in self._consumer.consume(BATCH, wait_s):
            if self._counts(message):
                place = (message.key() or b"", int(message.partition() or 0))
                yield place, None if message.value() is None else self._record(message)

    def rest(self) -> Iterator[Any]:
        """Yield what there is to the end of every partition; raises `KafkaException` where nothing comes any more."""
        return (record for _, record in self.places_and_records() if record is not None)

    def places_and_records(self) -> Iterator[tuple[Place, Any]]:
        """Yield the same with key and partition; where a key was deleted, or cannot be read, None is its record."""
        deadline = time.monotonic() + STALL_S
        while self.unread:
            for found in self._read(POLL_S):
                yield found
                deadline = time.monotonic() + STALL_S
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - librdkafka's public name

    def _record(self, message: Message) -> Any:
        try:
            return decode(self._kinds[str(message.topic())], message.value() or b"")
        except WireError:
            return None

    def _counts(self, message: Message) -> bool:
        """Return whether a message is a record; raises `KafkaException` for what cannot go on."""
        error, topic = message.error(), str(message.topic())
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's public name for it
            self.unread.discard((topic, int(message.partition() or 0)))
        elif not error.retriable():
            raise KafkaException(error)
        return False

    def close(self) -> None:
        """Leave."""
        self._consumer.close()
