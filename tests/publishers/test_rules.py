"""The rules of a channel."""

import pytest

from publishers.rules import number, target
from schemas.records import Cause, StockLevel
from schemas.settings import Rules
from schemas.words import CauseKind, Pause, Policy


def level(quantity: int | None, paused: Pause | None = None) -> StockLevel:
    """Make a level."""
    return StockLevel(
        sku="A",
        quantity=quantity,
        version=1,
        paused=paused,
        policy=Policy.BACKORDER,
        cause=Cause(kind=CauseKind.ADJUSTMENT, delta=0, received_at=0),
        source={},
        updated_at=0,
    )


@pytest.mark.parametrize(
    ("quantity", "rules", "shown"),
    [
        (10, Rules(), 10),
        (0, Rules(), 0),
        (-3, Rules(), 0),
        (None, Rules(), None),
        (None, Rules(paused=True), None),
        (10, Rules(buffer=2), 8),
        (2, Rules(buffer=2), 0),
        (1, Rules(buffer=2), 0),
        (10, Rules(percent=50), 5),
        (11, Rules(percent=50), 5),
        (11, Rules(buffer=1, percent=33), 3),
        (10, Rules(percent=0), 0),
        (10, Rules(max=4), 4),
        (3, Rules(max=4), 3),
        (10, Rules(max=0), 0),
        (4, Rules(floor=5), 0),
        (5, Rules(floor=5), 5),
        (9, Rules(floor=5, max=4), 0),
        (10, Rules(paused=True), 0),
    ],
)
def test_the_number_shown_follows_the_rules(quantity: int | None, rules: Rules, shown: int | None) -> None:
    """(Quantity - buffer) * percent // 100, at most max; 0 below the floor, below zero or paused; null is unknown."""
    assert number(level(quantity), rules) == shown


@pytest.mark.parametrize("paused", list(Pause))
def test_a_paused_sku_is_offered_nowhere(paused: Pause) -> None:
    """Whoever paused it."""
    assert number(level(10, paused), Rules()) == 0


@pytest.mark.parametrize(
    ("desired", "hidden", "shown", "told"),
    [
        (None, 0, 5, None),
        (None, 2, 5, None),
        (9, 0, 5, 9),
        (9, 2, 8, 7),
        (9, 2, 6, 6),
        (9, 2, None, 7),
        (1, 3, 5, 0),
        (9, 3, -1, -1),
    ],
)
def test_hidden_sales_lower_the_number_and_never_let_it_rise(
    desired: int | None, hidden: int, shown: int | None, told: int | None
) -> None:
    """The number told is desired less hidden, at least 0, and never above what is shown while anything is hidden."""
    assert target(desired, hidden, shown) == told
