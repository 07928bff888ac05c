"""Which SKUs are hot, and what a publisher tells first in each order of work."""

from dataclasses import replace
from typing import Any

import pytest

from publishers.book import Book
from publishers.controller import Controller
from publishers.demand import HOT_MS, KEPT_MIN, Demand
from publishers.push import Row
from publishers.volumes import WEEK_MS
from schemas import records, topics
from schemas.channel_records import Listing
from schemas.settings import Order, Rules
from schemas.words import CauseKind, Policy

LISTING = Listing(channel="shop", listing_id="1", sku="A")


def level(sku: str, at: int, kind: CauseKind, units: int = 1, velocity: int = 0) -> records.StockLevel:
    """Return a level that an order or an adjustment has moved at `at`."""
    return records.StockLevel(
        sku=sku,
        quantity=5,
        version=1,
        paused=None,
        policy=Policy.REJECT,
        velocity=velocity,
        cause=records.Cause(kind=kind, delta=units, received_at=at),
        source={},
        updated_at=at,
    )


def row(sku: str, quantity: int, expected: int | None, unanswered: int | None = None) -> Row:
    """Return a row that is to be told."""
    return Row(
        sku=sku,
        listing=replace(LISTING, sku=sku),
        quantity=quantity,
        version=1,
        expected=expected,
        unanswered=unanswered,
    )


def test_an_import_does_not_hide_that_a_sku_sells() -> None:
    """Hot is what was sold within the last minute, whatever has moved the level since."""
    demand, counted = Demand(Order.RISK), level("A", 5_000, CauseKind.ADJUSTMENT)
    assert not demand.hot(counted, 6_000)
    demand.note(level("A", 1_000, CauseKind.ORDER))
    demand.note(counted)
    assert demand.hot(counted, 999 + HOT_MS)
    assert not demand.hot(counted, 1_000 + HOT_MS)


def test_a_level_that_nobody_gave_is_hot_by_its_cause() -> None:
    """A bundle's level is made of its components' and never heard."""
    demand, sold = Demand(Order.RISK), level("bundle", 1_000, CauseKind.ORDER)
    assert demand.hot(sold, 999 + HOT_MS)
    assert not demand.hot(sold, 1_000 + HOT_MS)


