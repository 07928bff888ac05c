"""A lane against brokers that fail: what is committed is applied once, what is not is tried again, doubt ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RequestTimedOutError,
)
from aiokafka.structs import OffsetAndMetadata

from processor import lane as module
from processor import transactions
from processor.exits import Exit, FatalError
from processor.lane import Lane
from processor.plan import Lane as Facts
from processor.plan import Write
from processor.producer import UnknownOutcomeError
from processor.sources import Share, Source
from processor.store import Change, Reach, StoreError
from processor.transactions import State
from schemas.codec import decode, encode
from schemas.records import OrderOutcome, StockAdjusted, StockLevel
from schemas.topics import ORDER_OUTCOME, STOCK_ADJUSTED, STOCK_LEVEL
from schemas.words import AdjustmentKind
from tests.processor.decks import plain_deck

NOW = 1_800_000_000_000


@dataclass(frozen=True)
class Record:
    """A fetched record."""

    offset: int
    value: bytes
    key: bytes = b"S"
    headers: tuple[tuple[str, bytes], ...] = ()


class Row(NamedTuple):
    """A record in a log."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes


@dataclass
class Brokers:
    """Stands in for Kafka: each transaction follows the script, then all succeed."""

    script: list[tuple[bool, Exception | None]] = field(default_factory=list)
    committed: dict[TopicPartition, OffsetAndMetadata] = field(default_factory=dict)
    transactions: list[int] = field(default_factory=list)
    fences: int = 0
    foreign: int | None = None
    hidden: bool = False
    ends_written: dict[str, int] = field(default_factory=dict)
    log: dict[TopicPartition, list[Row]] = field(default_factory=dict)
    strays: Callable[[Write], bool] = lambda _: False
    stray_positions: bool = False

    async def commit(self, writes: Any, positions: Any) -> dict[str, int]:
        """Write a transaction, or do what the script says: (whether it comes true, what is answered)."""
        true, error = self.script.pop(0) if self.script else (True, None)
        if true or self.stray_positions:
            self.committed = dict(positions)
        if true:
            self.transactions.append(len(writes))
        for write in writes:
            tp = TopicPartition(write.topic, write.partition)
            if true or self.strays(write):
                log = self.log.setdefault(tp, [])
                log.append(Row(tp.topic, tp.partition, len(log), write.key, write.value))
        if error is not None:
            raise error
        return self.ends_written

    async def fence(self) -> None:
        """Shut older producers out; a foreign owner may have committed before."""
        self.fences += 1
        if self.foreign is not None:
            self.committed = {tp: OffsetAndMetadata(self.foreign, "") for tp in self.committed}

    async def close(self) -> None:
        """Do nothing."""

    async def positions(self, partitions: Any) -> Any:
        """Return the group's positions."""
        return {tp: self.committed[tp] for tp in partitions if tp in self.committed}

    async def starts(self, partitions: Any) -> Any:
        """Return log starts."""
        return dict.fromkeys(partitions, 0)

    @asynccontextmanager
    async def read(self, partitions: Any, positions: Any) -> AsyncIterator[Any]:
        """Open the tables' logs."""

        async def shares() -> AsyncIterator[Any]:
            for tp in partitions:
                if rows := self.log.get(tp, [])[positions[tp] :]:
                    yield rows

        yield shares()

    async def unexplained(self, _tp: Any, _gaps: Any) -> str:
        """Say whether only markers stand where nothing was handed over."""
        return "" if self.hidden else "they are gone"

    async def ends(self, partitions: Any) -> Any:
        """Return log ends: no adjustment that was not delivered."""
        return dict.fromkeys(partitions, 0)


@pytest.fixture
def brokers() -> Brokers:
    """Return brokers that work."""
    return Brokers()


@pytest.fixture
def failures() -> list[BaseException]:
    """Return what ended the worker."""
    return []


@pytest.fixture
async def lane(brokers: Brokers, failures: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lane]:
    """Return an open lane at the start of its topics."""
    monkeypatch.setattr(transactions, "BACKOFF_S", (0,))
    looks = {"committed": brokers.positions, "ends": brokers.ends, "unexplained": brokers.unexplained}
    reader: Any = type("Reader", (), looks | {"starts": brokers.starts, "log": brokers.read})
    deck = plain_deck(reader, now=lambda: NOW)
    opened = Lane(0, deck, brokers)  # type: ignore[arg-type] # a writer is Kafka's side here
    opened.facts = Facts(partition=0, partitions=1, topic_ids={source: source.name for source in Source})
    opened.next = dict.fromkeys(Source, 0)
    opened.committed = dict.fromkeys(Source)
    opened.resume(failures.append)
    yield opened
    await opened.end()


