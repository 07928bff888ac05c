"""What the exit code of a rehearsal stands for."""

import pytest

from compose.flashsale.report import ZEROS, clean

ZERO = dict.fromkeys(ZEROS, 0)


def test_a_run_that_sold_and_lost_nothing_is_clean() -> None:
    """Orders, and zeros behind them."""
    assert clean({"orders": 1, **ZERO})


@pytest.mark.parametrize(
    "result", [{}, ZERO, {"orders": 0, **ZERO}, *({"orders": 1, **ZERO, name: 1} for name in ZEROS)]
)
def test_a_run_that_proves_nothing_or_found_something_is_not(result: dict[str, int]) -> None:
    """A run that broke off, that sold nothing, or with any finding."""
    assert not clean(result)
