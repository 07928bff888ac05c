"""What a worker notices about itself: age, silence, and a loop that stands still."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor import watching
from processor.ages import Ages
from processor.lane import Lane
from processor.lanes import Lanes
from processor.pulse import Pulse
from processor.sources import Source
from processor.transactions import State
from tests.processor.decks import plain_deck


def test_what_moves_or_has_nothing_behind_it_does_not_age() -> None:
    """Only standing still before something counts, from the first look at it."""
    ages = Ages[str]()
    assert ages.note({"moves": (1, 9), "stands": (1, 9), "done": (9, 9)}, 10.0) == {
        "moves": 0.0, "stands": 0.0, "done": 0.0,
    }  # fmt: skip
    assert ages.note({"moves": (2, 9), "stands": (1, 9), "done": (9, 9)}, 15.0) == {
        "moves": 0.0, "stands": 5.0, "done": 0.0,
    }  # fmt: skip
    assert ages.note({"stands": (1, 9)}, 70.0) == {"stands": 60.0}


def test_a_place_that_was_given_away_begins_anew() -> None:
    """Another worker had it meanwhile."""
    ages = Ages[str]()
    ages.note({"p": (1, 2)}, 0.0)
    ages.note({}, 5.0)
    assert ages.note({"p": (1, 2)}, 10.0) == {"p": 0.0}


@pytest.mark.parametrize("blocked", [True, False])
async def test_a_loop_that_stands_still_ends_the_worker(*, blocked: bool) -> None:
    """A call that blocks keeps heartbeats and partitions; a loop that is merely idle is none."""
    ended = threading.Event()
    pulse = Pulse(ended.set, look_s=0.02, looks=10)

    async def beating() -> None:
        while True:
            pulse.beat()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(beating())
    await asyncio.sleep(0.05)
    if blocked:
        assert ended.wait(5)  # as a computation without end would
    else:
        await asyncio.sleep(0.5)
        assert not ended.is_set()
    task.cancel()
    pulse.end()


class Logs:
    """Stands in for the cluster: where the logs end, but for those without a leader."""

    def __init__(self) -> None:
        """Let every log end at 9, with a leader."""
        self.leaderless: set[TopicPartition] = set()
        self.asked = 0

    async def ends(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Answer once all of them have a leader."""
        self.asked += 1
        while self.leaderless & set(tps):  # noqa: ASYNC110 - as the reader asks again and again
            await asyncio.sleep(0.001)
        return dict.fromkeys(tps, 9)


@pytest.fixture
def logs() -> Logs:
    """Return the cluster's logs."""
    return Logs()


@pytest.fixture
async def lanes(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> Lanes:
    """Return a worker's lanes, two of them open and behind."""
    for name in ("WATCH_S", "LAG_S", "LOOK_S"):
        monkeypatch.setattr(watching, name, 0.02)
    reader: Any = logs
    writer: Any = None  # writes nothing
    deck = plain_deck(reader, partitions=2)
    lanes = Lanes(deck)
    lanes.assigned = True
    for partition in range(2):
        lane = lanes._lanes[partition] = Lane(partition, deck, writer)
        lane.state, lane.next = State.OPEN, dict.fromkeys(Source, 5)
    return lanes


@asynccontextmanager
async def running(work: Any, done: Callable[[], Any]) -> AsyncIterator[None]:
    """Run a job until something is so."""
    task = asyncio.create_task(work)
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)
    yield
    task.cancel()
    await asyncio.wait({task})


async def test_a_log_without_a_leader_hides_nothing_of_the_others(lanes: Lanes, logs: Logs) -> None:
    """Their lag is told, and they are still seen to stand still; its own waits for its brokers."""
    logs.leaderless = {TopicPartition("order.confirmed", 0)}

    def told() -> dict[tuple[str, ...], float]:
        (metric,) = lanes.deck.metrics.lag.collect()
        return {tuple(one.labels.values()): one.value for one in metric.samples}

    async with running(watching._lag(lanes), told):
        assert lanes.progress._behind.keys() == {0, 1}
    assert told() == {("order.confirmed", "1"): 4, ("stock.adjusted", "0"): 4, ("stock.adjusted", "1"): 4}


async def test_lanes_that_decide_are_no_hang_while_no_broker_tells_where_the_logs_end(lanes: Lanes, logs: Logs) -> None:
    """Only what is known to wait counts, and it counts from the lanes' own last step."""
    lanes.progress.note(lanes.positions(), dict.fromkeys(lanes.positions(), 9), time.monotonic() - 500)
    assert lanes.stuck_s >= 500
    for lane in lanes.all.values():
        lane.next = dict.fromkeys(Source, 6)
    app: Any = SimpleNamespace(crashed=False)
    pulse: Any = SimpleNamespace(beat=lambda: None)
    logs.leaderless = set(lanes.positions())
    async with running(watching._watch(app, lanes, pulse), lambda: lanes.stuck_s < 5):
        assert not lanes.failed.done()