@pytest.fixture
def deliver(lane: Lane) -> Callable[[int], None]:
    """Return what hands one delivery of a unit to the lane."""

    def hand(offset: int) -> None:
        record = StockAdjusted(sku="S", kind=AdjustmentKind.ADD, qty=1, adjustment_id=f"a{offset}", received_at=NOW)
        share = Share(
            source=Source.ADJUSTMENTS, partition=0, session=lane.session, records=[Record(offset, encode(record))]
        )
        lane.deliver(share)

    return hand


async def until(look: Callable[[], Any]) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)


LOST = UnknownOutcomeError("no answer")


@pytest.mark.parametrize("error", [LOST, TimeoutError(), RequestTimedOutError()])
@pytest.mark.parametrize("true", [True, False])
async def test_a_transaction_of_unknown_outcome_happens_once(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None], error: Exception, *, true: bool
) -> None:
    """Behind a new fence the committed position says whether it came true; if not, it is written again."""
    brokers.script = [(true, error)]
    deliver(0)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 1)
    assert brokers.fences == 1
    assert len(brokers.transactions) == 1
    found = lane.view.level("S")
    assert found is not None
    assert found.quantity == 1
    deliver(1)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 2)
    assert (lane.view.levels.get(b"S") or b"").count(b'"quantity":2') == 1


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize(
    "strays",
    [
        lambda _: True,
        lambda write: write.topic == ORDER_OUTCOME,
        lambda write: write.topic == STOCK_LEVEL,
        lambda write: b'"adj_a0"' in write.value,
        lambda _: False,
    ],
)
async def test_what_a_late_marker_has_made_visible_is_not_written_again(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None], strays: Callable[[Write], bool], *, positions: bool
) -> None:
    """KAFKA-19446: an aborted batch may stand in the log in part, its positions too; each row gets there once."""
    brokers.script, brokers.strays, brokers.stray_positions = [(False, LOST), (False, LOST)], strays, positions
    deliver(0)
    deliver(1)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 2)
    outcomes = brokers.log[TopicPartition(ORDER_OUTCOME, 0)]
    assert [decode(OrderOutcome, row.value).order_id for row in outcomes] == ["adj_a0", "adj_a1"]
    assert [decode(OrderOutcome, row.value).version for row in outcomes] == [1, 2]
    levels = brokers.log[TopicPartition(STOCK_LEVEL, 0)]
    assert [decode(StockLevel, row.value).quantity for row in levels] == [2]
    assert lane.view.level("S") == decode(StockLevel, levels[0].value)
    assert {tp.topic: position.offset for tp, position in brokers.committed.items()}[STOCK_ADJUSTED] == 2


async def test_memory_does_not_move_before_the_commit(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None]
) -> None:
    """While a transaction keeps failing, neither tables nor positions change, and the lane goes on trying."""
    brokers.script = [(False, RequestTimedOutError())] * 50
    deliver(0)
    await until(lambda: brokers.fences > 10)
    assert len(lane.view.levels) == 0
    assert lane.next[Source.ADJUSTMENTS] == 0
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 1)
    assert len(brokers.transactions) == 1


async def test_a_fenced_lane_ends_the_worker(
    lane: Lane, brokers: Brokers, failures: list[BaseException], deliver: Callable[[int], None]
) -> None:
    """Somebody else owns the partition: whatever this worker believes, it is wrong."""
    brokers.script = [(False, ProducerFenced())]
    deliver(0)
    await until(lambda: failures)
    (fatal,) = failures
    assert isinstance(fatal, FatalError)
    assert fatal.code is Exit.FENCED
    assert brokers.fences == 0
    assert len(lane.view.levels) == 0


async def test_a_position_that_is_neither_side_of_the_batch_ends_the_worker(
    brokers: Brokers, failures: list[BaseException], lane: Lane, deliver: Callable[[int], None]
) -> None:
    """A foreign commit lies between: this lane's memory is not the log's any more."""
    deliver(0)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 1)
    brokers.script, brokers.foreign = [(False, LOST)], 7
    deliver(1)
    await until(lambda: failures)
    assert isinstance(failures[0], FatalError)
    assert failures[0].code is Exit.FENCED


