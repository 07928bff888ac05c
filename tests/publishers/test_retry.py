"""The retry ladder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers import retry

LADDER = (30_000, 120_000, 600_000, 3_600_000)
ladders = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=8)


def test_the_middle_draw_is_the_rung_itself() -> None:
    """30 s, 2 min, 10 min, 1 h, then no more."""
    assert [retry.delay(LADDER, attempt, 500) for attempt in range(1, 6)] == [*LADDER, None]


def test_the_jitter_is_a_tenth_to_either_side() -> None:
    """The first and the last draw are the bounds, both included."""
    assert retry.delay(LADDER, 1, 0) == 27_000
    assert retry.delay(LADDER, 1, 1_000) == 33_000
    assert retry.delay(LADDER, 4, 0) == 3_240_000
    assert retry.delay((9,), 1, 0) == 9
    assert retry.delay((10,), 1, 1_000) == 11


@pytest.mark.parametrize(("attempt", "draw"), [(0, 500), (-1, 500), (1, -1), (1, 1_001)])
def test_an_attempt_or_a_draw_outside_its_range_is_refused(attempt: int, draw: int) -> None:
    """A fault in our code is said aloud; nothing is waited for by accident."""
    with pytest.raises(ValueError, match=f"^attempt {attempt}, draw {draw}$"):
        retry.delay(LADDER, attempt, draw)


def test_an_empty_ladder_gives_up_at_once() -> None:
    """No rung, no wait."""
    assert retry.delay((), 1, 0) is None


@given(ladders, st.integers(1, 12), st.integers(0, 1_000))
def test_every_delay_is_bounded_by_its_rung(ladder: list[int], attempt: int, draw: int) -> None:
    """Within a tenth of the rung; None exactly beyond the last."""
    delay = retry.delay(ladder, attempt, draw)
    if attempt > len(ladder):
        assert delay is None
    else:
        rung = ladder[attempt - 1]
        assert delay is not None
        assert abs(delay - rung) * 10 <= rung


@given(ladders, st.integers(1, 8), st.integers(0, 999))
def test_a_higher_draw_never_waits_less(ladder: list[int], attempt: int, draw: int) -> None:
    """The draw picks the place within the jitter, in order."""
    lower, higher = retry.delay(ladder, attempt, draw), retry.delay(ladder, attempt, draw + 1)
    assert (lower is None) == (higher is None)
    assert lower is None or higher is None or lower <= higher


def test_scaling_shortens_every_rung_but_none_to_nothing() -> None:
    """1,000 is real time; a rehearsal's rung is at least 1 ms."""
    assert retry.scaled(LADDER, 1_000) == LADDER
    assert retry.scaled(LADDER, 100) == (3_000, 12_000, 60_000, 360_000)
    assert retry.scaled((500, 1_999), 1) == (1, 1)
    assert retry.scaled((2_000,), 1) == (2,)


def test_a_wait_that_began_before_the_clock_was_set_back_ends_by_its_own_length() -> None:
    """Not by that of the step; a wait that began as usual ends when it was to."""
    assert retry.due(LADDER, 2, 5_000_000, 1_000_000) == 1_132_000
    assert retry.due(LADDER, 9, 900_000_000, 1_000_000) == 4_960_000
    assert retry.due(LADDER, 0, 5_000_000, 1_000_000) == 1_033_000
    assert retry.due((), 1, 5_000_000, 1_000_000) == 1_000_000
    assert retry.due(LADDER, 2, 1_120_000, 1_000_000) == 1_120_000
