"""`order.outcome` into the index of held lines: read from where the index ends, then followed."""

import logging
import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ingest.follower import Follower
from ingest.poll.held import Held, Known, LineKey
from ingest.poll.held_disk import Disk, Lost, opened, put_aside
from schemas.cluster import now_ms, topic_ids
from schemas.codec import WireError, decode
from schemas.config import Config
from schemas.records import OrderConfirmed, OrderOutcome
from schemas.topics import ORDER_OUTCOME

LOG = logging.getLogger(__name__)
BATCH = 2_000
POLL_S = 0.1
FORGET_EVERY_S = 6 * 3_600.0
QUEUE_KIB = 8_192
"""What the library reads ahead at most; its own 64 MiB are more than the whole index takes."""
_OUTSIDE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001 - the library's public names


class IndexLost(Exception):  # noqa: N818 - named for the reaction it demands
    """The index on disk has become unusable and was put aside: start again."""


class Following(Follower):
    """The index behind a lock, kept up to date by a thread."""

    def __init__(self, config: Config, channel: str) -> None:
        """Remember where to read; `start` begins."""
        super().__init__("held")
        self._config, self._channel = config, channel
        self._folder = Path(config.ingest.state_dir) if config.ingest.state_dir else None
        self._disk: Disk | None = None
        self._held = Held(channel, loading=True)
        self._lock = threading.Lock()
        self._forgotten_at = -math.inf
        self._unread = {*range(config.kafka.partitions)}

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return the newest states of an order's lines, by the channel's number.  Raises `IndexLost`."""
        with self._lock, self._guarded():
            return self._held.lines(order)

    def newest(self, keys: Iterable[LineKey]) -> dict[LineKey, Known]:
        """Return the newest known states of those lines that are known.  Raises `IndexLost`."""
        with self._lock, self._guarded():
            found = {key: self._held.newest(key) for key in keys}
        return {key: known for key, known in found.items() if known is not None}

    def tell(self, records: Iterable[OrderConfirmed]) -> None:
        """Remember what Kafka has acknowledged."""
        with self._lock:
            for record in records:
                self._held.tell(record)

    def torn(self) -> list[str]:
        """Return the orders, by `order_prefix`, with a line that may have left them.  Raises `IndexLost`."""
        with self._lock, self._guarded():
            return [*self._held.torn()]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Put a file that fails aside, so that the next start makes it anew; raises `IndexLost`."""
        try:
            yield
        except Lost as error:
            if self._folder is not None:
                put_aside(self._folder, self._channel, str(error))
            raise IndexLost(str(error)) from error

    def _run(self) -> None:
        settings = self._config.kafka.consumer(
            "poll-held", enable_partition_eof="true", fetch_wait_max_ms=100, queued_max_messages_kbytes=QUEUE_KIB
        )
        # An offset outside the log is ours to notice: then the file is no copy of this log.
        consumer = Consumer(settings | {"auto.offset.reset": "error"}, logger=LOG)
        try:
            try:
                self._follow(consumer)
            except IndexLost as lost:
                if self._loaded.is_set():
                    raise
                LOG.warning("held lines are read anew: %s", lost)
                self._follow(consumer)
        except IndexLost:
            LOG.exception("the index of held lines has ended")
        finally:
            consumer.close()
            self._shut()

    def _follow(self, consumer: Consumer) -> None:
        self._shut()
        with self._guarded():
            self._open(consumer)
            while not self._stopped.is_set():
                self._step(consumer)

    def _shut(self) -> None:
        with self._lock:
            if self._disk is not None:
                self._disk.close()
                self._disk = None

    def _open(self, consumer: Consumer) -> None:
        """Begin with the file where there is one, and read from where it ends."""
        if self._folder is not None:
            topic = self._config.kafka.topic(ORDER_OUTCOME)
            identity = f"{topic} {topic_ids(self._config, [ORDER_OUTCOME])[ORDER_OUTCOME]} {self._channel}"
            self._disk = opened(self._folder, self._channel, identity)
        with self._lock:
            self._held = Held(self._channel, self._disk, loading=True)
        starts = {} if self._disk is None else self._disk.offsets()
        self._unread = {*range(self._config.kafka.partitions)}
        LOG.info("held lines: %d partitions are read on from a file, the others from their beginning", len(starts))
        consumer.assign(
            [
                TopicPartition(self._config.kafka.topic(ORDER_OUTCOME), number, starts.get(number, OFFSET_BEGINNING))
                for number in self._unread
            ]
        )

    def _step(self, consumer: Consumer) -> None:
        messages = consumer.consume(BATCH, POLL_S)
        offsets = self._take(messages)
        if self._disk is not None and offsets:
            with self._lock:
                self._disk.commit(offsets)
        if not self._unread and time.monotonic() - self._forgotten_at > FORGET_EVERY_S:
            self._forget()

    def _forget(self) -> None:
        """Forget what the processor has forgotten, and with the first time count as loaded."""
        self._forgotten_at = time.monotonic()
        with self._lock:
            self._held.forget_before(now_ms() - self._config.processor.horizon_ms)
            if self._disk is not None:
                self._disk.commit({})
            if not self._loaded.is_set():
                self._held.loaded()
        self._loaded.set()

    def _take(self, messages: Iterable[Message]) -> dict[int, int]:
        """Take up messages; return by partition the offset after the last one."""
        offsets = dict[int, int]()
        for message in messages:
            error, number = message.error(), message.partition() or 0
            if error is None:
                self.apply(message.key() or b"", message.value())
                offsets[number] = (message.offset() or 0) + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public name for it
                self._unread.discard(number)
            elif error.code() in _OUTSIDE:
                raise Lost("the topic does not hold the offsets that it stands for")
            else:
                LOG.warning("held lines: %s", error.name())
        return offsets

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take up one record of `order.outcome`; one that cannot be read leaves the older one in force."""
        if not self._held.ours(key):
            return
        try:
            outcome = None if value is None else decode(OrderOutcome, value)
        except WireError as error:
            LOG.error("outcome %r: %s", key, error)  # noqa: TRY400 - the sentence is enough, the trace is ours
            return
        with self._lock:
            if outcome is None:
                self._held.forget(key)
            else:
                self._held.take(outcome)