def test_the_last_sales_of_long_ago_are_forgotten() -> None:
    """However many SKUs a year sells, those of the last minutes are kept."""
    demand = Demand(Order.RISK)
    for n in range(20 * KEPT_MIN):
        demand.note(level(f"s{n}", n * HOT_MS // 100, CauseKind.ORDER))
    assert len(demand._sold) <= KEPT_MIN + 1


def test_a_flash_sale_is_seen_within_seconds() -> None:
    """Ten sales in half a minute are a rate of hundreds an hour, whatever the figure of the last hours says."""
    demand, started = Demand(Order.RISK), 10**9
    for n in range(10):
        demand.note(level("A", started + 3_000 * n, CauseKind.ORDER, velocity=7_000))
    sold = level("A", started + 30_000, CauseKind.ORDER, velocity=7_000)
    fast = demand.danger(row("A", 3, 4), sold, started + 30_000)
    known = Demand(Order.RISK).danger(row("A", 3, 4), replace(sold, velocity=350_000), started + 30_000)
    assert fast == pytest.approx(known, rel=0.05)


def test_a_hot_sku_is_in_danger_however_much_is_left() -> None:
    """Before one that sells five units an hour where nothing is left, after one that sells thirty."""
    demand, sold = Demand(Order.RISK), level("A", 10**9, CauseKind.ORDER)
    demand.note(sold)
    hot = demand.danger(row("A", 5_000, 5_001), sold, 10**9)
    slow, fast = (
        demand.danger(row("B", 0, 9), level("B", 10**9, CauseKind.ADJUSTMENT, velocity=velocity), 10**9)
        for velocity in (5_000, 30_000)
    )
    assert slow < hot < fast
    assert demand.danger(row("A", 5_000, 5_001), sold, 10**9 + HOT_MS) < slow


def test_what_sells_fast_is_not_slow_when_it_has_not_been_sold_for_a_minute() -> None:
    """A bulk takes minutes; by then it may have been sold again."""
    demand = Demand(Order.RISK)
    for velocity, slow in ((999, True), (1_000, False)):
        assert demand.slow(level("A", 10**9, CauseKind.ADJUSTMENT, velocity=velocity), 10**9) is slow
    assert not demand.slow(level("A", 10**9, CauseKind.ORDER, velocity=693), 10**9)
    for velocity, slow in ((1_990, True), (2_010, False)):
        assert demand.slow(level("A", 10**9, CauseKind.ORDER, velocity=velocity), 10**9 + 3_600_000) is slow


def test_a_number_that_was_not_answered_may_be_shown() -> None:
    """The higher one of what it showed before and what it was told is what may be sold."""
    demand, sold = Demand(Order.RISK), level("A", 0, CauseKind.ORDER, velocity=60_000)
    assert demand.danger(row("A", 2, 3, unanswered=9), sold, 0) == demand.danger(row("A", 2, 9), sold, 0)
    assert demand.danger(row("A", 2, 9, unanswered=3), sold, 0) == demand.danger(row("A", 2, 9), sold, 0)
    assert demand.danger(row("A", 2, None, unanswered=3), sold, 0) == demand.danger(row("A", 2, None), sold, 0)


@pytest.mark.parametrize(
    ("order", "first"), [(Order.RISK, "danger"), (Order.TOP20, "bestseller"), (Order.FIFO, "neither")]
)
def test_each_order_of_work_has_its_own_first(order: Order, first: str) -> None:
    """The nearest oversell, the best seller, or nobody."""
    demand = Demand(order)
    sold = {
        "danger": level("danger", 0, CauseKind.ORDER, units=5, velocity=90_000),
        "bestseller": level("bestseller", 0, CauseKind.ORDER, units=500, velocity=1_000),
    }
    for n in range(8):
        demand.note(level(f"s{n}", 0, CauseKind.ORDER, units=1))
    for one in sold.values():
        demand.note(one)
    # Of ten SKUs two are a fifth: the other one is in it as well, so a third rival takes its place.
    demand.note(level("rival", 0, CauseKind.ORDER, units=400))
    dangers = {
        "danger": demand.danger(row("danger", 0, 9), sold["danger"], 0),
        "bestseller": demand.danger(row("bestseller", 50, 51), sold["bestseller"], 0),
    }
    equal = dangers["danger"].bit_length() == dangers["bestseller"].bit_length()
    assert first == ("neither" if equal else max(dangers, key=lambda sku: dangers[sku]))


def test_a_publisher_that_starts_counts_the_week_that_the_topic_still_holds(bench_of: Any) -> None:
    """In `top20` the order of work is as before a restart: no level of a week is compacted away before it is read."""
    made = bench_of(active=False).controller
    setup = replace(made.setup, order=Order.TOP20)
    heir = Controller(setup, Book("shop", lambda _: Rules(), setup.kind), 0)
    day, skus = 24 * 3_600_000, [f"S{n}" for n in range(10)]
    for at in range(7):  # the first two sold all week and nothing in the last hours, the others a unit a moment ago
        for sku in skus[:2]:
            heir.level(level(sku, at * day, CauseKind.ORDER, units=3), 7 * day)
    for sku in skus[2:]:
        heir.level(level(sku, 7 * day - 1, CauseKind.ORDER), 7 * day)
    last = level("any", 7 * day, CauseKind.ADJUSTMENT)
    dangers = {sku: heir.tasks.demand.danger(row(sku, 4, 5), replace(last, sku=sku), 7 * day) for sku in skus}
    assert {sku for sku, found in dangers.items() if found == max(dangers.values())} == {"S0", "S1"}
    (topic,) = [one for one in topics.COMMON if one.name == topics.STOCK_LEVEL]
    assert int(topic.settings()["min.compaction.lag.ms"]) >= WEEK_MS
