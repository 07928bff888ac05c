"""`order.outcome` into the index of held lines: read from its beginning, then followed."""

import logging
import threading
from collections.abc import Iterable, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ingest.poll.held import Held, Known, LineKey
from schemas.codec import WireError, decode
from schemas.config import Config
from schemas.records import OrderConfirmed, OrderOutcome
from schemas.topics import ORDER_OUTCOME

LOG = logging.getLogger(__name__)
BATCH = 2_000
POLL_S = 0.1


class Following:
    """The index behind a lock, kept up to date by a thread."""

    def __init__(self, config: Config, channel: str) -> None:
        """Remember where to read; `start` begins."""
        self._config = config
        self._held = Held(channel)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._loaded = threading.Event()
        self._thread = threading.Thread(target=self._run, name="held", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def wait(self) -> None:
        """Block until all that stood in the topic at the start is in the index, or `close` was called."""
        while not self._loaded.wait(POLL_S) and not self._stopped.is_set():
            pass

    @property
    def loaded(self) -> bool:
        """Say whether all that stood in the topic at the start is in the index."""
        return self._loaded.is_set()

    @property
    def alive(self) -> bool:
        """Say whether the index is kept up to date."""
        return self._thread.is_alive()

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return the newest states of an order's lines, by the channel's number."""
        with self._lock:
            return self._held.lines(order)

    def newest(self, keys: Iterable[LineKey]) -> dict[LineKey, Known]:
        """Return the newest known states of those lines that are known."""
        with self._lock:
            found = {key: self._held.newest(key) for key in keys}
        return {key: known for key, known in found.items() if known is not None}

    def tell(self, records: Iterable[OrderConfirmed]) -> None:
        """Remember what Kafka has acknowledged."""
        with self._lock:
            for record in records:
                self._held.tell(record)

    def torn(self) -> list[str]:
        """Return the orders, by `order_prefix`, with a line that may have left them."""
        with self._lock:
            return [*self._held.torn()]

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        numbers = range(self._config.kafka.partitions)
        topic = self._config.kafka.topic(ORDER_OUTCOME)
        settings = self._config.kafka.consumer("poll-held", enable_partition_eof="true", fetch_wait_max_ms=100)
        consumer = Consumer(settings, logger=LOG)
        unread = set(numbers)
        try:
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
            while not self._stopped.is_set():
                self._take(consumer.consume(BATCH, POLL_S), unread)
                if not unread:
                    self._loaded.set()
        finally:
            consumer.close()

    def _take(self, messages: Iterable[Message], unread: set[int]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self.apply(message.key() or b"", message.value())
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public name for it
                unread.discard(message.partition() or 0)
            else:
                LOG.warning("held lines: %s", error.name())

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
