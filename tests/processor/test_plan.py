"""A batch as one transaction's writes: every decision, one level a SKU, dead letters beside them."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from processor.inbox import Item
from processor.plan import Lane, Plan, plan
from processor.sources import Source
from processor.stock import Settings
from processor.store import Change, Reach, View
from processor.store_memory import Memory
from schemas.codec import decode, encode
from schemas.partition import partition_of
from schemas.records import DeadLetter, OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.topics import ORDER_OUTCOME, STOCK_DEADLETTER, STOCK_LEVEL
from schemas.words import AdjustmentKind, Policy

NOW = 1_800_000_000_000
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LANE = Lane(partition=0, partitions=1, topic_ids={Source.ORDERS: "orders-id", Source.ADJUSTMENTS: "adjusted-id"})
SETTINGS = Settings(default_policy=Policy.REJECT, policies={}, since={}, horizon_ms=10**9)


@dataclass(frozen=True)
class Record:
    """A fetched record."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = field(default=())


@pytest.fixture
def view() -> View:
    """Return empty tables."""
    return View(Memory())


@pytest.fixture
def run(view: View) -> Callable[..., Plan]:
    """Return what plans a batch and commits it to the tables."""

    def decide(*items: Item, lane: Lane = LANE) -> Plan:
        done = plan(items, lane, NOW, view, SETTINGS)
        view.commit(done.levels, Change(levels=done.level_bytes, lines=done.lines, at=NOW, reach=Reach()))
        return done

    return decide


def order(offset: int, line: int = 1, qty: int = 1, **more: Any) -> Item:
    """Return an order line's state at an offset."""
    record = OrderConfirmed(
        sku="S", listing_sku="S", qty=qty, channel="c", order_id=f"c_{line}_1", revision=1, seen_at=NOW, ordered_at=NOW,
        received_at=NOW,
    )  # fmt: skip
    value = encode(replace(record, **{key: more[key] for key in more if key != "headers"}))
    return Item(Source.ORDERS, Record(offset, b"S", value, more.get("headers", ())))


def count(offset: int, qty: int) -> Item:
    """Return a count of the SKU at an offset."""
    record = StockAdjusted(sku="S", kind=AdjustmentKind.SET, qty=qty, adjustment_id=f"a{offset}", received_at=NOW)
    return Item(Source.ADJUSTMENTS, Record(offset, b"S", encode(record)))


def of(done: Plan, topic: str) -> list[Any]:
    """Return what a plan writes to a topic, decoded."""
    kinds: dict[str, Any] = {STOCK_LEVEL: StockLevel, ORDER_OUTCOME: OrderOutcome, STOCK_DEADLETTER: DeadLetter}
    return [decode(kinds[topic], write.value) for write in done.writes if write.topic == topic]


def test_several_states_of_one_line_in_a_batch_are_each_decided_and_written(run: Callable[..., Plan]) -> None:
    """A create and its cancel in one batch: two outcomes, two versions, one level."""
    done = run(count(0, 5), order(0, qty=2), order(1, qty=0, revision=2))
    assert [(o.order_id, o.delta, o.version) for o in of(done, ORDER_OUTCOME)] == [
        ("adj_a0", -5, 1),
        ("c_1_1", 2, 2),
        ("c_1_1", -2, 3),
    ]
    assert [(level.quantity, level.version) for level in of(done, STOCK_LEVEL)] == [(5, 3)]
    assert done.results == {"applied": 1, "accepted": 2}


def test_the_next_batch_stands_on_the_one_before(run: Callable[..., Plan]) -> None:
    """Levels and lines are taken over as they were written; a duplicate then writes nothing and is counted."""
    run(count(0, 5), order(0))
    done = run(order(1), order(2, line=2))
    assert done.ignored == {"duplicate": 1}
    assert [level.quantity for level in of(done, STOCK_LEVEL)] == [3]


def test_what_is_written_is_what_the_tables_hold(run: Callable[..., Plan], view: View) -> None:
    """Byte for byte: the tables are the topics."""
    done = run(count(0, 5), order(0))
    memory = view.store
    assert isinstance(memory, Memory)
    held = {**memory.levels, **memory.lines}
    assert held == {write.key: write.value for write in done.writes}
    assert orjson.loads(held[b"S"])["source"] == {"adjusted-id": 0, "orders-id": 0}


def test_records_of_one_batch_have_ids_of_their_own(run: Callable[..., Plan]) -> None:
    """A delivery that settles two waiting lines writes three outcomes for one position, under three ids."""
    done = run(count(0, 0), order(0), order(1, line=2), add(1, 2))
    ids = [dict(write.headers)["ce_id"] for write in done.writes]
    assert len(ids) == 7
    assert len(set(ids)) == 7


