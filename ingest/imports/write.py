"""Records to Kafka, all of them acknowledged by every replica in sync before anybody is told."""

import logging
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, Message, Producer

from ingest.imports.diff import Write
from ingest.replay import Advance
from schemas.config import Config
from schemas.events import headers

LOG = logging.getLogger(__name__)
DELIVERY_MS = 30_000
"""A record that no broker took within this time counts as not written."""
SETTINGS: dict[str, str | float] = {
    "delivery_timeout_ms": DELIVERY_MS,
    "linger_ms": 20,
    # What waits in the client beside the diff itself: a large file need not be in memory three times.
    "queue_buffering_max_messages": 10_000,
}


class NotWritten(Exception):  # noqa: N818 - named for the reaction it demands
    """Some records were not acknowledged; giving the same command again is safe."""


def write_all(config: Config, writes: Sequence[Write], at: int, advance: Advance) -> None:
    """
    Write new records, wait for all acknowledgements, then the tombstones.

    Args:
        config: the deployment.
        writes: as `Diff.writes` orders them.
        at: now, milliseconds since 1970.
        advance: told of each batch of acknowledgements.

    Raises:
        NotWritten: at least one record was not acknowledged.

    """
    producer = Producer(config.kafka.producer(**SETTINGS), logger=LOG)
    for dead in (False, True):
        some = [write for write in writes if (write.value is None) is dead]
        if some:
            _Batch(config, producer, advance).send(some, at)


class _Batch:
    def __init__(self, config: Config, producer: Producer, advance: Advance) -> None:
        self._config, self._producer, self._advance = config, producer, advance
        self._acknowledged = 0
        self._error = ""

    def send(self, writes: Sequence[Write], at: int) -> None:
        for write in writes:
            self._produce(write, at)
        deadline = time.monotonic() + 2 * DELIVERY_MS / 1000
        while self._producer.flush(0.2) and time.monotonic() < deadline:
            pass
        if self._acknowledged < len(writes):
            problem = self._error or "no answer"
            raise NotWritten(f"{self._acknowledged} of {len(writes)} records written: {problem}")

    def _produce(self, write: Write, at: int) -> None:
        told = headers(write.topic, write.record_id, "/ingest/import", write.subject, at)
        while True:
            try:
                self._producer.produce(
                    self._config.kafka.topic(write.topic),
                    key=write.key,
                    value=write.value,
                    partition=write.partition,
                    headers=list(told),
                    on_delivery=self._told,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _told(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self._acknowledged += 1
            self._advance(1)
        else:
            self._error = error.str()
