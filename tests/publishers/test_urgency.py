"""How urgent it is to tell a channel."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.urgency import HORIZON_H, IDLE, LOST, SCALE, TOP, Volumes, danger
from schemas import records
from schemas.settings import Order
from schemas.words import CauseKind, Policy

HOUR_MS = 3_600_000
VELOCITIES = st.integers(0, 10**7)
NUMBERS = st.integers(-50, 5_000)


def at_risk(velocity: int, desired: int | None, shown: int | None, age_ms: int = 0) -> int:
    """Return the danger in order of risk."""
    return danger(Order.RISK, velocity, desired, shown, age_ms=age_ms)


@pytest.mark.parametrize(
    ("velocity", "desired", "shown"), [(60_000, 0, 100), (60_000, 3, 6), (600_000, 40, 60), (12_000, 1, 2)]
)
def test_the_danger_is_the_units_that_shoppers_would_oversell(velocity: int, desired: int, shown: int) -> None:
    """Counted sale by sale at rates that are drawn, because nobody knows them: within 4 %."""
    dice, oversold, runs = random.Random(7), 0, 60_000
    mean = (velocity + IDLE) / 1_000 * HORIZON_H
    for _ in range(runs):
        rate, elapsed, asked = dice.expovariate(1 / mean), 0.0, 0
        while (elapsed := elapsed + dice.expovariate(rate)) < 1.0 and asked < shown:
            asked += 1
        oversold += max(0, asked - desired)
    assert at_risk(velocity, desired, shown) / SCALE == pytest.approx(oversold / runs, rel=0.04)


def test_a_channel_that_offers_what_is_sold_out_comes_first() -> None:
    """Then the scarcer before the plentiful; a sale that is surely lost before one that is hardly ever oversold."""
    order = [at_risk(60_000, *numbers) for numbers in ((0, 100), (1, 100), (3, 10), (100, 0), (30, 31), (100, 99))]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == len(order)


def test_a_raise_is_urgent_only_for_its_lost_sales() -> None:
    """What a channel shows too little never oversells: a small part of what the reverse would be, and never nothing."""
    assert at_risk(60_000, 10, 0) == pytest.approx(at_risk(60_000, 0, 10) / LOST, abs=1)
    assert at_risk(60_000, 10, 0) > at_risk(60_000, 10, 9) >= 1
    assert at_risk(0, 1_000_000, 999_999) == 1


def test_what_a_channel_shows_is_the_worst_while_it_is_unknown() -> None:
    """It may be any number; and what it should show may be unknown too, and then there is nothing to tell."""
    for desired in (0, 5, 500):
        assert at_risk(60_000, desired, None) >= max(at_risk(60_000, desired, shown) for shown in (0, 6, 10**6))
    assert danger(Order.FIFO, 60_000, None, 5) == at_risk(60_000, None, 5) == 0


def test_a_rate_of_sale_fades() -> None:
    """With the half-life of the level's own figure; a clock that is behind changes nothing."""
    assert at_risk(80_000, 0, 9, age_ms=HOUR_MS) == pytest.approx(at_risk(40_000, 0, 9), rel=0.01)
    assert at_risk(80_000, 0, 9, age_ms=-5) == at_risk(80_000, 0, 9)
    assert at_risk(80_000, 0, 9, age_ms=10**12) == at_risk(0, 0, 9) > 1


def test_a_number_below_zero_is_zero() -> None:
    """Nobody buys where -3 stands, and nobody is sold the same unit twice for it."""
    assert at_risk(60_000, -2, 5) == at_risk(60_000, 0, 5)
    assert at_risk(60_000, 5, -2) == at_risk(60_000, 5, 0)


@given(VELOCITIES, NUMBERS, NUMBERS, st.integers(1, 100))
def test_danger_grows_with_sales_with_scarcity_and_with_what_is_offered_too_much(
    velocity: int, desired: int, shown: int, more: int
) -> None:
    """In each of the three, for any numbers."""
    now = at_risk(velocity, desired, shown)
    assert now >= 1
    if shown > desired:
        assert at_risk(velocity + more, desired, shown) >= now
        assert at_risk(velocity, desired, shown + more) >= now
        assert at_risk(velocity, desired - more, shown) >= now


