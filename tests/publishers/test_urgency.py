"""How urgent it is to tell a channel."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.urgency import HORIZON_H, IDLE, LOST, SCALE, danger, faded
from schemas.settings import Order

HOUR_MS = 3_600_000
VELOCITIES = st.integers(0, 10**7)
NUMBERS = st.integers(-50, 5_000)


def at_risk(velocity: float, desired: int | None, shown: int | None) -> int:
    """Return the danger in order of risk."""
    return danger(Order.RISK, velocity, desired, shown)


@pytest.mark.parametrize(
    ("velocity", "desired", "shown"), [(600_000, 0, 100), (600_000, 3, 6), (6_000_000, 40, 60), (120_000, 1, 2)]
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
    order = [at_risk(600_000, *numbers) for numbers in ((0, 100), (1, 100), (3, 10), (100, 0), (30, 31), (100, 99))]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == len(order)


def test_a_raise_is_urgent_only_for_its_lost_sales() -> None:
    """What a channel shows too little never oversells: a small part of what the reverse would be, and never nothing."""
    assert at_risk(600_000, 10, 0) == pytest.approx(at_risk(600_000, 0, 10) / LOST, abs=1)
    assert at_risk(600_000, 10, 0) > at_risk(600_000, 10, 9) >= 1
    assert at_risk(0, 1_000_000, 999_999) == 1


def test_what_a_channel_shows_is_the_worst_while_it_is_unknown() -> None:
    """It may be any number; and what it should show may be unknown too, and then there is nothing to tell."""
    for desired in (0, 5, 500):
        assert at_risk(600_000, desired, None) >= max(at_risk(600_000, desired, shown) for shown in (0, 6, 10**6))
    assert danger(Order.FIFO, 600_000, None, 5) == at_risk(600_000, None, 5) == 0


def test_a_rate_of_sale_fades() -> None:
    """With the half-life of the level's own figure; a clock that is behind changes nothing."""
    assert faded(80_000, 2 * HOUR_MS) == 20_000
    assert faded(80_000, -5) == 80_000
    assert faded(80_000, 10**12) == 0
    assert at_risk(0, 0, 9) > 1


def test_a_number_below_zero_is_zero() -> None:
    """Nobody buys where -3 stands, and nobody is sold the same unit twice for it."""
    assert at_risk(600_000, -2, 5) == at_risk(600_000, 0, 5)
    assert at_risk(600_000, 5, -2) == at_risk(600_000, 5, 0)


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
