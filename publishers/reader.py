"""
The tables' source: a thread that reads the topics from their start, to their end, and on.  No consumer group.

`order.outcome` is no table: it is read once the channel is taken over, from where its records have heard it.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.channel_records import ChannelLevel, Incident, Listing, PublisherCommand, Watermark
from schemas.cluster import now_ms
from schemas.codec import WireError, decode
from schemas.logs import LIBRARY
from schemas.records import OrderOutcome, StockLevel
from schemas.settings import Config
from schemas.topics import (
    INGEST_WATERMARK,
    LISTING,
    ORDER_OUTCOME,
    STOCK_LEVEL,
    SYNC_INCIDENT,
    channel_level,
    publisher_command,
)

POLL_S = 0.2
DRAIN = 500
"""Most records that are taken at once after the first: a poll costs more than a record."""
INBOX_MAX = 20_000
"""Records waiting for the loop; the thread pauses above it, so that a long topic does not fill the memory."""
PAUSE_S = 0.005
METADATA_S = 30.0
HEAR_BACK_MS = 3_600_000
"""
How far back sales are read at most.  A SKU that has differed for longer is told from a number that may be too high: the
channel refuses it, or what is missing counts as hidden until the order poll has passed it.
"""
log = logging.getLogger(__name__)

Place = tuple[str, int]
"""Topic name without the deployment's prefix, partition."""


@dataclass(frozen=True, slots=True)
class Item:
    """One record; `value` is None for a tombstone."""

    topic: str
    partition: int
    key: bytes
    offset: int
    value: Any


class Reader(threading.Thread):
    """Feeds an inbox and wakes the loop."""

    def __init__(self, config: Config, channel: str, wake: asyncio.Event) -> None:
        """Prepare to read this channel's tables; must be called in the event loop's thread."""
        super().__init__(name="reader", daemon=True)
        self.inbox: deque[Item] = deque()
        self.reached: dict[Place, int] = {}
        self.undecodable = 0
        self.failed: str | None = None
        self._config, self._channel, self._wake = config, channel, wake
        self._loop = asyncio.get_running_loop()
        self._ending = threading.Event()
        self._hear: Mapping[int, int] | None = None
        self._kinds: Mapping[str, type[Any]] = {
            STOCK_LEVEL: StockLevel,
            LISTING: Listing,
            INGEST_WATERMARK: Watermark,
            SYNC_INCIDENT: Incident,
            ORDER_OUTCOME: OrderOutcome,
            channel_level(channel): ChannelLevel,
            publisher_command(channel): PublisherCommand,
        }
        self._names = {config.kafka.topic(name): name for name in self._kinds}
        self._own = f'"channel":"{channel}"'.encode()
        self._consumer = Consumer(
            config.kafka.consumer(f"publisher-{channel}-tables", enable_partition_eof="true", fetch_wait_max_ms=100),
            logger=LIBRARY,
        )

    def run(self) -> None:
        """Read until `close`; what cannot go on is left in `failed` for the loop."""
        try:
            self._consumer.assign(self._places())
            while not self._ending.is_set():
                self._listen()
                self._read()
        except KafkaException as error:
            self.failed = error.args[0].str()
        except Exception as error:  # whatever it was: a thread that died silently would leave the tables as they are
            log.exception("the reader has ended")
            self.failed = repr(error)
        finally:
            self._consumer.close()
            self._ring()

    def _places(self) -> list[TopicPartition]:
        topics = self._consumer.list_topics(timeout=METADATA_S).topics
        places = [
            TopicPartition(real, number, OFFSET_BEGINNING)
            for real, name in self._names.items()
            if name != ORDER_OUTCOME
            for number in topics[real].partitions
        ]
        self.reached.update({(self._names[place.topic], place.partition): -1 for place in places})
        return places

    def hear(self, starts: Mapping[int, int]) -> None:
        """Read `order.outcome` too, by partition from these offsets on, but not from more than an hour ago."""
        self._hear = starts

    def _listen(self) -> None:
        """Do what `hear` asked for: the consumer belongs to this thread."""
        starts, self._hear = self._hear, None
        if starts is None:
            return
        real = self._config.kafka.topic(ORDER_OUTCOME)
        oldest = now_ms() - HEAR_BACK_MS
        young = self._consumer.offsets_for_times([TopicPartition(real, p, oldest) for p in starts], METADATA_S)
        # A negative offset stands for the end: nothing is as young as that.
        floors = {place.partition: place.offset for place in young if place.offset > 0}
        places = [TopicPartition(real, p, max(start, floors.get(p, 0))) for p, start in starts.items()]
        self._consumer.incremental_assign(places)

    def _read(self) -> None:
        if len(self.inbox) > INBOX_MAX:
            self._ending.wait(PAUSE_S)
            return
        first = self._consumer.poll(POLL_S)
        if first is None:
            return
        for message in (first, *self._consumer.consume(DRAIN, 0)):
            self._take(message)
        self._ring()

    def _ring(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's own name
            log.warning("reading failed, librdkafka goes on: %s", error.str())
            return
        name = self._names[str(message.topic())]
        if error is None and self._wanted(name, message):
            self._keep(name, message)
        # After the record is in the inbox: who sees the position finds the records before it.
        self.reached[name, int(message.partition() or 0)] = int(message.offset() or 0) + (error is None)

    def _wanted(self, name: str, message: Message) -> bool:
        """Leave out what is certainly another channel's before it is parsed."""
        return name != ORDER_OUTCOME or self._own in (message.value() or b"")

    def _keep(self, name: str, message: Message) -> None:
        raw = message.value()
        try:
            value = None if raw is None else decode(self._kinds[name], raw)
        except WireError as error:
            self.undecodable += 1
            place = f"{name}[{message.partition()}]@{message.offset()}"
            log.error("a record cannot be read and is left out: %s", error, extra={"place": place})  # noqa: TRY400 - the sentence says it all
            return
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        self.inbox.append(Item(name, partition, message.key() or b"", offset, value))

    def ends(self, name: str) -> dict[Place, int]:
        """Return the end offsets of a topic's partitions as they are now (blocking)."""
        real = self._config.kafka.topic(name)
        # An admin client's own connection: asked over the reading consumer's, the answer hangs behind its fetches.
        admin = AdminClient(self._config.kafka.client(), logger=LIBRARY)
        count = 1 if name == SYNC_INCIDENT else self._config.kafka.partitions
        asked = {(name, number): TopicPartition(real, number) for number in range(count)}
        newest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the library has no types here
        latest = dict.fromkeys(asked.values(), newest)
        found = admin.list_offsets(latest, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=METADATA_S)
        return {place: found[partition].result(METADATA_S).offset for place, partition in asked.items()}

    def passed(self, ends: Mapping[Place, int]) -> bool:
        """Return whether everything below these offsets is in the inbox or was taken from it."""
        return all(self.reached.get(place, -1) >= end for place, end in ends.items())

    def loaded(self) -> bool:
        """Return whether the end of every topic has been seen once."""
        return bool(self.reached) and all(position >= 0 for position in self.reached.values())

    def drain(self) -> Iterable[Item]:
        """Yield what has come in, and not what comes meanwhile: whoever takes it has other things to do too."""
        for _ in range(len(self.inbox)):
            yield self.inbox.popleft()

    def close(self) -> None:
        """End the thread and wait for it (blocking)."""
        self._ending.set()
        if self.is_alive():
            self.join()
