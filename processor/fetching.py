"""
Polling with a client that may meet what it cannot read: one partition's trouble is that partition's alone.

aiokafka raises out of a poll for all partitions when one holds a batch that is corrupt, compressed in a way it cannot
undo, or has a header that is no text; what it had taken from the others, and the records before the bad batch, are
lost to the caller though the position has moved past them.  So each partition is polled by itself, and one that raises
is read again from where it stood, record by record up to the bad batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, UnsupportedCodecError

POLL_RECORDS = 4_000
TRIES = 3
"""How often a batch is fetched before it is given up: the network may have spoilt it, not the log."""
UNREADABLE = (CorruptRecordException, RecordTooLargeError, UnsupportedCodecError)
"""Errors of aiokafka's that are about a batch; any other of its errors is about brokers or the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """
    What one poll found in a partition.

    `upto` is where the client stands afterwards, beyond markers that it has left out; `fault` says why what stands
    there cannot be read.
    """

    records: list[ConsumerRecord]
    upto: int
    fault: str = ""


class Fetching:
    """Polls partition by partition; lives in the consumer's thread."""

    def __init__(self) -> None:
        """Know no position yet."""
        self._next: dict[TopicPartition, int] = {}
        self._tries: dict[TopicPartition, int] = {}

    def moved(self, positions: Mapping[TopicPartition, int]) -> None:
        """Take note of a seek."""
        self._next.update(positions)
        for tp in positions:
            self._tries.pop(tp, None)

    async def poll(
        self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition], timeout_ms: int
    ) -> dict[TopicPartition, Taken]:
        """Return what is there, waiting for at most `timeout_ms` when nothing is."""
        found = await self._all(consumer, partitions, {})
        if found or not timeout_ms:
            return found
        return await self._all(consumer, partitions, await _first(consumer, partitions, timeout_ms))

    async def _all(
        self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition], first: Mapping[TopicPartition, Any]
    ) -> dict[TopicPartition, Taken]:
        found = {}
        for tp in partitions:
            if (taken := await self._one(consumer, tp, first.get(tp, []))) is not None:
                found[tp] = taken
        return found

    async def _one(self, consumer: AIOKafkaConsumer, tp: TopicPartition, first: list[ConsumerRecord]) -> Taken | None:
        if tp in self._tries:
            return await self._carefully(consumer, tp, first)
        try:
            more = await consumer.getmany(tp, timeout_ms=0, max_records=POLL_RECORDS)
        except Exception as error:
            if not _unreadable(error) or tp not in self._next:
                raise
            self._tries[tp] = 0
            consumer.seek(tp, self._next[tp])
            return None
        return self._taken(consumer, tp, first + more.get(tp, []))

    def _taken(self, consumer: AIOKafkaConsumer, tp: TopicPartition, records: list[ConsumerRecord]) -> Taken | None:
        state = consumer._subscription.subscription.assignment.state_value(tp)  # noqa: SLF001 - `position` may wait
        if state is None:  # given to another worker while it was polled
            return None
        upto = state.position if state.has_valid_position else self._next.get(tp, -1)
        if not records and upto == self._next.get(tp, upto):
            return None
        self._next[tp] = upto
        return Taken(records=records, upto=upto)

    async def _carefully(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, records: list[ConsumerRecord]
    ) -> Taken | None:
        records = list(records)
        try:
            while more := await consumer.getmany(tp, timeout_ms=0, max_records=1):
                records += more[tp]
        except Exception as error:
            if not _unreadable(error):
                raise
            if not records:
                return self._bad(consumer, tp, error)
            self._tries[tp] = 0
        else:
            if records:
                del self._tries[tp]
        return self._taken(consumer, tp, records)

    def _bad(self, consumer: AIOKafkaConsumer, tp: TopicPartition, error: Exception) -> Taken | None:
        self._tries[tp] += 1
        at = self._next[tp]
        consumer.seek(tp, at)
        if self._tries[tp] < TRIES:
            return None
        return Taken(records=[], upto=at, fault=f"the batch at offset {at} cannot be read: {error!r}")


async def _first(
    consumer: AIOKafkaConsumer, partitions: set[TopicPartition], timeout_ms: int
) -> Mapping[TopicPartition, Any]:
    """Wait for a record; asked for one only, a poll that raises has taken nothing from anybody."""
    try:
        found: Mapping[TopicPartition, Any] = await consumer.getmany(*partitions, timeout_ms=timeout_ms, max_records=1)
    except Exception as error:
        if not _unreadable(error):
            raise
        return {}
    return found


def _unreadable(error: Exception) -> bool:
    """Whether an error is about a batch: the codecs and the text of headers raise errors of their own."""
    return isinstance(error, UNREADABLE) or not isinstance(error, KafkaError | RuntimeError | TypeError)
