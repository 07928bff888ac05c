"""`ingest.wake` as one channel's poller follows it: from the offset below which all that was named has been read."""

import logging
import threading
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ingest.follower import Follower
from schemas.channel_records import Wake
from schemas.codec import WireError, decode
from schemas.config import Config
from schemas.topics import INGEST_WAKE

LOG = logging.getLogger(__name__)
BATCH = 500
POLL_S = 0.1
WAITING_MAX = 10_000
"""Wakes that were read and not taken; beyond that the thread waits."""
_OUTSIDE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 - the library's public names


class WakeReader(Follower):
    """Follows the log in a thread; `ring` is called in that thread when this channel is woken."""

    def __init__(self, config: Config, channel: str, ring: Callable[[], None]) -> None:
        """Remember where to read; `start` begins."""
        super().__init__("wakes")
        self._config, self._key, self._ring = config, channel.encode(), ring
        self._found: list[tuple[int, str]] = []
        self._position = 0
        self._lock = threading.Lock()

    def start(self, woken: int = 0) -> None:
        """Read from this offset on, from the log's beginning where it does not hold it."""
        self._position = woken
        super().start()

    @property
    def alive(self) -> bool:
        """Say whether the log is followed; before `start` nothing is wrong."""
        return self._thread.ident is None or self._thread.is_alive()

    def drain(self) -> tuple[list[tuple[int, str]], int]:
        """Return this channel's wakes since the last time, as (offset, order), and up to where the log was read."""
        with self._lock:
            found, self._found = self._found, []
            return found, self._position

    def _run(self) -> None:
        settings = self._config.kafka.consumer("poll-wakes", enable_partition_eof="true", fetch_wait_max_ms=100)
        # An offset outside the log is ours to notice: the log was made anew, or what was not read has expired.
        consumer = Consumer(settings | {"auto.offset.reset": "error"}, logger=LOG)
        topic = self._config.kafka.topic(INGEST_WAKE)
        try:
            consumer.assign([TopicPartition(topic, 0, self._position or OFFSET_BEGINNING)])
            while not self._stopped.is_set():
                if len(self._found) > WAITING_MAX:
                    # Enough to begin with: who loads takes them only afterwards.
                    self._loaded.set()
                    self._stopped.wait(POLL_S)
                    continue
                for message in consumer.consume(BATCH, POLL_S):
                    if not self._take(message):
                        self._from_the_beginning(consumer, topic)
                        break
        finally:
            consumer.close()

    def _from_the_beginning(self, consumer: Consumer, topic: str) -> None:
        LOG.warning("the log of wakes does not hold offset %d; it is read from its beginning", self._position)
        with self._lock:
            self._found, self._position = [], 0
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])

    def _take(self, message: Message) -> bool:
        """Take up one message; False where the position is outside the log."""
        error = message.error()
        if error is None:
            self._keep(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public name for it
            self._loaded.set()
        elif error.code() in _OUTSIDE:
            return False
        else:
            LOG.warning("wakes: %s", error.name())
        return True

    def _keep(self, message: Message) -> None:
        offset, order = message.offset() or 0, None
        if message.key() == self._key:
            try:
                order = decode(Wake, message.value() or b"").order
            except WireError as error:
                LOG.error("wake %d cannot be read, all that changed is: %s", offset, error)  # noqa: TRY400 - the sentence is enough
                order = ""
        with self._lock:
            self._position = offset + 1
            if order is not None:
                self._found.append((offset, order))
        if order is not None:
            self._ring()
