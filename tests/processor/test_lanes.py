"""What a worker's watchdog sees: an opening that moves is no hang, one that does not is, and so is silence."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor import opening
from processor.exits import Exit
from processor.lane import Lane
from processor.lanes import Lanes
from processor.opening import OvertakenError
from processor.recovery import AheadError
from processor.sources import Source
from processor.transactions import State
from processor.writer import Writer
from schemas.cluster import ClusterError
from tests.processor.decks import plain_deck

LONG_S = 500.0


@pytest.fixture
async def lanes() -> Lanes:
    """Return a worker's lanes with one of them, assigned long ago."""
    reader: Any = None  # asked nothing
    deck = plain_deck(reader)
    lanes = Lanes(deck)
    lanes.assigned = True
    lanes._since = time.monotonic() - LONG_S
    lanes._lanes[0] = Lane(0, deck, Writer({}, deck.names, 0))
    return lanes


async def test_a_recovery_may_take_long_as_long_as_it_moves(lanes: Lanes) -> None:
    """Millions of lines take longer to read back than any hang should last."""
    assert lanes.stuck_s >= LONG_S
    lanes._lanes[0].busy_since = time.monotonic() - 2
    assert 2 <= lanes.stuck_s < LONG_S


@pytest.mark.parametrize(("state", "stuck"), [(State.OPEN, False), (State.WEDGED, False), (State.BROKEN, True)])
async def test_a_lane_that_is_neither_open_nor_stopped_for_a_reason_is_a_hang(
    lanes: Lanes, state: State, *, stuck: bool
) -> None:
    """An idle lane may be idle for ever, and one that waits for an operator is named; any other must come to an end."""
    lanes._lanes[0].state = state
    assert (lanes.stuck_s >= LONG_S) is stuck


async def test_a_topic_that_was_made_anew_stops_its_lanes(lanes: Lanes) -> None:
    """Offsets of the old one mean nothing there; with the same ids nothing happens."""
    lane = lanes._lanes[0]
    lane.state, lane.facts = State.OPEN, replace(lane.facts, topic_ids=dict.fromkeys(Source, "old"))
    lanes.identify(dict.fromkeys(Source, "old"))
    assert lane.state is State.OPEN
    lanes.identify({Source.ORDERS: "new", Source.ADJUSTMENTS: "old"})
    assert "made anew" in lanes.wedged[0]


async def test_records_that_wait_in_silence_are_a_hang(lanes: Lanes) -> None:
    """A fetcher that ended without a word leaves open lanes and no error."""
    lanes._lanes[0].state = State.OPEN
    at = TopicPartition("order.confirmed", 0)
    lanes.progress.note({at: 3}, {at: 4}, time.monotonic() - LONG_S)
    assert lanes.stuck_s >= LONG_S


async def _nowhere(_: object) -> None:
    """Seek nowhere: no lane of these tests gets so far."""


@pytest.mark.parametrize(("answers", "code"), [(2, None), (10**6, Exit.CLUSTER)])
async def test_brokers_in_trouble_keep_a_partition_waiting_and_end_the_worker_only_in_the_end(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch, answers: int, code: Exit | None
) -> None:
    """The third try finds a newer assignment and gives way; where all fail, the worker says whose fault it is."""
    asked = 0

    def topic_ids() -> dict[Source, str]:
        nonlocal asked
        asked += 1
        if asked <= answers:
            raise ClusterError("no broker answers")
        return {}

    monkeypatch.setattr(opening, "OPEN_AGAIN_S", 0.0)
    monkeypatch.setattr(opening, "OPEN_S", 1.0)
    lanes._lanes.clear()
    lanes.deck = replace(lanes.deck, topic_ids=topic_ids)
    await lanes.assign({0}, set(), lambda: False, _nowhere)
    await asyncio.wait(lanes.openings.tasks.values(), timeout=10)
    assert (lanes.failed.result().code if lanes.failed.done() else None) == code
    assert asked > 2


@pytest.mark.parametrize(("answers", "reason"), [(2, ""), (10**6, "ends too soon")])
async def test_a_log_that_ends_too_soon_is_asked_for_again_before_it_stops_its_partition(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch, answers: int, reason: str
) -> None:
    """A broker that was away may still believe that it leads; a log that was cut stays as it is."""
    asked = 0

    async def open_lane(_: Lane, __: object) -> None:
        nonlocal asked
        asked += 1
        if asked <= answers:
            raise AheadError("ends too soon")
        raise OvertakenError

    monkeypatch.setattr(opening, "open_lane", open_lane)
    monkeypatch.setattr(opening, "OPEN_AGAIN_S", 0.01)
    monkeypatch.setattr(opening, "BEHIND_S", 0.1)
    lanes._lanes.clear()
    await lanes.assign({0}, set(), lambda: True, _nowhere)
    await asyncio.wait(lanes.openings.tasks.values(), timeout=10)
    assert lanes.wedged.get(0, "") == reason
    assert asked > 2
