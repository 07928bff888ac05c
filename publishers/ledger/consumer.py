"""The Kafka side: partitions come from the group, offsets never do; they are the database's."""

import logging
import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from publishers.ledger.batch import Slot, Taken
from schemas.config import Config

log = logging.getLogger(__name__)

BATCH_BYTES = 8_000_000
"""A batch ends here, whatever its records: it is what bounds this process's memory."""
CHUNK = 250
QUERY_S = 5.0
SETTINGS: dict[str, str | float] = {
    # A killed ledger's partitions are given on after this; the shortest that brokers allow by default.
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 2_000,
    # One assignment at a time, whole: `begin` and `halt` replace it from outside the callback.
    "partition_assignment_strategy": "range",
    # The end of a partition is news here: transaction markers make offsets alone say "behind" for ever.
    "enable_partition_eof": "true",
    # Small: these are compressed bytes, a partition each, and what they unpack to is most of this process's memory
    # (measured: 137 MiB with 4 MiB, 4 MiB and 256 KiB, at the same speed).
    "queued_max_messages_kbytes": 1_024,
    "fetch_max_bytes": 1_000_000,
    "max_partition_fetch_bytes": 65_536,
}


class Source:
    """
    Reads the ledger's topics.

    All methods block and belong to one thread.  While nothing has `begun`, `take` brings nothing and only keeps the
    membership in the group alive: this is how the ledger waits for PostgreSQL, with empty hands.
    """

    def __init__(self, config: Config, topics: Iterable[str]) -> None:
        self._kafka = config.kafka
        self._names = {config.kafka.topic(name): name for name in topics}
        # Offsets that Kafka no longer has are an error to look into, never a silent jump.
        settings = {**config.kafka.consumer("ledger", **SETTINGS), "auto.offset.reset": "error"}
        self._consumer = Consumer(settings, logger=log)
        self.assigned: tuple[Slot, ...] = ()
        self.reading = False
        self._consumer.subscribe(
            list(self._names), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign([])  # where to begin is known only when the database has said so
        self.assigned, self.reading = tuple((self._names[p.topic], p.partition) for p in partitions), False

    def _on_revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self.assigned, self.reading = (), False

    def take(self, limit: int, within_s: float) -> list[Taken]:
        """Return up to `limit` records; raises `KafkaException` for an error that needs a new beginning."""
        until, size, taken = time.monotonic() + within_s, 0, list[Taken]()
        while len(taken) < limit and size < BATCH_BYTES and (left := until - time.monotonic()) > 0:
            messages = self._consumer.consume(min(CHUNK, limit - len(taken)), left)
            taken += [self._taken(message) for message in messages]
            size += sum(len(message) for message in messages)
        return taken if self.reading else []

    def _taken(self, message: Message) -> Taken:
        error = message.error()
        end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - its public name
        if error is not None and not end:
            raise KafkaException(error)
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None  # noqa: PT018 - a fetched one has all
        return Taken(
            topic=self._names[topic],
            partition=partition,
            offset=offset,
            key=None if end else message.key(),
            value=None if end else message.value(),
            end=end,
        )

    def marks(self) -> dict[Slot, tuple[int, int]]:
        """Ask the brokers for each assigned partition's first offset and the one after its last."""
        return {slot: self._consumer.get_watermark_offsets(self._part(slot), timeout=QUERY_S) for slot in self.assigned}

    def ends(self) -> dict[Slot, int]:
        """Return the ends that the last answers told, without asking again."""
        found = {slot: self._consumer.get_watermark_offsets(self._part(slot), cached=True) for slot in self.assigned}
        return {slot: marks[1] for slot, marks in found.items() if marks}

    def begin(self, offsets: Mapping[Slot, int]) -> None:
        """Read these partitions from these offsets, and no others."""
        self._consumer.assign([self._part(slot, offset) for slot, offset in offsets.items()])
        self.reading = True

    def halt(self) -> None:
        """Read nothing, and forget what was fetched ahead."""
        self._consumer.assign([])
        self.reading = False

    def tell(self, offsets: Mapping[Slot, int]) -> None:
        """Commit offsets to Kafka for whoever watches its consumer groups; nothing here ever reads them."""
        if offsets:
            parts = [self._part(slot, offset) for slot, offset in offsets.items()]
            self._consumer.commit(offsets=parts, asynchronous=True)

    def close(self) -> None:
        """Leave the group, so that a successor need not wait for the session to end."""
        self._consumer.close()

    def _part(self, slot: Slot, offset: int = -1001) -> TopicPartition:
        return TopicPartition(self._kafka.topic(slot[0]), slot[1], offset)
