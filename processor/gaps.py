"""
Why offsets are missing from what a consumer hands over: a jump is explained only by what brokers put there.

A client that reads committed records leaves out transaction markers and the records of aborted transactions, and says
nothing of it; a log that was cut, compacted or replaced looks the same to it.  So a lane that meets a jump has the raw
batches looked at.  The topics' own writer uses no transactions; another team's may.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import LeaderNotAvailableError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

from processor.gap import Batch, Gap, reason

READ_COMMITTED = 1
FETCH_BYTES = 4 * 1_048_576
FETCH_WAIT_MS = 500
EMPTY_MAX = 10
"""Answers without a batch, where the log has some, before the look-up is given up."""


class Inspector:
    """Looks at raw batches, over a connection of its own that is opened when it is first needed."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Take the settings of any aiokafka client."""
        self._settings = settings
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()

    async def unexplained(self, tp: TopicPartition, gaps: Sequence[Gap]) -> str:
        """Return why a partition's gaps, in order, are not only markers and aborted records, "" when they are."""
        try:
            batches = [batch async for batch in self._batches(tp, gaps[0].start, gaps[-1].end)]
        except OffsetOutOfRangeError:
            return f"the log has no offset {gaps[0].start} any more"
        return reason(gaps, [batch for batch in batches if batch.end > gaps[0].start])

    async def _batches(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Batch]:
        at, empty = start, 0
        while at < end and empty < EMPTY_MAX:
            aborted, data = await self._fetch(tp, at)
            before = at
            for batch in _read(data, aborted):
                yield batch
                at = max(at, batch.end)
            empty = empty + 1 if at == before else 0

    async def _fetch(self, tp: TopicPartition, offset: int) -> tuple[list[tuple[int, int]], bytes]:
        client = await self._connected(tp.topic)
        node = client.cluster.leader_for_partition(tp)
        if node is None or node == -1:
            await client.force_metadata_update()
            raise LeaderNotAvailableError
        topics = [(tp.topic, [(tp.partition, offset, FETCH_BYTES)])]
        answer = await client.send(node, FetchRequest(FETCH_WAIT_MS, 1, FETCH_BYTES, READ_COMMITTED, topics))
        ((_, ((_, code, _, *part),)),) = answer.topics
        if code:
            await client.force_metadata_update()
            raise for_code(code)
        aborted = part[2] if answer.API_VERSION >= 11 else part[-2]
        return aborted or [], part[-1]

    async def _connected(self, topic: str) -> AIOKafkaClient:
        async with self._connecting:  # two lanes may look at once
            if self._client is None:
                client = AIOKafkaClient(**self._settings, request_timeout_ms=10_000, metadata_max_age_ms=5_000)
                await client.bootstrap()
                self._client = client
        await self._client.add_topic(topic)
        return self._client

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._client.close()


def _read(data: bytes, aborted: Sequence[tuple[int, int]]) -> Iterable[Batch]:
    """Follow the aborted transactions, given as (producer id, first offset), through the batches as clients do."""
    begun = sorted(aborted, key=lambda one: one[1])
    failed: set[int] = set()
    records = MemoryRecords(data)
    while records.has_next():
        batch = records.next_batch()
        start, end, producer = batch.base_offset, batch.next_offset, batch.producer_id
        while begun and begun[0][1] <= start:
            failed.add(begun.pop(0)[0])
        hidden = batch.is_control_batch or (batch.is_transactional and producer in failed)
        if batch.is_control_batch and ControlRecord.parse(next(batch).key) == ABORT_MARKER:
            failed.discard(producer)
        yield Batch(start, end, not hidden)
