"""What Faust's own loop hands on of what was polled: everything, for it is the lane that judges."""

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor.app import App
from processor.fetching import Taken
from processor.lane import Lane
from processor.lanes import Lanes
from processor.sources import Source
from processor.transactions import State
from processor.transport import Consumer, sources_by_topic
from tests.processor.decks import plain_deck

ORDERS = TopicPartition("order.confirmed", 0)
AHEAD = 10_000


class Polls:
    """Stands in for the client in its thread: answers what it is given, then nothing any more."""

    beacon = None

    def __init__(self, uptos: Iterable[int]) -> None:
        """Stand at each of `uptos` in turn, without a record, as behind markers."""
        self._uptos = list(uptos)
        self.ended = False

    async def getmany(self, _partitions: Any, _timeout: float) -> dict[TopicPartition, Taken]:
        """Return the next poll's share."""
        if not self._uptos:
            self.ended = True
            await asyncio.Event().wait()  # until the test ends
        return {ORDERS: Taken(records=[], upto=self._uptos.pop(0))}


@pytest.fixture
async def lanes() -> Lanes:
    """Return a worker's lanes, one of them open where the log once ended."""
    writer: Any = None  # writes nothing
    reader: Any = None  # asked nothing
    deck = plain_deck(reader)
    lanes = Lanes(deck)
    lane = lanes._lanes[0] = Lane(0, deck, writer)
    lane.next = dict.fromkeys(Source, AHEAD)
    lane.inbox.reset(lane.next)
    lane.state = State.OPEN
    return lanes


@pytest.fixture
def loop_of(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> Callable[[Polls], asyncio.Task[None]]:
    """Return what starts Faust's loop on given polls; its messages go to their lanes as the agent hands them on."""

    async def callback(message: Any) -> None:
        lanes.deliver(message.value)

    def start(polls: Polls) -> asyncio.Task[None]:
        app = App("g", broker="kafka://127.0.0.1:1", web_enabled=False)
        app.deck, app.lanes, app.source_of = lanes.deck, lanes, sources_by_topic(lanes.deck.names.topic)
        monkeypatch.setattr(Consumer, "_new_consumer_thread", lambda _: polls)
        consumer: Any = app.transport.create_consumer(
            callback=callback, on_partitions_revoked=None, on_partitions_assigned=None
        )
        return asyncio.create_task(Consumer._drain_messages(consumer, consumer))

    return start


async def test_a_log_that_went_back_is_told_to_its_lane(
    lanes: Lanes, loop_of: Callable[[Polls], asyncio.Task[None]]
) -> None:
    """Faust drops a message below the last one without a word: the partition would be silent, and look idle."""
    polls = Polls([AHEAD, 4_000])
    task = loop_of(polls)
    async with asyncio.timeout(5):
        while not (lanes.wedged or polls.ended):  # noqa: ASYNC110 - neither tells anybody
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait({task})
    assert lanes.wedged == {0: "order.confirmed: offset 10000 should come next, 4000 came"}


async def test_partitions_of_the_tables_are_not_said_to_be_stuck(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody fetches them; Faust would log that as an error for each, every 7 s, and bury what matters."""
    app = App("g", broker="kafka://127.0.0.1:1", web_enabled=False)
    create: Any = app.transport.create_consumer
    consumer = create(callback=print, on_partitions_revoked=print, on_partitions_assigned=print)
    consumer._thread.thread_loop.close()  # the thread is never started
    table = TopicPartition("stock.level", 0)
    unfetched = SimpleNamespace(active=True, state_value=lambda _: SimpleNamespace(timestamp=None))
    subscriptions = SimpleNamespace(subscription=SimpleNamespace(assignment=unfetched))
    client = SimpleNamespace(_fetcher=SimpleNamespace(_subscriptions=subscriptions))
    monkeypatch.setattr(consumer._thread, "_consumer", client)
    monkeypatch.setattr(consumer._thread, "time_started", -1e9, raising=False)
    monkeypatch.setattr(consumer, "assignment", lambda: {table})

    await consumer.verify_all_partitions_active()

    assert caplog.records == []
