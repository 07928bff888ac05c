"""The inbox: contiguous queues, adjustments before the orders that follow them, bounds that hold."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from processor.exits import WedgedError
from processor.inbox import Clearance, Inbox, Item
from processor.sources import Share, Source


@dataclass(frozen=True)
class Record:
    """A fetched record."""

    offset: int
    key: bytes = b"SKU"
    value: bytes = b"{}"
    headers: tuple[tuple[str, bytes], ...] = field(default=())


@pytest.fixture
def inbox() -> Inbox:
    """Return an inbox that stands at order 10 and adjustment 5."""
    box = Inbox(limit=4)
    box.reset({Source.ORDERS: 10, Source.ADJUSTMENTS: 5})
    return box


@pytest.fixture
def put(inbox: Inbox) -> Callable[..., None]:
    """Return what hands records in."""

    def hand(source: Source, *offsets: int) -> None:
        share = Share(source=source, partition=0, session=1, records=[Record(offset) for offset in offsets])
        inbox.reserve(source, len(offsets))
        inbox.accept(share)

    return hand


def offsets(items: list[Item]) -> list[tuple[str, int]]:
    """Return what was taken, in short."""
    return [(item.source.name[0], item.record.offset) for item in items]


@pytest.mark.parametrize("wrong", [9, 11])
def test_a_record_that_is_not_the_next_one_stops_the_lane(put: Callable[..., None], wrong: int) -> None:
    """A hole and a step back both mean that the log is not what was promised."""
    with pytest.raises(WedgedError, match=f"offset 10 should come next, {wrong} came"):
        put(Source.ORDERS, wrong)


def test_orders_wait_until_the_adjustments_before_them_are_taken(inbox: Inbox, put: Callable[..., None]) -> None:
    """Nothing is taken without a clearance; with one, the adjustments below its end go first."""
    put(Source.ORDERS, 10, 11)
    assert inbox.needs_clearance
    assert inbox.take(10) == []
    inbox.clearance = Clearance(orders=12, adjustments=7)
    assert inbox.take(10) == []
    put(Source.ADJUSTMENTS, 5)
    assert offsets(inbox.take(10)) == [("A", 5)]
    put(Source.ADJUSTMENTS, 6)
    assert offsets(inbox.take(10)) == [("A", 6), ("O", 10), ("O", 11)]
    assert inbox.positions() == {Source.ORDERS: 12, Source.ADJUSTMENTS: 7}


def test_an_order_that_came_after_the_look_up_needs_a_new_one(inbox: Inbox, put: Callable[..., None]) -> None:
    """A clearance covers the orders that were there before it, and no later one."""
    put(Source.ORDERS, 10)
    inbox.clearance = Clearance(orders=11, adjustments=5)
    put(Source.ORDERS, 11)
    assert offsets(inbox.take(10)) == [("O", 10)]
    assert inbox.needs_clearance
    assert inbox.take(10) == []


def test_a_batch_never_exceeds_its_limit(inbox: Inbox, put: Callable[..., None]) -> None:
    """Adjustments fill it first; orders have what room is left, and the clearance lasts for the rest."""
    put(Source.ADJUSTMENTS, 5, 6, 7)
    put(Source.ORDERS, 10, 11, 12)
    inbox.clearance = Clearance(orders=13, adjustments=8)
    assert offsets(inbox.take(2)) == [("A", 5), ("A", 6)]
    assert offsets(inbox.take(2)) == [("A", 7), ("O", 10)]
    assert not inbox.needs_clearance
    assert offsets(inbox.take(2)) == [("O", 11), ("O", 12)]
    assert not inbox.needs_clearance


def test_records_under_way_count_against_the_room(inbox: Inbox) -> None:
    """What was fetched and has not arrived is reserved, so that a slow hand-over cannot overfill the inbox."""
    inbox.reserve(Source.ORDERS, 4)
    assert not inbox.room(Source.ORDERS)
    assert inbox.room(Source.ADJUSTMENTS)


def test_taking_and_resetting_give_room_back(inbox: Inbox, put: Callable[..., None]) -> None:
    """Room is given back by deciding records, and by forgetting them at a new session."""
    put(Source.ORDERS, 10, 11, 12, 13)
    assert not inbox.room(Source.ORDERS)
    inbox.clearance = Clearance(orders=14, adjustments=5)
    inbox.take(1)
    assert inbox.room(Source.ORDERS)
    put(Source.ORDERS, 14)
    inbox.reset({Source.ORDERS: 11, Source.ADJUSTMENTS: 5})
    assert inbox.room(Source.ORDERS)
    assert inbox.waiting(Source.ORDERS) == 0
    assert inbox.clearance is None
