"""
The tables of partitions that others own, followed so that this worker can take over at once.

A standby reads the changelogs as any other reader does: it holds no transactional id and fences nobody.  When the
group makes the partition this worker's own, the store goes to the lane, which fences first and then reads what is left.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from processor.deck import Deck
from processor.exits import WedgedError
from processor.recovery import AheadError, open_store, recover
from processor.replay import Ageing, changes
from processor.store import Store
from schemas.cluster import ClusterError

log = logging.getLogger(__name__)

RETRY_S = 1.0
POLL_MS = 500
SHARE = 1_000
"""Records taken over before the lanes have their turn."""
MARKERS_S = 30.0
"""How long the markers of a transaction that was committed may take: the log ends before it until then."""
NONE: Mapping[int, Store] = MappingProxyType({})


class Standbys:
    """
    The followed partitions; `failed` is told what ends the worker.

    A store is opened here only for a partition that is wanted, and a partition is wanted only while no lane has it or
    is about to: what a lane had comes with the very step that makes its partition wanted.
    """

    def __init__(self, deck: Deck, failed: Callable[[BaseException], None]) -> None:
        """Follow nothing yet."""
        self._deck = deck
        self._failed = failed
        self._wanted: set[int] = set()
        self._stores: dict[int, Store] = {}
        self._live: set[int] = set()
        self._read: dict[int, Store] = {}
        self._catching: dict[int, asyncio.Task[None]] = {}
        self._ahead: dict[int, float] = {}
        self._task: asyncio.Task[None] | None = None
        self.moved_at = 0.0
        self.read_back = 0

    async def follow(self, partitions: set[int], stores: Mapping[int, Store] = NONE) -> None:
        """Follow these from now on, and no others, with the stores that lanes had of them; others' are closed."""
        self._wanted = set(partitions)
        for partition, store in stores.items():
            self.adopt(partition, store)
        for partition in {*self._stores, *self._catching} - self._wanted:
            if (unwanted := await self._release(partition)) is not None:
                unwanted.close()
        if self._wanted and self._task is None:
            self._task = asyncio.create_task(self._run(), name="standbys")
            self._task.add_done_callback(self._ended)

    def adopt(self, partition: int, store: Store) -> None:
        """Go on with the store of a lane that has just ended; one that nobody wants is closed."""
        if partition in self._wanted and partition not in self._stores:
            self._stores[partition] = store
        else:
            store.close()

    async def take(self, partition: int) -> Store | None:
        """Hand a partition's store over to its lane, as far as it is; from here on nobody else writes to it."""
        self._wanted.discard(partition)
        return await self._release(partition)

    def stores(self) -> dict[int, Store]:
        """Return the stores that have caught up."""
        return {partition: self._stores[partition] for partition in self._live}

    def pending(self) -> set[int]:
        """Return the partitions to be followed that have not caught up yet."""
        return self._wanted - self._live

    async def stop(self) -> None:
        """Follow nothing any more and close everything."""
        await self.follow(set())  # first: what still opens a store is waited for
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _release(self, partition: int) -> Store | None:
        if (task := self._catching.get(partition)) is not None:
            task.cancel()
            await asyncio.wait({task})
        self._live.discard(partition)
        self._read.pop(partition, None)
        self._ahead.pop(partition, None)
        return self._stores.pop(partition, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def _run(self) -> None:
        while True:
            try:
                async with self._deck.reader.follower() as consumer:
                    await self._follow(consumer)
            except (ClusterError, KafkaError, TimeoutError) as error:
                log.warning("standbys start anew: %r", error)
            await asyncio.sleep(RETRY_S)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        self._read.clear()
        while True:
            await self._catch_up()
            if self._read != (live := self.stores()):
                self._read = live
                self._assign(consumer, live)
            if not live:
                await asyncio.sleep(POLL_MS / 1000)
                continue
            for tp, records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=SHARE)).items():
                # It may have gone to its lane meanwhile, and even come back.
                if tp.partition in self._live and tp.partition in self._read:
                    self._take(tp, records)
            await self._measure(consumer, self._read.keys() & self._live)

    async def _catch_up(self) -> None:
        """Open the stores of partitions that are new here, and read them up to the end of the log, one by one."""
        tried: set[int] = set()
        while left := self._wanted - self._live - tried:  # they change while one is read
            tried.add(partition := min(left))
            task = self._catching[partition] = asyncio.create_task(self._ready(partition), name=f"standby-{partition}")
            try:
                await asyncio.wait({task})
            finally:
                del self._catching[partition]
                task.cancel()
            if not task.cancelled():
                task.result()

    async def _ready(self, partition: int) -> None:
        store = self._stores.get(partition)
        if store is None:
            store = self._stores[partition] = await open_store(
                self._deck, partition, await asyncio.to_thread(self._deck.table_ids)
            )
        try:
            await recover(self._deck, partition, store, 0, self._moved)
        except WedgedError as error:
            if isinstance(error, AheadError) and self._may_come(partition):
                log.info("partition %d is looked at again: %s", partition, error)
                return
            log.error("partition %d is not followed: %s", partition, error)  # noqa: TRY400 - the message says it all
            self._wanted.discard(partition)
            self._stores.pop(partition).close()
        else:
            self._live.add(partition)
            self._ahead.pop(partition, None)

    def _may_come(self, partition: int) -> bool:
        now = time.monotonic()
        return now - self._ahead.setdefault(partition, now) < MARKERS_S

    def _moved(self, count: int) -> None:
        self._deck.metrics.recovered.inc(count)
        self.moved_at = time.monotonic()
        self.read_back += count

    def _assign(self, consumer: AIOKafkaConsumer, stores: Mapping[int, Store]) -> None:
        positions = {
            tp: store.reach.read.get(name, 0)  # of an empty log nothing was read
            for partition, store in stores.items()
            for tp, name in self._deck.changelogs(partition).items()
        }
        consumer.unsubscribe()
        if positions:
            consumer.assign(list(positions))
        for tp, position in positions.items():
            consumer.seek(tp, position)

    def _take(self, tp: TopicPartition, records: Sequence[Any]) -> None:
        ageing = Ageing(horizon_ms=self._deck.settings.horizon_ms)
        for change in changes(self._deck.changelogs(tp.partition)[tp], records, ageing):
            self._stores[tp.partition].take(change)

    async def _measure(self, consumer: AIOKafkaConsumer, partitions: Iterable[int]) -> None:
        gauge = self._deck.metrics.standby_lag
        gauge.clear()
        for partition in partitions:
            behind = [await _behind(consumer, tp) for tp in self._deck.changelogs(partition)]
            gauge.labels(partition).set(sum(behind))


async def _behind(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int:
    end = consumer.last_stable_offset(tp)
    return 0 if end is None else max(end - await consumer.position(tp), 0)
