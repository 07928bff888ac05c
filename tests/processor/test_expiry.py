"""When lines may be forgotten, where a kept store is read on, and what of a changelog's rows is taken over."""

from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import TopicPartition

from processor import tails
from processor.exits import WedgedError
from processor.expiry import Passed, cutoff
from processor.replay import Ageing, Ahead, Unusable, changes, resume
from processor.store import Reach
from processor.store_memory import Memory
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

DAY = 86_400_000
ORDERS, ADJUSTED = TopicPartition("order.confirmed", 0), TopicPartition("stock.adjusted", 0)


@dataclass(frozen=True)
class Row:
    """A changelog's record."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes | None


def row(offset: int, at: int, key: bytes = b"k", source: str = "T") -> Row:
    """Return a line's row."""
    return Row(offset, at, key, b'{"v":1,"timestamp":%d,"source":{"%s":%d}}' % (at, source.encode(), offset))


def test_the_cutoff_leaves_time_for_what_is_on_its_way() -> None:
    """A horizon, and a minute for records between receipt and log; less where the horizon is short."""
    assert cutoff(100 * DAY, 90 * DAY) == 10 * DAY - 60_000
    assert cutoff(10_000, 2_000) == 7_800


def test_time_passes_when_all_is_decided_that_stood_there_then() -> None:
    """Not before: records that wait may have been received long ago."""
    passed = Passed()
    passed.note({ORDERS: 3, ADJUSTED: 0}, {ORDERS: 5, ADJUSTED: 0}, 1_000)
    assert passed.until() == {}
    passed.note({ORDERS: 4, ADJUSTED: 0}, {ORDERS: 9, ADJUSTED: 1}, 2_000)
    assert passed.until() == {}
    passed.note({ORDERS: 5, ADJUSTED: 0}, {ORDERS: 12, ADJUSTED: 1}, 3_000)
    assert passed.until() == {0: 1_000}
    passed.note({ORDERS: 12, ADJUSTED: 0}, {ORDERS: 12, ADJUSTED: 1}, 4_000)
    assert passed.until() == {0: 1_000}
    passed.note({ORDERS: 12, ADJUSTED: 1}, {ORDERS: 12, ADJUSTED: 1}, 5_000)
    assert passed.until() == {0: 3_000}


def test_a_partition_that_comes_back_has_no_past() -> None:
    """Another owner has decided meanwhile."""
    passed = Passed()
    passed.note({ORDERS: 3}, {ORDERS: 3}, 1_000)
    assert passed.until() == {0: 1_000}
    passed.note({}, {}, 2_000)
    assert passed.until() == {}
    passed.note({ORDERS: 3}, {ORDERS: 5}, 3_000)
    assert passed.until() == {}


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ({}, {STOCK_LEVEL: 3, ORDER_OUTCOME: 5}),
        ({STOCK_LEVEL: 9, ORDER_OUTCOME: 7}, {STOCK_LEVEL: 9, ORDER_OUTCOME: 7}),
        ({STOCK_LEVEL: 3, ORDER_OUTCOME: 5}, {STOCK_LEVEL: 3, ORDER_OUTCOME: 5}),
        ({STOCK_LEVEL: 9, ORDER_OUTCOME: 4}, Unusable()),
        ({STOCK_LEVEL: 2}, Unusable()),
    ],
)
def test_a_kept_store_is_read_on_where_the_log_still_has_what_follows(read: Any, found: Any) -> None:
    """From its reach to the end; where retention has passed the reach, the store is of no use."""
    starts, ends = {STOCK_LEVEL: 3, ORDER_OUTCOME: 5}, {STOCK_LEVEL: 9, ORDER_OUTCOME: 8}
    assert resume(Reach(read=read), starts, ends) == found


def test_a_log_that_is_shorter_than_what_was_read_of_it_is_no_place_to_go_on() -> None:
    """Committed records are lost: somebody must say how to go on."""
    found = resume(Reach(read={STOCK_LEVEL: 10}), {STOCK_LEVEL: 3}, {STOCK_LEVEL: 9})
    assert isinstance(found, Ahead)
    assert "stock.level ends at 9, but the kept tables have it up to 10" in found.reason


def test_old_lines_are_not_taken_over_but_their_positions_are() -> None:
    """What they say of the input stays true; levels never grow old."""
    store = Memory()
    rows = [row(4, 10, b"old"), row(6, 20, b"young")]
    for change in changes(ORDER_OUTCOME, rows, Ageing(horizon_ms=DAY, before=20)):
        store.take(change)
    assert list(store.lines) == [b"young"]
    assert store.reach == Reach(read={ORDER_OUTCOME: 7}, highest={"T": 6})
    for change in changes(STOCK_LEVEL, [row(0, 10, b"S")], Ageing(horizon_ms=DAY, before=20)):
        store.take(change)
    assert list(store.levels) == [b"S"]


def test_lines_of_one_share_that_grow_old_apart_are_taken_over_apart() -> None:
    """A quiet partition's share may span months: each part of the horizon goes when its own time has come."""
    rows = [row(number, number * DAY, b"%d" % number) for number in range(90)]
    found = list(changes(ORDER_OUTCOME, rows, Ageing(horizon_ms=90 * DAY)))
    assert all(change.at <= number * 2 * DAY for number, change in enumerate(found, 1) if change.lines)
    assert sum(len(change.lines) for change in found) == 90


def test_the_highest_position_of_every_topic_id_is_found() -> None:
    """Those of former topics too."""
    rows = [row(1, 1, source="A"), row(9, 1, source="B"), row(3, 1, source="A")]
    *_, last = changes(STOCK_LEVEL, rows, Ageing(horizon_ms=DAY))
    assert last.reach.highest == {"A": 3, "B": 9}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"v":1,"sku":"\\"source\\":","source":{"T":7}}',
        b'{"source":{"T":7},"v":1}',
        b'{"v":1,"source":{"T":7},"later":{"source":{"T":9}}}',
        b'{"v": 1, "source": {"T": 7} }',
    ],
)
def test_the_source_is_found_wherever_a_writer_puts_it(raw: bytes) -> None:
    """At the end, where ours is, in one step; anywhere else, by reading the row."""
    assert tails.source(raw) == {"T": 7}


@pytest.mark.parametrize("raw", [b"\xff", b"{}", b"[1]", b'{"source":3}', b'{"v":1}'])
def test_what_is_no_row_of_ours_stops_the_partition(raw: bytes) -> None:
    """Somebody else writes the tables' topics."""
    with pytest.raises(WedgedError, match="cannot be read"):
        list(changes(STOCK_LEVEL, [Row(0, 1, b"S", raw)], Ageing(horizon_ms=DAY)))
