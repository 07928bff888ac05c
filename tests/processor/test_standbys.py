"""A standby hands its store over at any moment, and from then on writes nothing to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor import standbys as module
from processor.standbys import Standbys
from processor.store import Change, Reach, Store, StoreError
from processor.store_memory import Memory
from schemas.cluster import ClusterError
from schemas.topics import ORDER_OUTCOME
from tests.processor.decks import plain_deck

LINES = TopicPartition(ORDER_OUTCOME, 0)


@dataclass(frozen=True)
class Row:
    """A changelog's record."""

    offset: int
    topic: str = ORDER_OUTCOME
    partition: int = 0
    timestamp: int = 1

    @property
    def key(self) -> bytes:
        """Its key."""
        return b"%d" % self.offset

    @property
    def value(self) -> bytes:
        """Its row."""
        return b'{"v":1,"timestamp":1,"source":{"T":%d}}' % self.offset


@dataclass
class Log:
    """Stands in for Kafka: a log of a hundred lines, a share of one each; `gate` holds the reader up."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    read: int = 0
    end: int = 100
    sought: dict[TopicPartition, int] = field(default_factory=dict)

    async def starts(self, tps: Any) -> dict[TopicPartition, int]:
        """Return the log's start."""
        return dict.fromkeys(tps, 0)

    async def ends(self, tps: Any) -> dict[TopicPartition, int]:
        """Return the log's end."""
        return {tp: self.end if tp == LINES else 0 for tp in tps}

    @asynccontextmanager
    async def log(self, _tps: Any, positions: Mapping[TopicPartition, int]) -> AsyncIterator[Any]:
        """Read the log up to its end."""

        async def shares() -> AsyncIterator[list[Row]]:
            for offset in range(positions[LINES], 100):
                if offset == 50:
                    await self.gate.wait()
                self.read = offset
                yield [Row(offset)]

        yield shares()

    @asynccontextmanager
    async def follower(self) -> AsyncIterator[Any]:
        """Follow the log: nothing more comes."""
        yield self

    def unsubscribe(self) -> None:
        """Follow nothing."""
        self.sought.clear()

    def assign(self, _tps: Any) -> None:
        """Do nothing."""

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Note where the reading goes on."""
        self.sought[tp] = offset

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Row]]:
        """Return nothing."""
        await asyncio.sleep(0.001)
        return {}

    def last_stable_offset(self, _tp: TopicPartition) -> int:
        """Return the log's end."""
        return 100

    async def position(self, tp: TopicPartition) -> int:
        """Return where the reading stands."""
        return self.sought[tp]


@pytest.fixture
def log() -> Log:
    """Return a log whose second half waits for the gate."""
    return Log()


@pytest.fixture
def failures() -> list[BaseException]:
    """Return what ended the worker."""
    return []


@pytest.fixture
async def standbys(log: Log, failures: list[BaseException]) -> AsyncIterator[Standbys]:
    """Return standbys that follow nothing yet."""
    reader: Any = log
    deck = plain_deck(reader)
    standbys = Standbys(deck, failures.append)
    yield standbys
    await standbys.stop()


async def until(look: Callable[[], Any]) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)


async def test_a_store_that_is_handed_over_while_it_catches_up_is_not_written_to_any_more(
    standbys: Standbys, log: Log
) -> None:
    """Two writers would put an old row over the owner's newer one."""
    await standbys.follow({0})
    await until(lambda: log.read == 49)
    store = await standbys.take(0)
    assert store is not None
    assert store.reach.read == {ORDER_OUTCOME: 50}
    log.gate.set()
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(store.lines) == 50
    assert log.read == 49
    assert standbys.stores() == {}


async def test_a_store_that_has_caught_up_goes_as_it_is_and_comes_back_as_it_was_left(
    standbys: Standbys, log: Log
) -> None:
    """What a lane has had meanwhile is not read again."""
    log.gate.set()
    await standbys.follow({0})
    await until(lambda: log.sought)
    store = await standbys.take(0)
    assert store is not None
    assert len(store.lines) == 100
    log.sought.clear()
    await standbys.follow({0})
    standbys.adopt(0, store)
    await until(lambda: log.sought)
    assert standbys.stores() == {0: store}
    assert log.sought[LINES] == 100


async def test_a_partition_that_is_followed_no_more_is_forgotten(standbys: Standbys, log: Log) -> None:
    """Its store is closed, also in the middle of catching up."""
    await standbys.follow({0})
    await until(lambda: log.read == 49)
    await standbys.follow(set())
    assert standbys.stores() == {}
    assert await standbys.take(0) is None


async def test_a_standby_that_cannot_keep_its_tables_ends_the_worker(
    standbys: Standbys, failures: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no quieter for a standby."""

    def full(*_: object) -> Store:
        raise StoreError("No space left on device")

    monkeypatch.setattr(type(standbys._deck.shelf), "open", full)
    await standbys.follow({0})
    await until(lambda: failures)
    assert isinstance(failures[0], StoreError)


async def test_a_partition_that_goes_to_a_lane_while_another_is_read_is_not_opened_any_more(
    standbys: Standbys, log: Log
) -> None:
    """Two would have one store: on disk the second opening fails, in memory a ghost is kept up to date."""
    await standbys.follow({0, 1, 2})
    await until(lambda: log.read == 49)
    assert await standbys.take(1) is None
    log.gate.set()
    await until(lambda: not standbys.pending())
    assert set(standbys.stores()) == {0, 2}


@pytest.mark.parametrize("trouble", [ClusterError("refused"), TimeoutError()], ids=repr)
async def test_a_standby_outlives_brokers_that_do_not_answer(
    standbys: Standbys, log: Log, failures: list[BaseException], monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """The lanes decide all the same; the standby tries again."""
    left = [trouble, trouble]

    def table_ids() -> Mapping[str, str]:
        if left:
            raise left.pop()
        return {}

    monkeypatch.setattr(module, "RETRY_S", 0.0)
    object.__setattr__(standbys._deck, "table_ids", table_ids)
    log.gate.set()
    await standbys.follow({0})
    await until(standbys.stores)
    assert not failures


@pytest.fixture
def ahead() -> Memory:
    """Return the store of a lane that has just committed its log's hundredth record."""
    store = Memory({ORDER_OUTCOME: "id"})
    store.take(Change(levels={}, lines={}, at=0, reach=Reach(read={ORDER_OUTCOME: 100})))
    return store


async def test_a_store_whose_last_markers_are_not_written_yet_is_followed_once_they_are(
    standbys: Standbys, log: Log, ahead: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit is answered before its markers are written: until then the log ends before the transaction."""
    monkeypatch.setattr(module, "POLL_MS", 1)
    log.end = 90
    await standbys.follow({0}, {0: ahead})
    await until(lambda: 0 in standbys._ahead)
    assert standbys.pending() == {0}
    log.end = 100
    await until(standbys.stores)
    assert standbys.stores() == {0: ahead}


async def test_a_store_that_stays_ahead_of_its_log_is_given_up(
    standbys: Standbys, log: Log, ahead: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No markers take that long: the log was cut."""
    monkeypatch.setattr(module, "MARKERS_S", 0.0)
    log.end = 90
    await standbys.follow({0}, {0: ahead})
    await until(lambda: not standbys.pending())
    assert standbys.stores() == {}
    assert await standbys.take(0) is None
