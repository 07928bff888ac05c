"""When a partition that has stopped is tried again: once an operator has written its position, and not before."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from processor import opening
from processor.lanes import Lanes
from processor.revival import revive
from processor.sources import Source
from processor.store import Change, Reach
from processor.store_memory import Memory
from processor.writer import Writer
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL
from tests.processor.decks import plain_deck

IDS = {STOCK_LEVEL: "levels", ORDER_OUTCOME: "lines"}


@dataclass
class Kafka:
    """Stands in for the cluster: tables' topics that were cut at 5, and the group's positions."""

    positions: dict[TopicPartition, OffsetAndMetadata] = field(default_factory=dict)
    fences: int = 0

    async def fence(self) -> None:
        """Count the openings."""
        self.fences += 1

    async def committed(self, tps: Any) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's positions."""
        return {tp: self.positions[tp] for tp in tps if tp in self.positions}

    async def starts(self, tps: Any) -> dict[TopicPartition, int]:
        """Return the logs' starts."""
        return dict.fromkeys(tps, 0)

    async def ends(self, tps: Any) -> dict[TopicPartition, int]:
        """Return the logs' ends."""
        return dict.fromkeys(tps, 5)


class Kept:
    """Keeps tables that go further than the log does."""

    def open(self, _partition: int, ids: Mapping[str, str]) -> Memory:
        """Return the tables."""
        store = Memory(ids)
        store.take(Change(levels={}, lines={}, at=0, reach=Reach(read={ORDER_OUTCOME: 9})))
        return store


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """Return the cluster."""
    kafka = Kafka({TopicPartition(Source.ORDERS.value, 0): OffsetAndMetadata(7, "id")})
    monkeypatch.setattr(Writer, "fence", lambda _: kafka.fence())
    monkeypatch.setattr(opening, "BEHIND_S", 0)
    return kafka


@pytest.fixture
async def lanes(kafka: Kafka) -> Lanes:
    """Return the lanes of a worker that has been given a partition whose tables go further than its log."""
    reader: Any = kafka
    deck = plain_deck(reader, topic_ids=lambda: dict.fromkeys(Source, "id"), table_ids=lambda: IDS, shelf=Kept())
    lanes = Lanes(deck)
    await lanes.assign({0}, set(), lambda: True, _nowhere)
    await opened(lanes)
    return lanes


async def _nowhere(_: object) -> None:
    """Seek nowhere: no lane of these tests gets so far."""


async def opened(lanes: Lanes) -> None:
    """Wait until nothing opens any more."""
    async with asyncio.timeout(5):
        while lanes.openings.tasks:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)


async def test_a_partition_whose_log_was_cut_stays_stopped_until_somebody_writes_its_position(
    lanes: Lanes, kafka: Kafka
) -> None:
    """It stopped before its positions were judged: each new try would fence whoever mends it, and forget the cut."""
    assert "it was cut" in lanes.wedged[0]
    for _ in range(3):
        await revive(lanes)
        await opened(lanes)
    assert kafka.fences == 1
    kafka.positions[TopicPartition(Source.ORDERS.value, 0)] = OffsetAndMetadata(7, "id told=word")
    for _ in range(3):
        await revive(lanes)
        await opened(lanes)
    assert kafka.fences == 2


async def test_positions_that_brokers_forget_are_nobodys_decision(lanes: Lanes, kafka: Kafka) -> None:
    """They go with a deleted topic: a new try would fence the command that is about to write one."""
    kafka.positions.clear()
    await revive(lanes)
    await opened(lanes)
    assert kafka.fences == 1


async def test_a_partition_whose_log_was_cut_says_how_it_goes_on(lanes: Lanes) -> None:
    """No command can resolve it: it is the worker's own tables that are ahead."""
    assert "remove the partition's folder" in lanes.wedged[0]
