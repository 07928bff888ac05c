"""
Faust's consumer, with batches for messages and no positions of its own.

Departures from Faust 0.15.3, each with its reason:

- One Faust message is one partition's share of one poll.  Faust's cost is per message (about 70 % of it one
  `wait_first`), so it is paid once for thousands of records; this is 12 times faster.
- Faust neither tracks nor commits positions: they are committed inside the lanes' transactions.  Its own way commits
  what is not durable yet (transport/consumer.py, `_commit_offsets`).
- Only what an open lane has room for is polled, so a full or stopped lane holds no other up.
- A seek and a poll never overlap.  Faust seeks while its fetcher may hold records of the old position, which skips them
  (tables/recovery.py, `on_recovery_completed`).
- The client reads committed records only, and its timeouts are set apart: Faust ties the time limit of a request to
  that of a whole recovery step.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import aiokafka
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from processor import membership
from processor.fetching import Fetching, Taken
from processor.group_client import GroupClient
from processor.sources import Share, Source

FETCH_WAIT_MS = 500
"""How long a broker holds a fetch with nothing to answer; a new record ends it at once."""
IDLE_POLL_S = 0.5
BUSY_POLL_S = 0.05
REQUEST_TIMEOUT_MS = 10_000
REBALANCE_TIMEOUT_MS = 25_000
NEVER_MS = 86_400_000
"""aiokafka refuses to rejoin after `max.poll.interval`, silently; our own watchdog notices a worker that hangs."""


class Whole(Schema[Any, Any]):
    """Hands a share to the agent as it is: bad JSON is a dead letter, not the framework's business."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 - Faust's signature
        """Return the key."""
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002 - likewise
        """Return the share."""
        return message.value


class Thread(driver.AIOKafkaConsumerThread):
    """The thread with the group's consumer: heartbeats go on whatever the main loop does."""

    app: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with no positions."""
        super().__init__(*args, **kwargs)
        self._fetching = Fetching()

    def _create_worker_consumer(
        self,
        transport: Any,  # noqa: ARG002 - Faust's signature
    ) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return GroupClient(
            self._lost,
            **self.app.deck.client,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            client_id=conf.broker_client_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=NEVER_MS,
            metadata_max_age_ms=5_000,
        )

    async def on_thread_stop(self) -> None:
        """Leave the group, unless it is better to be expected back."""
        if self._consumer is not None:
            membership.let_go(self._consumer, self._assignor)
        await super().on_thread_stop()

    def forgotten(self) -> bool:
        """Whether the group does not know this member any more."""
        return self._consumer is not None and membership.forgotten(self._consumer)

    def member_id(self) -> str:
        """Return the id under which the group knows this member, "" for none."""
        return "" if self._consumer is None else membership.member_id(self._consumer)

    def _lost(self, error: BaseException) -> None:
        self.parent_loop.call_soon_threadsafe(self.app.lanes.fail, error)

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's signature
        """Poll `active_partitions`, those of them that are still assigned."""
        return await self.call_thread(self._poll, active_partitions, timeout)

    async def _poll(self, partitions: set[Any], timeout: float) -> Any:  # noqa: ASYNC109 - aiokafka's own limit
        consumer = self._ensure_consumer()
        mine = partitions & consumer.assignment()
        if not mine:
            return {}
        return await self._fetching.poll(consumer, mine, int(timeout * 1000))

    async def rewind(self, positions: Mapping[Any, int]) -> None:
        """Seek."""
        await self.call_thread(self._rewind, positions)

    async def _rewind(self, positions: Mapping[Any, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in positions.items():
            consumer.seek(tp, offset)
        self._fetching.moved(positions)
        # What the tables' topics hold is written by us and read by nobody here.
        others = {tp for tp in consumer.assignment() if tp.topic in self.app.tables.changelog_topics}
        consumer.pause(*others)


class Consumer(driver.Consumer):
    """The group's consumer as the main loop sees it."""

    app: Any
    _thread: Thread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with no poll under way."""
        super().__init__(*args, **kwargs)
        self._polling = asyncio.Lock()
        self._member = ""

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Pause the lanes before the rebalance is answered: the next owner finds nothing under way."""
        self.stop_flow()
        await self.app.lanes.suspend()
        if self._thread.forgotten():
            await membership.check_name(self.app.lanes, self._member)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """Remember as whom the group knows this worker."""
        self._member = self._thread.member_id() or self._member
        await super().on_partitions_assigned(assigned, generation_id)

    async def rewind(self, positions: Mapping[Any, int]) -> None:
        """Seek while no poll is under way, so that whatever is polled afterwards follows the new positions."""
        async with self._polling:
            await self._thread.rewind(positions)
            for tp in positions:
                self._read_offset[TP(*tp)] = None

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109, ARG002 - Faust's signature
    ) -> AsyncIterator[tuple[Any, Any]]:
        """Yield each partition's share of one poll as one message."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type] # mode names its own Event, asyncio's works
        lanes = self.app.lanes
        wanted = lanes.wanted()
        if not wanted:
            await _soon(lanes.wake)
            return
        async with self._polling:
            wanted = lanes.wanted()
            found: Any = await self._getmany(set(wanted), IDLE_POLL_S if lanes.settled else BUSY_POLL_S)
        for tp, taken in found.items():
            share = self._share(tp, wanted[tp], taken)
            lanes.reserve(share)
            # Faust drops what lies below its last message, silently: a log that was cut must be told to its lane.
            self._read_offset[TP(*tp)] = None
            yield TP(*tp), self._message(tp, share)

    def _share(self, tp: Any, session: int, taken: Taken) -> Share:
        return Share(
            source=self.app.source_of[tp.topic],
            partition=tp.partition,
            session=session,
            records=taken.records,
            upto=taken.upto,
            fault=taken.fault,
        )

    def _message(self, tp: Any, share: Share) -> ConsumerMessage:
        place = {"topic": tp.topic, "partition": tp.partition, "offset": share.upto, "tp": TP(*tp)}
        absent = {"headers": None, "key": None, "checksum": None, "timestamp": 0.0, "timestamp_type": 0}
        facts: dict[str, Any] = {**place, **absent, "generation_id": self.app.consumer_generation_id}
        return ConsumerMessage(**facts, value=cast("Any", share))

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Note nothing: shares jump by design, and lanes check that no record is missing."""

    def ack(self, message: Any) -> bool:
        """Note nothing: positions are committed by the lanes."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(
        self,
        topics: Any = None,  # noqa: ARG002 - Faust's signature
        start_new_transaction: bool = True,  # noqa: ARG002, FBT001, FBT002 - likewise
    ) -> bool:
        """Commit nothing, for the same reason."""
        return False

    def on_buffer_full(self, tp: Any) -> None:
        """Do nothing: lanes bound what is fetched."""

    def on_buffer_drop(self, tp: Any) -> None:
        """Do nothing, likewise."""

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Do nothing: of each partition of the tables Faust logs every 7 s that it is not fetched; the lanes watch."""


async def _soon(wake: asyncio.Event) -> None:
    """Wait for a lane to open, but look again before long."""
    wake.clear()
    try:
        await asyncio.wait_for(wake.wait(), BUSY_POLL_S)
    except TimeoutError:
        return


class Transport(driver.Transport):
    """Faust's transport with the consumer above."""

    Consumer = Consumer


def sources_by_topic(topic: Any) -> dict[str, Source]:
    """Return which source a real topic name is, given the function that makes real names."""
    return {topic(source.value): source for source in Source}
