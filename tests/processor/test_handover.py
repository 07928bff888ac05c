"""A store has one owner at a time, whatever a rebalance does: a lane or the standbys; databases tell, they lock."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from processor import opening
from processor.deck import Deck
from processor.lane import Lane
from processor.lanes import Lanes
from processor.recovery import open_store, recover
from processor.sources import Source
from processor.store import Change, Reach, View
from processor.store_folder import Folder
from processor.store_rocksdb import Rocks
from processor.transactions import State
from processor.writer import Writer
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL
from tests.processor.decks import Silent, plain_deck

IDS = {STOCK_LEVEL: "levels", ORDER_OUTCOME: "lines"}


@dataclass
class Kafka(Silent):
    """Stands in for the cluster: empty logs; `fences` are the partitions in the order of their fences, tried or not."""

    trouble: set[int] = field(default_factory=set)
    fences: list[int] = field(default_factory=list)
    start: int = 0
    bye: asyncio.Event = field(default_factory=asyncio.Event)

    async def fence(self, partition: int) -> None:
        """Fence, where brokers are not in trouble."""
        self.fences.append(partition)
        if partition in self.trouble:
            raise KafkaError

    async def close(self) -> None:
        """Close a producer's connections, which takes as long as it takes."""
        await self.bye.wait()

    async def starts(self, tps: Any) -> dict[Any, int]:
        """Return the logs' starts."""
        return dict.fromkeys(tps, self.start)

    async def ends(self, tps: Any) -> dict[Any, int]:
        """Return the logs' ends."""
        return dict.fromkeys(tps, self.start)


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """Return the cluster."""
    kafka = Kafka()
    monkeypatch.setattr(Writer, "fence", lambda writer: kafka.fence(writer._partition))
    monkeypatch.setattr(Writer, "close", lambda _: kafka.close())
    return kafka


@pytest.fixture
def deck(kafka: Kafka, tmp_path: Path) -> Deck:
    """Return the fixed parts of a worker that keeps its tables on disk."""
    reader: Any = kafka
    return plain_deck(
        reader,
        partitions=8,
        topic_ids=lambda: dict.fromkeys(Source, "id"),
        table_ids=lambda: IDS,
        shelf=Folder(str(tmp_path), "g", "w"),
    )


@pytest.fixture
async def lanes(deck: Deck, kafka: Kafka) -> AsyncIterator[Lanes]:
    """Return a worker's lanes; the partition 7 is followed already, so its standbys are at work."""
    lanes = Lanes(deck)
    await lanes.assign(set(), {7}, lambda: True, _nowhere)
    await until(lanes.standbys.stores)
    yield lanes
    kafka.bye.set()
    await lanes.drain()


async def _nowhere(_: object) -> None:
    """Seek nowhere."""


async def until(look: Callable[[], Any]) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)


def _fenced(kafka: Kafka, count: int) -> bool:
    return len(kafka.fences) >= count


async def lane_in(lanes: Lanes, partition: int, *, stored: bool = True) -> Lane:
    """Return a new lane of the worker, with its store or without."""
    deck = lanes.deck
    lane = lanes._lanes[partition] = Lane(partition, deck, Writer({}, deck.names, partition))
    if stored:
        lane.view = View(await open_store(deck, partition, IDS))
    return lane


async def test_a_standby_begins_with_what_the_lane_had_however_long_the_lane_takes_to_end(
    lanes: Lanes, kafka: Kafka
) -> None:
    """A standby that opened the tables itself meanwhile would find them locked, and end the worker."""
    store = (await lane_in(lanes, 1)).view.store
    moving = asyncio.create_task(lanes.assign(set(), {1, 7}, lambda: True, _nowhere))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(moving), 0.8)  # longer than the standbys sleep
    kafka.bye.set()
    await moving
    await until(lambda: 1 in lanes.standbys.stores())
    assert lanes.standbys.stores()[1] is store
    assert not lanes.failed.done()


