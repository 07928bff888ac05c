"""A lane's transactions: fence, write, commit, and find out what became of one whose answer was lost."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition, errors
from aiokafka.structs import OffsetAndMetadata

from processor.plan import Write
from processor.producer import LaneProducer

TRANSACTION_TIMEOUT_MS = 40_000
"""Longer than a broker's fail-over takes; a successor's fence ends a dead owner's transaction at once anyway."""
REQUEST_TIMEOUT_MS = 10_000
"""Just above the 9 s after which a cluster gives a silent broker up."""
METADATA_MS = 5_000
BATCH_BYTES = 900_000
"""One produced batch; a broker takes 1,048,588 bytes by default."""
REFUSED = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTopicError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)
"""
What brokers refuse for good.  Nothing else is taken for final: aiokafka hands on a lost end of a transaction, a
producer id that has expired and anything unexpected as a bare, unretriable `KafkaError`, and a new producer mends them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How this deployment calls things: the group, the transactional id of a partition, a topic."""

    group: str
    prefix: str

    def transactional_id(self, partition: int) -> str:
        """
        Return the id that fences a source partition's owners.

        It belongs to the partition, not to the worker: aiokafka sends no group metadata with a transaction's offsets
        (KIP-447), so whoever holds the newest epoch of this id is the only one who can write.
        """
        return f"{self.group}-{partition}"

    def topic(self, name: str) -> str:
        """Return a topic's name in this deployment."""
        return self.prefix + name


class Writer:
    """The one producer of one source partition."""

    def __init__(self, client: Mapping[str, Any], names: Names, partition: int) -> None:
        """Connect to nothing yet."""
        self._client = client
        self._names = names
        self._partition = partition
        self._producer: LaneProducer | None = None

    async def fence(self) -> None:
        """
        Become the only writer: every older producer of this partition is shut out from here on.

        InitProducerId raises the epoch, and returns only once the older owner's open transaction is aborted or its
        commit's markers are written: what is read afterwards is all there is.
        """
        await self.close()
        self._producer = LaneProducer(
            **self._client,
            transactional_id=self._names.transactional_id(self._partition),
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MS,
            max_batch_size=BATCH_BYTES,
            linger_ms=0,
        )
        await self._producer.start()

    async def close(self) -> None:
        """Drop the producer and whatever it has under way."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await producer.abandon()

    async def commit(
        self, writes: Sequence[Write], positions: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> dict[str, int]:
        """
        Write records and positions in one transaction.

        Returns, by topic, the offset after the last record in this partition, as far as brokers have told it.

        Raises aiokafka's errors and `UnknownOutcomeError`; after any of them the producer is of no more use.
        """
        producer = self._producer
        assert producer is not None
        await producer.begin_transaction()
        # Each batch's own answer is awaited: aiokafka's commit does not fail when a batch of it did.
        ends: dict[str, int] = {}
        for topic, partition, count, sent in [one async for one in self._send(producer, writes)]:
            first = (await sent).offset
            if partition == self._partition and first >= 0:  # it is -1 where a broker had the batch already
                ends[topic] = first + count
        # Only then the positions: AddOffsetsToTxn in flight beside Produce makes the broker answer NOT_ENOUGH_REPLICAS
        # while it verifies the transaction, which costs a back-off.
        await producer.send_offsets_to_transaction(dict(positions), self._names.group)
        await producer.commit_transaction()
        return ends

    async def _send(self, producer: LaneProducer, writes: Sequence[Write]) -> AsyncIterator[tuple[str, int, int, Any]]:
        places: defaultdict[tuple[str, int], list[Write]] = defaultdict(list)
        for write in writes:
            places[write.topic, write.partition].append(write)
        for (topic, partition), records in places.items():
            for batch in _batches(producer, records):
                count = batch.record_count()
                sent = await producer.send_batch(batch, self._names.topic(topic), partition=partition)
                yield topic, partition, count, sent


def _batches(producer: LaneProducer, records: Iterable[Write]) -> Iterator[Any]:
    """Fill batches in order: one future for a batch costs far less than one for each record."""
    batch = producer.create_batch()
    for record in records:
        if _append(batch, record) is None:
            yield batch
            batch = producer.create_batch()
            _append(batch, record)
    yield batch


def _append(batch: Any, record: Write) -> Any:
    return batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
