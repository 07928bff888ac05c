"""What a lane reads beside its records: log ends, group positions, and its tables' topics from the start."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, KafkaTimeoutError, NoError, UnknownMemberIdError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import OffsetAndMetadata

from processor.gap import Gap
from processor.gaps import Inspector

RETRY_S = 0.2
POLL_MS = 200
FETCH_BYTES = 4 * 1_048_576


class Reader:
    """Look-ups for all lanes, over connections that are none of the group's; every call waits as long as it takes."""

    def __init__(self, client: Mapping[str, Any], group: str) -> None:
        """Connect to nothing yet."""
        self._client = client
        self._group = group
        self._consumer: AIOKafkaConsumer | None = None
        self._uncommitted: AIOKafkaConsumer | None = None
        self._inspector = Inspector(client)

    async def start(self) -> None:
        """Connect."""
        self._consumer = _consumer(self._client)
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()
        if self._uncommitted is not None:
            await self._uncommitted.stop()
        await self._inspector.close()

    async def unexplained(self, tp: TopicPartition, gaps: Sequence[Gap]) -> str:
        """Return why offsets that were not handed over are not only markers and aborted records, "" when they are."""
        found: str = await _retried(lambda: self._inspector.unexplained(tp, gaps))
        return found

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset after each partition's last committed record."""
        assert self._consumer is not None
        consumer = self._consumer
        found: dict[TopicPartition, int] = await _retried(lambda: consumer.end_offsets(list(partitions)))
        return found

    async def highs(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset after each partition's last record, be it committed or not."""
        if self._uncommitted is None:
            self._uncommitted = await _started(self._client, "read_uncommitted")
        consumer = self._uncommitted
        found: dict[TopicPartition, int] = await _retried(lambda: consumer.end_offsets(list(partitions)))
        return found

    async def starts(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset that each partition still has."""
        assert self._consumer is not None
        consumer = self._consumer
        found: dict[TopicPartition, int] = await _retried(lambda: consumer.beginning_offsets(list(partitions)))
        return found

    async def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's positions, with the topic ids that they were committed for; a missing one is left out."""

        async def ask() -> dict[TopicPartition, OffsetAndMetadata]:
            admin = _Admin(**self._client)
            try:
                await admin.start()
                found = await admin.list_consumer_group_offsets(self._group, partitions=list(partitions))
            finally:
                await admin.close()
            return {tp: position for tp, position in found.items() if position.offset >= 0}

        positions: dict[TopicPartition, OffsetAndMetadata] = await _retried(ask)
        return positions

    async def expel(self, member: str) -> None:
        """Make the group forget a member that has ended without leaving; one that is not there any more is fine."""

        async def ask() -> None:
            admin = _Admin(**self._client)
            try:
                await admin.start()
                coordinator = await admin.find_coordinator(self._group)
                answer = await admin._send_request(LeaveGroupRequest(self._group, member), coordinator)  # noqa: SLF001 - there is no public way
            finally:
                await admin.close()
            error = for_code(answer.error_code)
            if error not in (NoError, UnknownMemberIdError):
                raise error

        await _retried(ask)

    @asynccontextmanager
    async def log(
        self, partitions: Sequence[TopicPartition], positions: Mapping[TopicPartition, int] | None = None
    ) -> AsyncIterator[AsyncIterator[Sequence[ConsumerRecord]]]:
        """
        Open the partitions' logs as they are now: yields an iterator of shares that ends with them.

        Args:
            partitions: whose logs.
            positions: where to begin in each; None begins at their starts.

        """
        ends = await self.ends(partitions)
        consumer = await _started(self._client)
        try:
            consumer.assign(list(partitions))
            for tp, position in (await self.starts(partitions) if positions is None else positions).items():
                consumer.seek(tp, position)
            yield _shares(consumer, ends)
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def follower(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Open a reader of committed records, to be assigned partitions and sought; it belongs to no group."""
        consumer = _consumer(self._client)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


def place(records: Sequence[ConsumerRecord]) -> TopicPartition:
    """Return whose records a share of a log holds."""
    return TopicPartition(records[0].topic, records[0].partition)


class _Admin(AIOKafkaAdminClient):  # type: ignore[misc] # aiokafka ships no types
    """
    Tells a group without positions from a coordinator that cannot answer.

    aiokafka's `list_consumer_group_offsets` does not look at the error of the whole answer, which names no partition
    then: a coordinator that has just moved or is loading would look like a group that has committed nothing.
    """

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        answer = await super()._send_request(request, node_id)
        if isinstance(request, OffsetFetchRequest):
            parts = [part for _, partitions in answer.topics for part in partitions]
            for code in (getattr(answer, "error_code", 0), *(part[-1] for part in parts)):
                if code:
                    raise for_code(code)
        return answer


def _consumer(client: Mapping[str, Any], isolation: str = "read_committed") -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **client,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        max_partition_fetch_bytes=FETCH_BYTES,
        request_timeout_ms=10_000,
        metadata_max_age_ms=5_000,
    )


async def _started(client: Mapping[str, Any], isolation: str = "read_committed") -> AIOKafkaConsumer:
    async def ask() -> AIOKafkaConsumer:
        consumer = _consumer(client, isolation)
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    return await _retried(ask)


async def _shares(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[Sequence[ConsumerRecord]]:
    # A log ends in transaction markers, which are never delivered: the position is what tells that it was read.
    left = {tp for tp, end in ends.items() if await consumer.position(tp) < end}
    while left:
        for records in (await consumer.getmany(*left, timeout_ms=POLL_MS)).values():
            yield records
        left = {tp for tp in left if await consumer.position(tp) < ends[tp]}


async def _retried(ask: Any) -> Any:
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not transient(error):
                raise
            await asyncio.sleep(RETRY_S)


def transient(error: BaseException) -> bool:
    """Whether the same call may well succeed later: a broker's trouble, not ours."""
    return isinstance(error, KafkaTimeoutError | TimeoutError) or (isinstance(error, KafkaError) and error.retriable)
