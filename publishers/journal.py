"""
The publisher's transactions: intents before calls, results after them.  Blocking; the loop runs it in a thread.

The transactional id belongs to the channel.  Opening the journal fences whoever held it before: from then on the old
one can write no intent, and therefore makes no call.
"""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from publishers.work import Out
from schemas.channel_records import ChannelLevel, Drift, Incident, Reconciliation, SyncLog
from schemas.codec import encode
from schemas.events import headers
from schemas.logs import LIBRARY
from schemas.settings import Config
from schemas.topics import STOCK_DEADLETTER, SYNC_DRIFT, SYNC_INCIDENT, SYNC_LOG, SYNC_RUN, channel_level

OPEN_S = 3.0
"""How long one attempt to take over the transactional id may take."""
COMMIT_S = 20.0
"""How long one step of a transaction may take before it is retried."""
GIVE_UP_S = 120.0
"""How long a transaction is retried before this life of the publisher ends and the next one loads anew."""
TRANSACTION_MS = 30_000
FULL_S = 0.1
AGAIN_S = 0.1
"""Between two tries of a transaction."""
POLL_EVERY = 1_000
"""Records between polls while a transaction is filled, so that librdkafka's queue drains."""
Named = list[tuple[str, str | bytes | None]]
"""Headers as the client wants them."""


class LostError(Exception):
    """The transactional id has another owner, or its state is unknown: give up the channel and start again."""


class Journal:
    """The one writer of a channel's records."""

    def __init__(self, config: Config, channel: str) -> None:
        """Connect and fence the previous owner; raises `LostError` when the cluster does not let us."""
        self._config = config
        self._channel = channel
        self._producer = self._opened(time.monotonic() + GIVE_UP_S)

    def _opened(self, deadline: float) -> Producer:
        """Return a producer that holds the channel's transactional id."""
        group = self._config.kafka.group(f"publisher-{self._channel}")
        settings = self._config.kafka.producer(
            transactional_id=group, transaction_timeout_ms=TRANSACTION_MS, linger_ms=0
        )
        while True:
            producer = Producer(settings, logger=LIBRARY)
            try:
                producer.init_transactions(OPEN_S)
            except KafkaException as error:
                # A new producer, not a second try with this one: after "coordinator load in progress", which a
                # cluster answers to its first transaction, librdkafka 2.16 waits for ever.
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise LostError(f"cannot take over the transactional id: {error.args[0].str()}") from None
            else:
                return producer

    def commit(self, records: Sequence[Out], done: int | None, group: Callable[[], object]) -> None:
        """
        Write all records in one transaction, and, with `done`, that commands below that offset are executed.

        `group` is asked at each try: who joins or leaves meanwhile makes an earlier answer invalid.
        Raises `LostError` when somebody else owns the channel now, or when it did not succeed for `GIVE_UP_S`.
        """
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            try:
                self._fill(records)
                if done is not None:
                    self._mark(done, group())
                self._finish(deadline)
            except KafkaException as error:
                self._abort(error.args[0], deadline)
                time.sleep(AGAIN_S)
            else:
                return

    def _fill(self, records: Sequence[Out]) -> None:
        self._producer.begin_transaction()
        for number, record in enumerate(records, start=1):
            name, key, record_id = self._address(record)
            value = encode(record)
            named: Named = [*headers(name, record_id, f"/publishers/{self._channel}", "", 0)]
            self._produce(self._config.kafka.topic(name), key, value, named)
            if number % POLL_EVERY == 0:
                self._producer.poll(0)

    def _produce(self, topic: str, key: bytes, value: bytes, named: Named) -> None:
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, headers=named)
            except BufferError:
                # librdkafka's queue is full; the records before this one are on their way.
                self._producer.poll(FULL_S)
            else:
                return

    def _address(self, record: Out) -> tuple[str, bytes, str]:
        """Return a record's topic, key and id."""
        if isinstance(record, ChannelLevel):
            return channel_level(self._channel), record.sku.encode(), f"{record.sku}@{record.at}"
        if isinstance(record, SyncLog):
            return SYNC_LOG, record.sku.encode(), f"{record.call_id}@{record.listing_id}"
        if isinstance(record, Drift):
            return SYNC_DRIFT, (record.sku or record.listing_id).encode(), f"{record.listing_id}@{record.seen_at}"
        if isinstance(record, Incident):
            return SYNC_INCIDENT, f"{record.channel}|{record.kind}".encode(), f"{record.incident_id}@{record.at}"
        if isinstance(record, Reconciliation):
            return SYNC_RUN, record.channel.encode(), record.run_id
        return STOCK_DEADLETTER, (record.sku or "").encode(), record.dead_letter_id

    def _mark(self, done: int, group: object) -> None:
        topic = self._config.kafka.topic(f"publisher.command.{self._channel}")
        position = TopicPartition(topic, 0, done)
        self._producer.send_offsets_to_transaction([position], group, COMMIT_S)

    def _finish(self, deadline: float) -> None:
        while True:
            try:
                self._producer.commit_transaction(COMMIT_S)
            except KafkaException as error:
                # Retriable: the commit may be under way; asking again is how librdkafka finds out.
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
            else:
                return

    def _abort(self, error: KafkaError, deadline: float) -> None:
        """Make ready for another try; raises `LostError` where there is none."""
        if error.fatal() or not error.txn_requires_abort() or time.monotonic() > deadline:
            raise LostError(f"transaction failed: {error.str()}")
        try:
            self._producer.abort_transaction(COMMIT_S)
        except KafkaException as again:
            raise LostError(f"transaction failed and cannot be aborted: {again.args[0].str()}") from None
