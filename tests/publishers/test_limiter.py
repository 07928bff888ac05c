"""The token bucket: never above any window's budget, never slower than need be."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers import limiter
from publishers.limiter import Budget, Window

SLOW = Window(amount=83, per_ms=10_000_000, burst=20)
"""0.0083 a second."""

VALUES = (SLOW, Budget(windows=(SLOW,), filled=(0,), at=0))

windows = st.builds(
    Window,
    amount=st.integers(1, 50),
    per_ms=st.sampled_from([1, 7, 1_000, 60_000]),
    burst=st.integers(5, 60),
    points=st.booleans(),
)
steps = st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 5)), max_size=60)


def one(amount: int = 2, per_ms: int = 1_000, burst: int = 3, *, points: bool = False) -> Window:
    """Make a window."""
    return Window(amount=amount, per_ms=per_ms, burst=burst, points=points)


def test_a_full_budget_lets_its_burst_through_at_once_and_then_no_more() -> None:
    """Three calls of a burst of three pass at the same instant; the fourth waits for one token, 500 ms."""
    budget = limiter.full([one()], 1_000)
    for _ in range(3):
        assert limiter.wait(budget, 1, 1_000) == 0
        budget = limiter.spent(budget, 1, 1_000)
    assert limiter.wait(budget, 1, 1_000) == 500
    assert limiter.wait(budget, 1, 1_499) == 1
    assert limiter.wait(budget, 1, 1_500) == 0


def test_spending_what_is_not_there_is_refused() -> None:
    """A caller that does not ask first is a fault in our code, and says so."""
    budget = limiter.spent(limiter.full([one(burst=1)], 0), 1, 0)
    with pytest.raises(ValueError, match="does not allow this call yet"):
        limiter.spent(budget, 1, 499)
    assert limiter.spent(budget, 1, 500).filled == (0,)


def test_tokens_never_exceed_the_burst() -> None:
    """An hour of idleness gives no more than one burst."""
    budget = limiter.full([one()], 0)
    assert limiter.refilled(budget, 3_600_000) == Budget(windows=(one(),), filled=(3_000,), at=3_600_000)


def test_partial_tokens_are_kept_exactly() -> None:
    """Ten steps of 50 ms give exactly the token of one step of 500 ms."""
    budget = Budget(windows=(one(),), filled=(0,), at=0)
    for now in range(50, 550, 50):
        budget = limiter.refilled(budget, now)
    assert budget.filled == (1_000,)
    assert limiter.wait(budget, 1, 500) == 0


def test_a_clock_that_goes_back_neither_gives_nor_takes() -> None:
    """Time runs on from the latest moment seen."""
    budget = limiter.spent(limiter.full([one(burst=1)], 1_000), 1, 1_000)
    back = limiter.refilled(budget, 400)
    assert back == budget
    assert limiter.wait(budget, 1, 400) == 500


def test_the_slowest_of_several_windows_decides() -> None:
    """A second's limit and a day's limit hold at once."""
    second, day = one(amount=10, burst=10), one(amount=10_000, per_ms=86_400_000, burst=2)
    budget = limiter.full([second, day], 0)
    budget = limiter.spent(limiter.spent(budget, 1, 0), 1, 0)
    assert budget.filled == (8_000, 0)
    assert limiter.wait(budget, 1, 0) == 8_640
    assert limiter.wait(budget, 1, 8_640) == 0
    assert limiter.wait(limiter.full([day, second], 0), 1, 0) == 0


def test_a_rate_below_a_hundredth_a_second_is_exact() -> None:
    """0.0083 calls a second: the wait is 120,482 ms, rounded up and never down."""
    budget = limiter.full([SLOW], 0)
    for _ in range(20):
        budget = limiter.spent(budget, 1, 0)
    assert limiter.wait(budget, 1, 0) == 120_482
    assert limiter.wait(budget, 1, 120_481) == 1
    assert limiter.wait(budget, 1, 120_482) == 0


def test_points_cost_what_they_cost_and_calls_cost_one() -> None:
    """A call of 13 points takes 13 from a window of points and 1 from a window of calls."""
    points, calls = one(amount=100, burst=26, points=True), one(burst=5)
    budget = limiter.spent(limiter.full([points, calls], 0), 13, 0)
    assert budget.filled == (13_000, 4_000)
    budget = limiter.spent(budget, 13, 0)
    assert limiter.wait(budget, 13, 0) == 130


def test_a_call_larger_than_the_burst_is_refused_at_once() -> None:
    """It would wait for ever; one that just fits waits for the whole burst."""
    budget = limiter.full([one(burst=12, points=True)], 0)
    assert limiter.wait(budget, 12, 0) == 0
    with pytest.raises(ValueError, match="a call of 13 never fits into a burst of 12"):
        limiter.wait(budget, 13, 0)


def test_silence_that_the_channel_asked_for_is_kept() -> None:
    """`Retry-After` counts even with tokens left; a shorter one does not shorten a longer one."""
    budget = limiter.blocked(limiter.full([one()], 0), 2_000)
    assert limiter.wait(budget, 1, 0) == 2_000
    assert limiter.wait(budget, 1, 1_999) == 1
    assert limiter.wait(budget, 1, 2_000) == 0
    assert limiter.blocked(budget, 500).blocked_until == 2_000
    assert limiter.blocked(budget, 2_500).blocked_until == 2_500
    assert limiter.spent(budget, 1, 2_000).blocked_until == 2_000


def test_the_channels_own_count_lowers_ours_and_never_raises_it() -> None:
    """Somebody else uses the same bucket: what the channel says is left is all there is."""
    budget = limiter.full([one(amount=100, burst=1_000, points=True), one()], 0)
    lowered = limiter.corrected(budget, 40, 0)
    assert lowered.filled == (40_000, 3_000)
    assert limiter.corrected(lowered, 900, 0) == lowered
    assert limiter.corrected(budget, -5, 0).filled == (0, 3_000)
    later = limiter.corrected(lowered, 900, 100)
    assert (later.filled, later.at) == ((50_000, 3_000), 100)


@pytest.mark.parametrize("value", VALUES)
def test_budgets_and_windows_are_values(value: Window | Budget) -> None:
    """They cannot be changed, hold nothing else, and are written with names only."""
    kind: Any = type(value)
    name = fields(value)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 1)
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError):
        kind(*(getattr(value, field.name) for field in fields(value)))


def test_a_window_counts_calls_unless_it_is_told_to_count_points() -> None:
    """And nobody has asked for silence in a new budget."""
    window = Window(amount=1, per_ms=10, burst=5)
    assert (window.points, window.charge(3)) == (False, 10)
    assert Window(amount=1, per_ms=10, burst=5, points=True).charge(3) == 30
    assert Budget(windows=(), filled=(), at=0).blocked_until == 0


def test_a_budget_with_a_window_too_few_is_a_fault() -> None:
    """A window without its count would be no limit at all; nothing is left out in silence."""
    broken = Budget(windows=(SLOW, SLOW), filled=(0,), at=0)
    for use in (limiter.refilled, lambda budget, now: limiter.wait(budget, 1, now)):
        with pytest.raises(ValueError, match="zip"):
            use(broken, 0)


@given(st.lists(windows, min_size=1, max_size=3), steps)
def test_no_span_of_time_ever_sees_more_than_its_budget(limits: list[Window], moves: list[tuple[int, int]]) -> None:
    """In any span of T ms a window lets through at most burst + amount x T / per_ms, whatever is asked when."""
    budget, now = limiter.full(limits, 0), 0
    spent: list[tuple[int, int]] = []
    for passed, cost in moves:
        now += passed
        if limiter.wait(budget, cost, now) == 0:
            budget = limiter.spent(budget, cost, now)
            spent.append((now, cost))
    for window in limits:
        for i, (start, _) in enumerate(spent):
            taken = 0
            for end, cost in spent[i:]:
                taken += cost if window.points else 1
                assert taken * window.per_ms <= window.burst * window.per_ms + window.amount * (end - start)


@given(st.lists(windows, min_size=1, max_size=3), st.integers(1, 5), st.integers(5, 40))
def test_a_caller_that_waits_as_told_uses_its_budget_fully(limits: list[Window], cost: int, calls: int) -> None:
    """Each wait ends at the first ms at which the call is allowed: time goes on and nothing is wasted."""
    budget, now = limiter.full(limits, 0), 0
    for _ in range(calls):
        wait = limiter.wait(budget, cost, now)
        if wait > 0:
            assert limiter.wait(budget, cost, now + wait - 1) == 1
        now += wait
        assert limiter.wait(budget, cost, now) == 0
        budget = limiter.spent(budget, cost, now)
    slowest = max(((calls * (cost if w.points else 1) - w.burst) * w.per_ms + w.amount - 1) // w.amount for w in limits)
    assert now <= max(0, slowest) + calls
    assert now >= max(0, slowest)