async def test_what_brokers_refuse_for_good_stops_the_lane_alone(
    lane: Lane, brokers: Brokers, failures: list[BaseException], deliver: Callable[[int], None]
) -> None:
    """A restart would not help: the partition stops with its reason, the worker goes on."""
    brokers.script = [(False, MessageSizeTooLargeError())]
    deliver(0)
    await until(lambda: lane.state is State.WEDGED)
    assert "refused for good" in lane.reason
    assert failures == []


async def test_a_hole_in_the_log_stops_the_lane_alone(lane: Lane, deliver: Callable[[int], None]) -> None:
    """It never passes silently."""
    deliver(3)
    await until(lambda: lane.state is State.WEDGED)
    assert "offset 0 should come next, 3 came" in lane.reason
    assert lane.next[Source.ADJUSTMENTS] == 0


async def test_a_step_back_in_the_log_stops_the_lane_at_once(lane: Lane, deliver: Callable[[int], None]) -> None:
    """The log was cut or replaced: there is nothing to look at."""
    deliver(0)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 1)
    deliver(0)
    assert lane.state is State.WEDGED
    assert "offset 1 should come next, 0 came" in lane.reason


async def test_markers_in_the_log_are_passed_over_in_order(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None]
) -> None:
    """Where nothing was left out that anybody should have, the lane goes on behind it, at the log's end too."""
    brokers.hidden = True
    deliver(2)
    deliver(3)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 4)
    end = Share(source=Source.ADJUSTMENTS, partition=0, session=lane.session, records=[], upto=6)
    lane.deliver(end)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 6)
    deliver(6)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 7)
    assert (level := lane.view.level("S")) is not None
    assert level.quantity == 3
    assert {position.offset for position in brokers.committed.values()} == {7, 0}


async def test_a_batch_that_cannot_be_read_stops_the_lane_with_its_place(
    lane: Lane, deliver: Callable[[int], None]
) -> None:
    """The client has tried again; what stands there is for an operator, and what came before is decided."""
    bad = Share(source=Source.ORDERS, partition=0, session=lane.session, records=[], upto=0, fault="offset 0: no")
    deliver(0)
    lane.deliver(bad)
    await until(lambda: lane.state is State.WEDGED)
    assert lane.reason == "order.confirmed: offset 0: no"
    assert lane.next[Source.ADJUSTMENTS] == 1


async def test_a_share_of_an_older_session_is_dropped(lane: Lane) -> None:
    """It was fetched before the last seek, and comes again."""
    old = Share(source=Source.ADJUSTMENTS, partition=0, session=lane.session - 1, records=[Record(9, b"")])
    lane.deliver(old)
    assert lane.state is State.OPEN
    assert lane.inbox.waiting(Source.ADJUSTMENTS) == 0


async def test_a_rebalance_in_a_failed_transaction_leaves_its_outcome_to_the_next_owner(
    lane: Lane, brokers: Brokers, failures: list[BaseException], deliver: Callable[[int], None]
) -> None:
    """Looking it up would fence the next owner: the lane is given up instead, and read back if it returns."""
    brokers.script = [(False, RequestTimedOutError())] * 10**6
    deliver(0)
    await until(lambda: brokers.fences > 2)
    await lane.pause(5)
    fences = brokers.fences
    assert lane.state is State.BROKEN
    await asyncio.sleep(0)
    assert brokers.fences == fences
    assert failures == []


async def test_a_pause_finishes_the_transaction_under_way(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None]
) -> None:
    """A paused lane can be resumed where it stopped, without reading anything back."""
    deliver(0)
    await asyncio.sleep(0)
    await lane.pause(5)
    assert lane.state is State.PAUSED
    assert lane.next[Source.ADJUSTMENTS] == len(brokers.transactions)


@pytest.mark.parametrize(
    "error", [KafkaError("wraps what is unexpected"), InvalidTxnState(), InvalidProducerIdMapping()]
)
async def test_what_is_not_refused_for_good_is_tried_again(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None], error: Exception
) -> None:
    """A lost end of a transaction comes as aiokafka's bare error; a producer id expires after an idle week."""
    brokers.script = [(False, error)]
    deliver(0)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 1)
    assert lane.state is State.OPEN
    assert len(brokers.transactions) == 1