async def test_a_lane_that_has_no_store_yet_leaves_none_to_the_standby(lanes: Lanes, kafka: Kafka) -> None:
    """What stands in its place would be filled, in memory, though the tables are to be on disk."""
    kafka.bye.set()
    await lane_in(lanes, 1, stored=False)
    await lanes.assign(set(), {1, 7}, lambda: True, _nowhere)
    await until(lambda: 1 in lanes.standbys.stores())
    found = lanes.standbys.stores()[1]
    assert isinstance(found, Rocks)
    assert found.ids == IDS


async def test_a_lane_whose_opening_is_overtaken_leaves_its_store_to_the_next(lanes: Lanes, kafka: Kafka) -> None:
    """Two rebalances in a row cost no reading."""
    kafka.bye.set()
    kafka.trouble = {7}
    store = lanes.standbys.stores()[7]
    for count in (1, 2):
        await lanes.suspend(0)
        await lanes.assign({7}, set(), lambda: True, _nowhere)
        await until(partial(_fenced, kafka, count))
        assert lanes.all[7].view.store is store


async def test_a_partition_that_is_tried_again_while_the_group_takes_it_away_is_gone(
    lanes: Lanes, kafka: Kafka
) -> None:
    """Both would end its lane, and the second would not find it."""
    lane = await lane_in(lanes, 1)
    lane.state = State.WEDGED
    again = asyncio.create_task(lanes.reopen(lane))
    await asyncio.sleep(0)
    taken = asyncio.create_task(lanes.assign(set(), {7}, lambda: True, _nowhere))
    await asyncio.sleep(0)
    kafka.bye.set()
    await asyncio.gather(again, taken)
    assert not lanes.all
    assert not kafka.fences
    (await open_store(lanes.deck, 1, IDS)).close()


async def test_a_partition_is_opened_once_though_it_is_tried_again_in_a_rebalance(lanes: Lanes, kafka: Kafka) -> None:
    """The rebalance comes first; the lane that was to be tried again is there no more."""
    kafka.trouble = {1}
    lane = await lane_in(lanes, 1)
    lane.state = State.WEDGED
    given = asyncio.create_task(lanes.assign({1}, {7}, lambda: True, _nowhere))
    await asyncio.sleep(0)
    again = asyncio.create_task(lanes.reopen(lane))
    await asyncio.sleep(0)
    kafka.bye.set()
    await asyncio.gather(again, given)
    await until(lambda: kafka.fences)
    assert kafka.fences == [1]
    assert lanes.all[1] is not lane


async def test_partitions_whose_brokers_are_in_trouble_hold_no_other_up(
    lanes: Lanes, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait beside the few that read, not among them, and who waits for those is not stuck."""
    monkeypatch.setattr(opening, "OPEN_AGAIN_S", 0.05)
    kafka.bye.set()
    kafka.trouble = set(range(6))
    await lanes.assign(kafka.trouble, {7}, lambda: True, _nowhere)
    await until(lambda: set(kafka.fences) == kafka.trouble)
    for _ in range(lanes.openings.slots._value):
        await lanes.openings.slots.acquire()
    await until(lambda: all(lane.busy_since is None for lane in lanes.all.values()))


async def test_tables_that_are_being_cleared_are_nobody_elses_until_they_are(
    deck: Deck, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread cannot be stopped: whoever is to stop waits for it, and leaves a store of use behind."""
    begun, may = threading.Event(), threading.Event()
    remove = shutil.rmtree

    def slow(path: Path) -> None:
        begun.set()
        assert may.wait(5)
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", slow)
    store = await open_store(deck, 1, IDS)
    store.take(Change(levels={b"S": b"1"}, lines={}, at=0, reach=Reach(read={STOCK_LEVEL: 1, ORDER_OUTCOME: 1})))
    kafka.start = 5
    reading = asyncio.create_task(recover(deck, 1, store, 0, lambda _: None))
    await until(begun.is_set)
    for _ in range(2):
        reading.cancel()
        await asyncio.wait({reading}, timeout=0.05)
    assert not reading.done()
    may.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert store.levels.get(b"S") is None
    store.take(Change(levels={b"S": b"2"}, lines={}, at=0, reach=Reach()))
    store.close()
    store.close()
