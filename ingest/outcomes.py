"""The outcomes of adjustments, for those who wait for them."""

import asyncio
import logging
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas import codec
from schemas.config import Config
from schemas.ids import line_key
from schemas.records import OrderOutcome
from schemas.shapes import WireError
from schemas.topics import ORDER_OUTCOME

LOG = logging.getLogger(__name__)
BATCH = 500
POLL_S = 0.05
OFFSETS_S = 2.0

Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[OrderOutcome]"]


class Outcomes:
    """
    Follows `order.outcome` from the first time that somebody waits.

    Waiting is a convenience: an outcome that was written before (a repeated adjustment) is never seen, and the answer
    is then the 202 that everybody gets.
    """

    def __init__(self, config: Config) -> None:
        """Remember where to read; nothing is read until somebody waits."""
        self._config = config
        self._waiters: dict[bytes, list[Waiter]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """
        Follow the topic from its present end; returns when positioned, at once when already following.

        Blocks for up to `OFFSETS_S`: call it in a thread.  Raises `KafkaException` or `TimeoutError` without a broker.
        """
        with self._lock:
            if self._thread is not None:
                return
            ends = self._ends()
            consumer = Consumer(self._config.kafka.consumer("ingest-outcomes", fetch_wait_max_ms=50), logger=LOG)
            consumer.assign(ends)
            self._thread = threading.Thread(target=self._run, args=(consumer,), name="outcomes", daemon=True)
            self._thread.start()

    def _ends(self) -> list[TopicPartition]:
        """Return the ends of all partitions in one request; asking one after the other takes half a second each."""
        topic, numbers = self._config.kafka.topic(ORDER_OUTCOME), range(self._config.kafka.partitions)
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the library does not say
        admin = AdminClient(
            self._config.kafka.client(), logger=LOG
        )  # by name: its end would leave the futures open for ever
        found = admin.list_offsets({TopicPartition(topic, number): latest for number in numbers})
        ends = {partition.partition: future.result(OFFSETS_S).offset for partition, future in found.items()}
        return [TopicPartition(topic, number, offset) for number, offset in ends.items()]

    def _run(self, consumer: Any) -> None:
        try:
            while not self._stopped.is_set():
                for message in consumer.consume(BATCH, POLL_S):
                    if message.error() is None:
                        self.apply(message.key() or b"", message.value())
                    else:
                        LOG.warning("outcomes: %s", message.error().name())
        finally:
            consumer.close()

    def expect(self, lines: Iterable[tuple[str, str]]) -> "list[asyncio.Future[OrderOutcome]]":
        """Return a future for the next outcome of each (orderId, sku); ask before the adjustment is sent."""
        loop = asyncio.get_running_loop()
        futures = []
        for order_id, sku in lines:
            future: asyncio.Future[OrderOutcome] = loop.create_future()
            key = line_key(order_id, sku)
            self._waiters.setdefault(key, []).append((loop, future))
            future.add_done_callback(partial(self._forget, key))
            futures.append(future)
        return futures

    def _forget(self, key: bytes, done: "asyncio.Future[OrderOutcome]") -> None:
        left = [waiter for waiter in self._waiters.pop(key, ()) if waiter[1] is not done]
        if left:
            self._waiters[key] = left

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take up one outcome: resolve those who wait for its line."""
        waiters = self._waiters.get(key)
        if not waiters or value is None:
            return
        try:
            outcome = codec.decode(OrderOutcome, value)
        except WireError as error:
            LOG.error("outcome %r: %s", key, error)  # noqa: TRY400 - the sentence is enough, the trace is ours
            return
        for loop, future in list(waiters):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, future, outcome)

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()


def _resolve(future: "asyncio.Future[OrderOutcome]", outcome: OrderOutcome) -> None:
    if not future.done():
        future.set_result(outcome)