def add(offset: int, qty: int) -> Item:
    """Return a delivery."""
    record = StockAdjusted(sku="S", kind=AdjustmentKind.ADD, qty=qty, adjustment_id=f"b{offset}", received_at=NOW)
    return Item(Source.ADJUSTMENTS, Record(offset, b"S", encode(record)))


def test_a_level_carries_the_trace_of_the_record_that_moved_it(run: Callable[..., Plan]) -> None:
    """`traceparent` goes on from the order to the level."""
    done = run(count(0, 5), order(0, headers=(("traceparent", TRACE),)))
    level = next(write for write in done.writes if write.topic == STOCK_LEVEL)
    assert dict(level.headers)["traceparent"] == TRACE


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (b"S", b"\xff", "not JSON"),
        (b"S", None, "not JSON"),
        (b"S", b'{"v":2}', "version 2"),
        (b"T", order(0).record.value, "the key is not the SKU"),
        (None, order(0).record.value, "the key is not the SKU"),
    ],
)
def test_a_record_that_cannot_be_read_is_kept_with_its_bytes(
    run: Callable[..., Plan], key: bytes | None, value: bytes | None, error: str
) -> None:
    """It becomes a dead letter in the same transaction; what stands around it is decided."""
    done = run(count(0, 5), Item(Source.ORDERS, Record(0, key, value)), order(1, line=2))
    (dead,) = of(done, STOCK_DEADLETTER)
    assert error in dead.err
    assert base64.b64decode(dead.original) == (value or b"")
    assert (dead.origin.topic_id, dead.origin.partition, dead.origin.offset) == ("orders-id", 0, 0)
    assert done.dead == {"undecodable": 1}
    assert [level.quantity for level in of(done, STOCK_LEVEL)] == [4]


def test_a_record_in_the_wrong_partition_is_not_decided(run: Callable[..., Plan]) -> None:
    """Its SKU would have two levels; the dead letter stands where the key belongs."""
    home = partition_of(b"S", 8)
    lane = replace(LANE, partitions=8, partition=(home + 1) % 8)
    done = run(order(0), lane=lane)
    (dead,) = of(done, STOCK_DEADLETTER)
    assert f"the key belongs into partition {home}" in dead.err
    assert [write.partition for write in done.writes] == [home]


def test_a_decision_beyond_all_bounds_is_buried_alone(run: Callable[..., Plan]) -> None:
    """A level that no record can hold is refused; the batch around it is decided as if the record were not there."""
    done = run(add(0, 10**12), order(0, qty=5), add(1, 5), order(1, qty=0, revision=2), order(2, line=2))
    (dead,) = of(done, STOCK_DEADLETTER)
    assert (dead.reason, dead.origin.topic, dead.origin.offset) == ("out_of_range", "order.confirmed", 1)
    assert [level.quantity for level in of(done, STOCK_LEVEL)] == [10**12 - 1]


def test_a_consequence_that_fits_no_record_does_not_stop_the_lane(
    run: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When an outcome cannot be written, its record alone is buried, and the others are decided one by one."""
    from processor import plan as module
    from schemas.codec import WireError

    def refuse(record: Any) -> bytes:
        if getattr(record, "order_id", "") == "c_2_1" and isinstance(record, OrderOutcome):
            raise WireError("too large")
        return encode(record)

    monkeypatch.setattr(module, "encode", refuse)
    done = run(count(0, 5), order(0), order(1, line=2), order(2, line=3))
    assert [dead.err for dead in of(done, STOCK_DEADLETTER)] == ["its consequences fit no record: too large"]
    assert [o.order_id for o in of(done, ORDER_OUTCOME)] == ["adj_a0", "c_1_1", "c_3_1"]
    assert done.levels["S"].quantity == 3
    assert done.results == {"applied": 1, "accepted": 2}


def test_a_header_without_a_value_is_no_trace(run: Callable[..., Plan]) -> None:
    """Kafka's headers may have none; the record is decided all the same."""
    done = run(count(0, 5), order(0, headers=(("traceparent", None),)))
    assert [level.quantity for level in of(done, STOCK_LEVEL)] == [4]


def test_a_record_with_a_huge_key_is_buried_under_a_short_one(run: Callable[..., Plan]) -> None:
    """Key and original together would be more than a broker takes."""
    done = run(Item(Source.ORDERS, Record(0, b"k" * 500_000, b"x" * 500_000)))
    (write,) = done.writes
    assert write.topic == STOCK_DEADLETTER
    assert len(write.key) + len(write.value) < 1_000_000