async def test_a_lane_that_lost_its_partition_does_not_fence_the_owner(
    brokers: Brokers, failures: list[BaseException], lane: Lane, deliver: Callable[[int], None]
) -> None:
    """A worker that slept through its session finds the other's position and goes, before it takes anything back."""
    deliver(0)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 1)
    brokers.committed = {tp: OffsetAndMetadata(9, "") for tp in brokers.committed}
    brokers.script = [(False, TimeoutError())]
    deliver(1)
    await until(lambda: failures)
    assert isinstance(failures[0], FatalError)
    assert failures[0].code is Exit.FENCED
    assert brokers.fences == 0


async def test_a_batch_with_large_consequences_is_divided(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction is bounded by what it writes, not by its records alone; each record is still decided once."""
    monkeypatch.setattr(module, "TRANSACTION_BYTES", 1)
    for offset in range(8):
        deliver(offset)
    await until(lambda: lane.next[Source.ADJUSTMENTS] == 8)
    assert brokers.transactions == [2] * 8
    assert (lane.view.levels.get(b"S") or b"").count(b'"quantity":8') == 1
    assert {tp.topic: at.offset for tp, at in brokers.committed.items()}["stock.adjusted"] == 8


async def test_records_that_break_the_rule_stop_the_lane_alone(
    lane: Lane, failures: list[BaseException], deliver: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours would end one worker after the other; the partition stops instead, and says why."""

    def broken(*_: object) -> None:
        raise AttributeError("a fault")

    monkeypatch.setattr(module, "plan", broken)
    deliver(0)
    await until(lambda: lane.state is State.WEDGED)
    assert "stock.adjusted 0" in lane.reason
    assert "a fault" in lane.reason
    assert failures == []


async def test_tables_that_cannot_be_kept_end_the_worker_before_it_decides_on_without_them(
    lane: Lane,
    brokers: Brokers,
    failures: list[BaseException],
    deliver: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk after the commit: what is committed is in the topics, and nothing more is decided on old rows."""

    def full(_: object) -> None:
        raise StoreError("No space left on device")

    monkeypatch.setattr(lane.view.store, "take", full)
    deliver(0)
    deliver(1)
    await until(lambda: failures)
    assert isinstance(failures[0], FatalError)
    assert failures[0].code is Exit.STATE
    assert "No space left" in failures[0].reason
    assert len(brokers.transactions) == 1


async def test_a_row_that_cannot_be_read_is_not_the_fault_of_the_record_that_meets_it(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None]
) -> None:
    """An older worker on a newer one's tables stops the partition; the record is not buried."""
    lane.view.store.take(Change(levels={b"S": b'{"v": 2}'}, lines={}, at=1, reach=Reach()))
    deliver(0)
    await until(lambda: lane.state is State.WEDGED)
    assert "a row of the tables cannot be read" in lane.reason
    assert brokers.transactions == []


async def test_a_stopped_lane_keeps_its_reason_when_its_transaction_fails_too(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None]
) -> None:
    """Or nobody could say why the partition stands still."""
    brokers.script = [(False, RequestTimedOutError())] * 10**6
    deliver(0)
    await until(lambda: brokers.fences > 2)
    deliver(0)
    await lane.pause(5)
    assert lane.state is State.WEDGED
    assert "offset 1 should come next, 0 came" in lane.reason


async def test_what_was_fetched_for_a_lane_is_nothing_to_its_successor(lane: Lane) -> None:
    """It comes from another position, and would look like a log that leaves records out."""
    former = lane.session
    following = Lane(0, lane.deck, lane.writer)
    following.facts, following.next, following.committed = lane.facts, {**lane.next}, {**lane.committed}
    following.resume(lambda _: None)
    following.deliver(Share(source=Source.ADJUSTMENTS, partition=0, session=former, records=[Record(7, b"")]))
    assert following.session > former
    assert following.state is State.OPEN
    assert not following._doubtful
    assert not following.inbox.waiting(Source.ADJUSTMENTS)
    await following.end()


async def test_the_reach_names_the_tables_topics_only(
    lane: Lane, brokers: Brokers, deliver: Callable[[int], None]
) -> None:
    """A dead letter may stand in the same partition of its own topic: nobody reads a table from there."""
    brokers.ends_written = {"stock.level": 4, "stock.deadletter": 9}
    deliver(0)
    await until(lambda: lane.view.store.reach.highest)
    assert lane.view.store.reach.read == {"stock.level": 4}
