"""`stock.deadletter` in mind: read from its beginning, then followed by a thread."""

import logging
import threading
from collections import Counter
from collections.abc import Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ingest.follower import Follower
from ingest.lines import FindListing
from ingest.remap.mapped import Mapped, mapped
from ingest.remap.waiting import Stuck, Waiting
from schemas.codec import WireError, decode
from schemas.config import Config
from schemas.records import DeadLetter
from schemas.topics import STOCK_DEADLETTER

LOG = logging.getLogger(__name__)
BATCH = 500
POLL_S = 0.1
LETTERS_MAX = 100_000
"""Letters that are kept in mind, about 1 KB each; from the first that does not fit on, all are read again later."""


class Letters(Follower):
    """The unmapped lines behind a lock, kept up to date by a thread."""

    def __init__(self, config: Config, most: int = LETTERS_MAX) -> None:
        """Remember where to read; `start` begins."""
        super().__init__("letters")
        self._config, self._most = config, most
        self._topic = config.kafka.topic(STOCK_DEADLETTER)
        self._waiting = Waiting(most)
        self._first_missed: dict[int, int] = {}
        self._lock = threading.Lock()
        self.changes = 0

    def ready(self, find: FindListing, most: int, now_ms: int) -> list[tuple[Stuck, Mapped]]:
        """Return at most so many lines whose listing is there, with their records."""
        found: list[tuple[Stuck, Mapped]] = []
        with self._lock:
            for place, lines in self._waiting.lines():
                if find(*place) is None:
                    continue
                for stuck in lines.values():
                    records = mapped(stuck, find, now_ms)
                    found += [] if records is None else [(stuck, records)]
                    if len(found) == most:
                        return found
        return found

    def done(self, ids: Iterable[str]) -> None:
        """Forget letters whose end is acknowledged; a newer state of their line that came meanwhile waits on."""
        with self._lock:
            for letter_id in ids:
                self._waiting.resolve(letter_id)

    def counts(self) -> tuple[Counter[str], int]:
        """Return how many lines wait, by channel, and how many letters there was no room for."""
        with self._lock:
            return self._waiting.counts(), self._waiting.missed

    def _run(self) -> None:
        settings = self._config.kafka.consumer("ingest-remap", enable_partition_eof="true", fetch_wait_max_ms=100)
        consumer = Consumer(settings, logger=LOG)
        try:
            numbers = range(self._config.kafka.partitions)
            consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in numbers])
            unread = set(numbers)
            while not self._stopped.is_set():
                if self._take(consumer.consume(BATCH, POLL_S), unread):
                    self.changes += 1
                if not unread:
                    self._loaded.set()
                for partition, offset in self.back_to().items():
                    consumer.seek(TopicPartition(self._topic, partition, offset))
        finally:
            consumer.close()

    def back_to(self) -> dict[int, int]:
        """
        Return by partition from where to read again, once half of the room is free: from the first missed letter on.

        Each time that is further: what stands before it has been taken up, so that the end of all letters is reached.
        """
        with self._lock:
            if not self._first_missed or len(self._waiting) > self._most // 2:
                return {}
            places, self._first_missed = self._first_missed, {}
            self._waiting.missed = 0
        return places

    def _take(self, messages: Iterable[Message], unread: set[int]) -> int:
        taken = 0
        for message in messages:
            error = message.error()
            if error is None:
                taken += 1
                self.apply(message.value(), message.partition() or 0, message.offset() or 0)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public name for it
                unread.discard(message.partition() or 0)
            else:
                LOG.warning("dead letters: %s", error.name())
        return taken

    def apply(self, value: bytes | None, partition: int = 0, offset: int = 0) -> None:
        """Take up one record; one that cannot be read is none of ours."""
        try:
            letter = None if value is None else decode(DeadLetter, value)
        except WireError as error:
            LOG.warning("a dead letter cannot be read: %s", error)
            return
        if letter is not None:
            with self._lock:
                if not self._waiting.take(letter):
                    self._first_missed.setdefault(partition, offset)