@given(VELOCITIES, NUMBERS, st.none() | NUMBERS)
def test_the_other_orders_see_no_danger(velocity: int, desired: int, shown: int | None) -> None:
    """First come, first served; or the best sellers before the rest, and nothing else."""
    assert danger(Order.FIFO, velocity, desired, shown, top=True) == 1
    rest, best = (danger(Order.TOP20, velocity, desired, shown, top=top) for top in (False, True))
    assert rest.bit_length() < best.bit_length()


def level(
    sku: str, units: int, at: int = 0, velocity: int = 0, kind: CauseKind = CauseKind.ORDER
) -> records.StockLevel:
    """Return a level that an order (or an adjustment) of so many units left."""
    return records.StockLevel(
        sku=sku,
        quantity=1,
        version=1,
        paused=None,
        policy=Policy.REJECT,
        velocity=velocity,
        cause=records.Cause(kind=kind, delta=units, received_at=at),
        source={},
        updated_at=at,
    )


def best(volumes: Volumes, skus: int) -> set[str]:
    """Return the SKUs `s0`, `s1`, ... that are at the top."""
    return {f"s{n}" for n in range(skus) if volumes.top(f"s{n}")}


def test_the_best_selling_fifth_is_found() -> None:
    """By units, in however many orders they came."""
    volumes = Volumes()
    for n in range(100):
        for _ in range(1 + n % 2):
            volumes.note(level(f"s{n}", 2 ** (n // 10 + 1) // (1 + n % 2)))
    assert best(volumes, 100) == {f"s{n}" for n in range(80, 100)}


def test_what_never_sold_is_never_at_the_top() -> None:
    """Though there be fewer sellers than a fifth; counts and returns are no sales."""
    volumes = Volumes()
    for n in range(50):
        volumes.note(level(f"s{n}", 9, kind=CauseKind.ADJUSTMENT))
        volumes.note(level(f"s{n}", -4))
    assert best(volumes, 51) == set()
    volumes.note(level("s7", 1))
    assert best(volumes, 51) == {"s7"}


def test_last_weeks_sales_count_half() -> None:
    """Four units two weeks ago are one today."""
    volumes, week = Volumes(), 7 * 24 * HOUR_MS
    for n in range(8):
        volumes.note(level(f"s{n}", 0))
    volumes.note(level("s8", 7, at=week))
    volumes.note(level("s9", 2, at=3 * week))
    assert best(volumes, 10) == {"s8", "s9"}
    volumes.note(level("s10", 3, at=3 * week))
    assert best(volumes, 11) == {"s9", "s10"}


def test_a_publisher_that_starts_goes_by_the_rate_of_sale() -> None:
    """The last level is all that it has, and its cause may be a count."""
    volumes = Volumes()
    for n in range(10):
        volumes.note(level(f"s{n}", 0, velocity=693 * 2**n, kind=CauseKind.ADJUSTMENT))
    assert best(volumes, 10) == {"s8", "s9"}


@given(st.lists(st.integers(0, 6), min_size=5, max_size=300))
def test_about_a_fifth_is_at_the_top(volumes_of: list[int]) -> None:
    """Never more than that but for the equals of the very best, and none that sold less than one that is not there."""
    volumes = Volumes()
    for n, exponent in enumerate(volumes_of):
        volumes.note(level(f"s{n}", 2**exponent))
    chosen = best(volumes, len(volumes_of))
    very_best = {f"s{n}" for n, exponent in enumerate(volumes_of) if exponent == max(volumes_of)}
    assert chosen == very_best or len(chosen) <= len(volumes_of) // TOP + 1
    inside = [volumes_of[int(sku[1:])] for sku in chosen]
    outside = [exponent for n, exponent in enumerate(volumes_of) if f"s{n}" not in chosen]
    assert min(inside) > max(outside, default=-1)
