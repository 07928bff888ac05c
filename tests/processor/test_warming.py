"""When a worker warms up before it joins, and what is seen of it meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from processor.lanes import Lanes
from processor.warming import warm_up
from schemas.cluster import ClusterError
from schemas.topics import STOCK_LEVEL
from tests.processor.decks import Silent, plain_deck


@dataclass(frozen=True)
class Row:
    """A changelog's record."""

    offset: int
    topic: str = STOCK_LEVEL
    partition: int = 0
    timestamp: int = 1
    key: bytes = b"MUG"
    value: bytes = b'{"v":1,"source":{"T":1}}'


@dataclass
class Kafka(Silent):
    """Stands in for the cluster: a group's members, and a log of two levels in each partition, read past `gate`."""

    crew: dict[str, str]
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    expelled: list[str] = field(default_factory=list)
    read: int = 0

    async def expel(self, member: str) -> None:
        """Note who has to go."""
        assert self.read == 0
        self.expelled.append(member)

    async def starts(self, tps: Any) -> dict[Any, int]:
        """Return the logs' starts."""
        return dict.fromkeys(tps, 0)

    async def ends(self, tps: Any) -> dict[Any, int]:
        """Return the logs' ends."""
        return {tp: 2 if tp.topic == STOCK_LEVEL else 0 for tp in tps}

    @asynccontextmanager
    async def log(self, tps: Any, _positions: Mapping[Any, int]) -> AsyncIterator[Any]:
        """Read a log up to its end."""

        async def shares() -> AsyncIterator[list[Row]]:
            for offset in range(2):
                yield [Row(offset, partition=tps[0].partition)]
                self.read += 1
                await self.gate.wait()

        yield shares()


@pytest.fixture
async def lanes_in() -> AsyncIterator[Callable[[Kafka], Lanes]]:
    """Return the maker of worker b's lanes in a group."""
    made = []

    def make(kafka: Kafka) -> Lanes:
        reader: Any = kafka
        deck = plain_deck(reader, partitions=2, instance="b", crew=lambda: kafka.crew)
        made.append(Lanes(deck))
        return made[-1]

    yield make
    for lanes in made:
        await lanes.drain()


async def until(look: Callable[[], Any]) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("crew", "handed_over"),
    [({}, True), ({"m1": "b"}, True), ({"m1": "b", "m2": "a"}, False)],
    ids=["nobody is there", "only its own name is", "it has kept its tables and the group waits for it"],
)
async def test_it_joins_at_once_where_nobody_would_decide_meanwhile(
    lanes_in: Any, crew: dict[str, str], *, handed_over: bool
) -> None:
    """Reading before it joins would make its partitions stand still for longer."""
    kafka = Kafka(crew)
    await asyncio.wait_for(warm_up(lanes_in(kafka), handed_over=handed_over), 5)
    assert (kafka.read, kafka.expelled) == (0, [])


@pytest.mark.parametrize(
    ("crew", "handed_over", "expelled"),
    [({"m2": "a"}, False, []), ({"m2": ""}, False, []), ({"m1": "b", "m2": "a"}, True, ["m1"])],
    ids=["another", "another without a name", "its own name is held and the others are warm"],
)
async def test_it_has_all_tables_before_it_joins_others(
    lanes_in: Any, crew: dict[str, str], expelled: list[str], *, handed_over: bool
) -> None:
    """It stays healthy, it is not ready, and what it has goes to its lanes."""
    kafka = Kafka(crew)
    lanes = lanes_in(kafka)
    warming = asyncio.create_task(warm_up(lanes, handed_over=handed_over))
    await until(lambda: kafka.read)
    assert kafka.expelled == expelled
    lanes._since = time.monotonic() - 500  # it has been at it for long, but it moves
    assert lanes.stuck_s < 5
    assert not lanes.ready
    assert not warming.done()
    kafka.gate.set()
    await asyncio.wait_for(warming, 5)
    assert sorted(lanes.standbys.stores()) == [0, 1]
    store = await lanes.standbys.take(1)
    assert store.levels == {b"MUG": Row(0).value}
    assert store.reach.read[STOCK_LEVEL] == 2


async def test_it_ends_at_once_while_it_warms_up(lanes_in: Any) -> None:
    """A drain waits for no reading."""
    kafka = Kafka({"m2": "a"})
    lanes = lanes_in(kafka)
    warming = asyncio.create_task(warm_up(lanes, handed_over=False))
    await until(lambda: kafka.read)
    warming.cancel()
    await asyncio.wait_for(lanes.drain(), 2)
    assert warming.cancelled()
    assert not lanes.standbys.stores()


async def test_a_group_that_cannot_be_looked_up_keeps_nobody_from_joining(lanes_in: Any) -> None:
    """A cold start is slower; it is right all the same."""

    def unknown() -> Mapping[str, str]:
        raise ClusterError("no answer")

    kafka = Kafka({})
    lanes = lanes_in(kafka)
    object.__setattr__(lanes.deck, "crew", unknown)
    await warm_up(lanes, handed_over=True)
    assert kafka.read == 0
