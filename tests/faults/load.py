"""What writes orders while faults happen: its own producer, at its own pace, and it never gives a record up."""

import random
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tests.faults.orders import ADJUSTMENTS, ORDERS, Book, Sent
from tests.faults.poison import MARK, POISONS, huge

TICK_S = 0.02
BURST_S = 2.0
"""How much of what could not be sent in time is made up for."""
FLUSH_S = 90.0


class Load:
    """
    A producer and its thread.

    Args:
        bootstrap: the brokers.
        topic: gives a topic's real name.
        partitions: how many partitions the topics have.
        book: what there is to send.
        rate: records a second.

    """

    def __init__(self, bootstrap: str, topic: Callable[[str], str], partitions: int, book: Book, rate: float) -> None:
        """Connect; `start` sends."""
        self.book, self._topic, self._partitions, self._rate = book, topic, partitions, rate
        self._settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "message.max.bytes": 1_000_000,
            "delivery.timeout.ms": 600_000,
            "topic.metadata.refresh.interval.ms": 5_000,
            "log_level": 0,
        }
        self._producer = Producer(self._settings)
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")
        self.homes: dict[bytes, int] = {}
        self.delivered = 0
        self.failed: list[str] = []

    def start(self) -> None:
        """Begin to send."""
        self._flowing.set()
        self._thread.start()

    def pause(self) -> None:
        """Stop sending, and wait until the brokers have everything."""
        self._flowing.clear()
        self.flush()

    def resume(self) -> None:
        """Go on."""
        self._flowing.set()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._flowing.set()
        if self._thread.is_alive():
            self._thread.join()

    def renew(self) -> None:
        """Connect anew: a producer counts its records for each topic, and a topic made anew counts from the start."""
        self.flush()
        self._producer = Producer(self._settings)

    def flush(self) -> None:
        """Wait until the brokers have everything; raises `TimeoutError`."""
        if left := self._producer.flush(FLUSH_S):
            raise TimeoutError(f"the brokers have not taken {left} records within {FLUSH_S:g} s")

    def send(self, sent: Sent) -> None:
        """Send one record."""
        self._produce(sent.topic, sent.key, sent.value)

    def poison(self, name: str, chance: random.Random) -> None:
        """Send a record with something wrong."""
        with self._lock:
            good = self._good(chance)
        bad = POISONS[name](good.fields, good.key)
        partition = -1
        if bad.elsewhere:
            partition = (self.homes[good.key] + 1) % self._partitions
        elif bad.key is None:
            partition = chance.randrange(self._partitions)
        self._produce(good.topic, bad.key, bad.value, partition, {MARK: name.encode()})

    def oversized(self, chance: random.Random) -> None:
        """Send a record that can be decided and is as large as a broker takes."""
        with self._lock:
            good = self._good(chance)
        self._produce(good.topic, good.key, huge(good.fields))

    def _good(self, chance: random.Random) -> Sent:
        """Return a record that could be decided, of a SKU whose partition is known."""
        wanted = chance.choice((ORDERS, ORDERS, ADJUSTMENTS))
        while True:
            found = self.book.next(_now())
            if found.topic == wanted and found.key in self.homes:
                return found

    def _produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int = -1,
        headers: dict[str, str | bytes | None] | None = None,
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic(topic),
                    key=key,
                    value=value,
                    partition=partition,
                    headers=headers or {},
                    on_delivery=self._known,
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:  # a topic that is made anew is unknown for a moment
                if error.args[0].code() != KafkaError._UNKNOWN_TOPIC:
                    raise
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _known(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))
            return
        self.delivered += 1
        key = message.key()
        if isinstance(key, bytes) and not message.headers():
            self.homes[key] = int(message.partition() or 0)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._closed.is_set():
            if not self._flowing.is_set():
                self._flowing.wait()
                due = time.monotonic()
            now = time.monotonic()
            due = max(due, now - BURST_S)
            while due < now and self._flowing.is_set():
                with self._lock:
                    sent = self.book.next(_now())
                self.send(sent)
                due += 1 / self._rate
            self._producer.poll(TICK_S)


def _now() -> int:
    return time.time_ns() // 1_000_000
