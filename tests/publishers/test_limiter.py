"""The limiter: never above any window's budget, never slower than need be, corrected by what the channel says."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.limiter import Limiter, Window, meter
from publishers.push import READ, TELL, Hint
from publishers.refilling import LATE_MS, Refilling
from publishers.rolling import RECENT, RESERVE, SLOTS, Rolling
from publishers.windows import JITTER_MS, LONG_MS, TRUST, ratio_of

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SLOW = Window(amount=83, per_ms=10_000_000, burst=20)
"""0.0083 a second."""
DAY = Window(amount=10_000, per_ms=DAY_MS, burst=10_000, rolling=True)

windows = st.builds(
    Window,
    amount=st.integers(1, 50),
    per_ms=st.sampled_from([100, 1_000, 60_000]),
    burst=st.integers(1, 60),
    points=st.booleans(),
    rolling=st.booleans(),
)
steps = st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 5)), max_size=60)


def one(amount: int = 2, per_ms: int = 1_000, burst: int = 3, **more: Any) -> Window:
    """Make a window."""
    return Window(amount=amount, per_ms=per_ms, burst=burst, **more)


def limiter(*limits: Window, **others: Sequence[Window]) -> Limiter:
    """Make a limiter at time 0."""
    return Limiter({TELL: limits, **others}, 0)


def spend(limits: Limiter, calls: int, now: int = 0, cost: int = 1, bucket: str = TELL) -> None:
    """Spend calls at one instant."""
    for _ in range(calls):
        limits.spend(bucket, cost, now)


def test_a_full_bucket_lets_its_burst_through_but_for_what_refills_while_a_request_travels() -> None:
    """A burst of 3 at 2 a second holds 2.6: two calls at once, the third after 200 ms, then one every 500 ms."""
    limits = limiter(one())
    spend(limits, 2)
    assert limits.wait(TELL, 1, 0) == 200
    assert limits.wait(TELL, 1, 199) == 1
    spend(limits, 1, 200)
    assert limits.wait(TELL, 1, 200) == 500


def test_spending_what_is_not_there_is_refused() -> None:
    """A caller that does not ask first is a fault in our code, and says so; nothing is taken."""
    limits = limiter(one(burst=2), one(amount=1, burst=1, rolling=True))
    spend(limits, 1)
    with pytest.raises(ValueError, match="does not allow this call yet"):
        limits.spend(TELL, 1, 1_199)
    assert limits.wait(TELL, 1, 1_199) == 9
    spend(limits, 1, 1_208)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    """An hour of idleness gives no more than a start."""
    limits = limiter(one())
    limits.wait(TELL, 1, HOUR_MS)
    assert limits.left(TELL, HOUR_MS) == 2
    spend(limits, 2, HOUR_MS)
    assert limits.wait(TELL, 1, HOUR_MS) == 200


def test_a_burst_of_one_still_lets_a_call_through() -> None:
    """The jitter would hold back more than there is; late by no more than 20 ms, nothing of the rate is lost."""
    limits = limiter(one(amount=5, burst=1))
    spend(limits, 1)
    assert limits.wait(TELL, 1, 0) == 180
    spend(limits, 1, 200)
    assert limits.wait(TELL, 1, 200) == 180
    assert (LATE_MS, JITTER_MS) == (20, 200)


def test_partial_tokens_are_kept_exactly() -> None:
    """Ten looks of 50 ms give exactly the token of one of 500 ms."""
    limits = limiter(one())
    spend(limits, 2)
    for now in range(50, 200, 50):
        assert limits.wait(TELL, 1, now) == 200 - now
    assert limits.wait(TELL, 1, 200) == 0


def test_a_clock_that_goes_back_neither_gives_nor_takes() -> None:
    """Time runs on from the latest moment seen."""
    limits = Limiter({TELL: [one(amount=1, burst=1)], READ: [one(amount=1, burst=1, rolling=True)]}, 5_000)
    limits.spend(TELL, 1, 5_000)
    assert limits.wait(TELL, 1, 3_000) == limits.wait(TELL, 1, 5_000) == 980
    limits.spend(READ, 1, 5_000)
    assert limits.wait(READ, 1, 3_000) == limits.wait(READ, 1, 5_000) + 2_000


def test_the_slowest_of_several_windows_decides() -> None:
    """A second's limit and a day's hold at once, whichever comes first."""
    second, day = one(amount=10, burst=10), one(amount=10_000, per_ms=DAY_MS, burst=2)
    for limits in (limiter(second, day), limiter(day, second)):
        spend(limits, 1)
        assert limits.wait(TELL, 1, 0) == 200
        spend(limits, 1, 200)
        assert limits.wait(TELL, 1, 200) == 8_640


def test_a_rate_below_a_hundredth_a_second_is_exact() -> None:
    """0.0083 a second: a call every 120,482 ms, rounded up and never down, and nothing is lost over 83 of them."""
    limits = limiter(SLOW)
    spend(limits, 19)
    assert limits.wait(TELL, 1, 0) == 200
    now = 200
    for _ in range(83):
        limits.spend(TELL, 1, now)
        now += limits.wait(TELL, 1, now)
    assert now == 200 + 10_000_000


def test_points_cost_what_they_cost_and_calls_cost_one() -> None:
    """A call of 13 points takes 13 from a window of points and 1 from a window of calls; one of 0 takes nothing."""
    limits = limiter(one(amount=100, burst=46, points=True), one(burst=5))
    limits.spend(TELL, 13, 0)
    assert limits.wait(TELL, 26, 0) == 130
    limits.spend(TELL, 13, 0)
    assert (limits.left(TELL, 0), limits.wait(TELL, 13, 0)) == (0, 130)
    assert limits.wait(TELL, 0, 0) == 0
    assert (one().charge(13), one().charge(0), one(points=True).charge(13)) == (1, 0, 13)


def test_a_call_larger_than_the_bucket_waits_until_it_is_full_and_leaves_a_debt() -> None:
    """It would wait for ever otherwise; over time its cost is paid in full."""
    limits = limiter(one(amount=10, burst=12, points=True))
    assert limits.wait(TELL, 40, 0) == 0
    limits.spend(TELL, 40, 0)
    assert limits.wait(TELL, 1, 0) == 3_100
    assert limits.left(TELL, 0) == 0
    week = limiter(one(amount=5, per_ms=7_000, burst=5, rolling=True, points=True))
    week.spend(TELL, 8, 0)
    assert week.wait(TELL, 9, 0) == week.wait(TELL, 1, 0) > 7_000


def test_a_rolling_window_gives_back_what_was_taken_after_its_time_and_not_before() -> None:
    """The day's calls come back when they are a day old: by no more than one in 128 late, never early."""
    limits = limiter(one(amount=3, per_ms=DAY_MS, burst=3, rolling=True))
    for now in (0, HOUR_MS, 2 * HOUR_MS):
        assert limits.left(TELL, now) == 3 - now // HOUR_MS
        spend(limits, 1, now)
    late = DAY_MS // SLOTS + JITTER_MS
    now = 2 * HOUR_MS
    for number in range(3):
        now += limits.wait(TELL, 1, now)
        assert number * HOUR_MS + DAY_MS < now <= number * HOUR_MS + DAY_MS + late
        spend(limits, 1, now)


def test_what_was_taken_within_one_piece_comes_back_together() -> None:
    """Memory is bounded by the pieces: 10,000 calls in an hour are a handful of them."""
    day = Rolling(DAY)
    for now in range(0, HOUR_MS, HOUR_MS // 5_000):
        day.take(2, now)
    assert day.left(HOUR_MS) == 0
    assert len(day._pieces) == 6
    assert day.wait(1, HOUR_MS) == DAY_MS // SLOTS + DAY_MS + JITTER_MS - HOUR_MS


def test_each_listing_has_a_limit_of_its_own() -> None:
    """eBay: 250 revisions of a listing a day; a call takes one from each listing that it names, twice where twice."""
    limits = limiter(one(burst=5), one(amount=2, per_ms=DAY_MS, burst=2, rolling=True, per_listing=True))
    limits.spend(TELL, 1, 0, ["a", "b"])
    assert limits.wait(TELL, 1, 0, ["a"]) == 0
    assert limits.wait(TELL, 1, 0, ["c", "c"]) == 0
    assert limits.wait(TELL, 0, 0, iter(["b", "b"])) > DAY_MS
    limits.spend(TELL, 1, 0, ["a"])
    assert limits.wait(TELL, 0, 0, ["b"]) == 0
    assert limits.wait(TELL, 0, 0, ["b", "a"]) > DAY_MS
    assert limits.wait(TELL, 0, 0) == 0
    with pytest.raises(ValueError, match="does not allow"):
        limits.spend(TELL, 1, 0, iter(["a"]))


@pytest.mark.parametrize("rolling", [True, False])
def test_listings_that_were_not_told_within_the_window_are_forgotten(*, rolling: bool) -> None:
    """Memory is bounded by what was told within the window's time, and not by what there is."""
    limits = limiter(one(amount=2, per_ms=1_000, burst=2, rolling=rolling, per_listing=True))
    (own,) = limits._buckets[TELL].listings
    for number in range(1_000):
        limits.spend(TELL, 1, number * 100, [str(number)])
    assert 5 <= len(own) <= 14
    limits.spend(TELL, 1, 200_000, ["last"])
    assert len(own) == 1


def test_silence_that_the_channel_asked_for_is_kept() -> None:
    """`Retry-After` counts whatever is left; a shorter one does not shorten a longer one."""
    limits = limiter(one(burst=9))
    limits.throttled(TELL, 5_000, 0)
    assert (limits.wait(TELL, 1, 0), limits.wait(TELL, 1, 4_999), limits.wait(TELL, 1, 5_000)) == (5_000, 1, 0)
    assert limits.silent_until(TELL) == 5_000
    limits.throttled(TELL, 500, 0)
    assert limits.silent_until(TELL) == 5_000
    limits.throttled(TELL, 6_000, 0)
    assert limits.silent_until(TELL) == 6_000
    assert limits.wait(TELL, 0, 0, ["x"]) == 6_000


def test_a_refusal_empties_the_bucket_for_the_vendors_is_empty() -> None:
    """A new process's bucket is full, the vendor's was not; what is on its way there takes what refills meanwhile."""
    limits = limiter(one(amount=5, burst=50))
    limits.throttled(TELL, 0, 1_000)
    assert limits.wait(TELL, 1, 1_000) == JITTER_MS + 200
    limits.throttled(TELL, 0, 1_000)
    assert limits.wait(TELL, 1, 1_000) == JITTER_MS + 200
    spend(limits, 1, 1_400)
    limits.throttled(TELL, 0, 1_400)
    assert limits.wait(TELL, 1, 1_400) == JITTER_MS + 200


def test_a_refusal_uses_up_a_short_rolling_window_and_leaves_a_long_one() -> None:
    """The second's limit is the likely reason; a day of silence would be too high a price for it."""
    short, day = one(amount=3, per_ms=1_000, burst=3, rolling=True), DAY
    limits = limiter(short, day)
    limits.throttled(TELL, 0, 0)
    assert 1_200 <= limits.wait(TELL, 1, 0) <= 1_208
    assert limits.wait(TELL, 1, 1_208) == 0
    assert limiter(one(amount=3, per_ms=LONG_MS, burst=3, rolling=True)).left(TELL, 0) == 3


def test_buckets_that_are_shares_of_one_vendors_bucket_are_refused_together() -> None:
    """Shopify's points are one bucket: when telling is refused, reading back would be too.  Amazon's are several."""
    points = one(amount=10, burst=100, points=True, pool="p")
    limits = limiter(points, read=[points], feed=[one()])
    limits.throttled(READ, 700, 0)
    assert limits.wait(TELL, 1, 0) == limits.wait(READ, 1, 0) == 700
    assert limits.left(TELL, 700) == 5
    assert limits.wait("feed", 1, 0) == 0


def test_the_channels_own_count_lowers_ours_and_never_raises_it() -> None:
    """Somebody else uses the same bucket: what the channel says is left is all there is; calls are not points."""
    limits = limiter(one(amount=100, burst=1_000, points=True), one())
    limits.learn([Hint(bucket=TELL, left=40)], 0)
    assert limits.wait(TELL, 41, 0) == 10
    limits.learn([Hint(bucket=TELL, left=900)], 0)
    assert limits.wait(TELL, 41, 0) == 10
    limits.learn([Hint(bucket=TELL, left=-5)], 0)
    assert limits.wait(TELL, 1, 0) == 10
    assert limits.left(TELL, 100) == 2, "the window of calls was not meant"


def test_a_bucket_that_has_just_what_the_channel_says_keeps_its_part_of_a_token() -> None:
    """An answer that confirms our count costs nothing."""
    limits = limiter(one())
    limits.learn([Hint(bucket=TELL, left=2)], 0)
    spend(limits, 2)
    assert limits.wait(TELL, 1, 0) == 200


def test_shares_of_one_bucket_are_lowered_together_and_only_when_they_have_too_much() -> None:
    """The vendor's number counts everybody's; as long as all our shares fit into it, nobody else is in sight."""
    share = one(amount=10, burst=62, points=True, pool="p")
    limits = limiter(share, read=[share])
    limits.learn([Hint(bucket=TELL, left=120)], 0)
    assert (limits.left(TELL, 0), limits.left(READ, 0)) == (60, 60)
    limits.learn([Hint(bucket=TELL, left=61)], 0)
    assert (limits.left(TELL, 0), limits.left(READ, 0)) == (30, 30)
    spend(limits, 1, cost=30)
    limits.learn([Hint(bucket=READ, left=15)], 0)
    assert (limits.left(TELL, 0), limits.left(READ, 0)) == (0, 15)


def test_what_others_used_of_a_rolling_day_comes_back_evenly_and_the_newest_word_counts() -> None:
    """Nobody says when they used it; each answer says anew how much is left, so a guess lasts no longer than to it."""
    limits = limiter(one(amount=10, burst=99), DAY)
    limits.learn([Hint(bucket=TELL, per_ms=DAY_MS, left=400)], 0)
    assert limits.left(TELL, 0) == 97, "the second's bucket was not meant"
    day = limits._buckets[TELL].meters[1]
    assert day.left(0) == 400
    assert day.left(DAY_MS // 2) == 400 + 4_800
    assert day.left(DAY_MS) == 10_000
    limits.learn([Hint(bucket=TELL, per_ms=DAY_MS, left=9_999)], 0)
    assert day.left(0) == 9_999
    limits.learn([Hint(bucket=TELL, per_ms=DAY_MS, left=0)], 0)
    assert limits.wait(TELL, 1, 0) == DAY_MS // 10_000
    assert limits.wait(TELL, 1, DAY_MS // 10_000) == 0
    assert day.left(-1) == 0, "a clock that goes back gives nothing"


def test_what_others_used_and_what_we_used_come_back_each_in_its_time() -> None:
    """Ours after a day, theirs evenly: the wait ends when both leave enough."""
    day = Rolling(one(amount=100, per_ms=DAY_MS, burst=100, rolling=True))
    day.take(50, 0)
    day.lower(10, HOUR_MS)
    at = HOUR_MS
    assert day.left(at) == 10
    for charge in (10, 11, 30, 50, 51, 100):
        tried = deepcopy(day)
        wait = tried.wait(charge, at)
        assert wait == 0 or tried.left(at + wait - 1) < charge
        assert tried.left(at + wait) >= charge


@pytest.mark.parametrize(
    ("hint", "wait"),
    [
        (Hint(bucket=TELL, per_ms=1_000, limit=20), 50),
        (Hint(bucket=TELL, per_ms=10_000_000, limit=5_000), 2_000),
        (Hint(bucket=TELL, per_ms=10_000_000, limit=56), 178_572),
        (Hint(bucket=TELL, limit=5), 200),
        (Hint(bucket=TELL, limit=0), 100),
        (Hint(bucket=TELL, limit=-1), 100),
        (Hint(bucket=TELL, limit=200), 5),
        (Hint(bucket=TELL, limit=201), 100),
    ],
)
def test_the_channels_word_for_its_rate_is_adopted_unless_it_is_out_of_all_bounds(hint: Hint, wait: int) -> None:
    """A rate below one a second is said over a longer time; a broken header neither stops a channel nor frees it."""
    assert TRUST == 20
    slowest = Window(amount=10, per_ms=1_000, burst=4_000, whole=10)
    if hint.limit == 56:
        slowest = Window(amount=1_000, per_ms=10_000_000, burst=4_000, whole=1_000)
    limits = limiter(slowest)
    limits.throttled(TELL, 0, 0)
    limits.learn([hint], JITTER_MS)
    assert limits.wait(TELL, 1, JITTER_MS) == wait


def test_a_share_moves_in_proportion_to_the_whole() -> None:
    """Etsy says 150 a second for the app: of 10 documented ones 5 were ours, so 75 are."""
    share = one(amount=5, burst=5, whole=10)
    day = Window(amount=5_000, per_ms=DAY_MS, burst=5_000, rolling=True, whole=10_000)
    limits = limiter(share, day)
    limits.learn([Hint(bucket=TELL, per_ms=1_000, limit=150), Hint(bucket=TELL, per_ms=DAY_MS, limit=100_000)], 0)
    assert limits._buckets[TELL].meters[1].left(0) == 50_000
    limits.throttled(TELL, 0, 0)
    spend(limits, 1, JITTER_MS + 14)
    assert limits.wait(TELL, 1, JITTER_MS + 14) == 13
    limits.learn([Hint(bucket=TELL, per_ms=DAY_MS, limit=501)], 0)
    assert limits._buckets[TELL].meters[1].left(0) == 249


def test_a_figure_of_our_own_is_lowered_by_the_channels_word_and_never_raised() -> None:
    """An operator's 2 a second stay 2 where the vendor allows 100, and become 1 where it allows 1."""
    assert ratio_of(one(), 100, 1_000) is None, "twenty times of our own figure is no word about it"
    assert ratio_of(one(), 30, 1_000) == 1
    assert ratio_of(one(), 1, 1_000) == Fraction(1, 2)
    assert ratio_of(one(whole=4), 8, 2_000) == 1


def test_a_lower_rate_comes_with_a_smaller_burst_and_what_was_there_is_kept() -> None:
    """A limit of 5 a second lets no ten through at once; a higher one does not say that it lets more."""
    limits = limiter(one(amount=10, burst=10, whole=10))
    limits.learn([Hint(bucket=TELL, limit=5)], 0)
    assert limits.left(TELL, 0) == 4
    limits.learn([Hint(bucket=TELL, limit=10)], 0)
    assert limits.left(TELL, 0) == 4
    assert limits.left(TELL, 10_000) == 8
    limits.learn([Hint(bucket=TELL, limit=20)], 10_000)
    assert limits.left(TELL, 20_000) == 6


def test_a_word_about_a_time_that_no_window_has_is_for_the_only_bucket() -> None:
    """An app's share is counted over a longer time than the header names; with two buckets nobody is meant."""
    day = Window(amount=10, per_ms=DAY_MS, burst=10, rolling=True)
    alone = limiter(one(amount=10, per_ms=2_000, burst=100, whole=20), day)
    alone.learn([Hint(bucket=TELL, per_ms=1_000, limit=5)], 0)
    alone.throttled(TELL, 0, 0)
    assert alone.wait(TELL, 1, 0) == JITTER_MS + 400
    two = limiter(one(burst=9), one(per_ms=2_000, burst=9))
    two.learn([Hint(bucket=TELL, per_ms=77, left=0)], 0)
    assert two.left(TELL, 0) == 8


def test_a_call_costs_what_the_channel_said_last_at_least_what_is_asked_at_most_what_fits() -> None:
    """A broken cost cannot put the bucket into debt for days."""
    limits = limiter(one(burst=50, points=True), one(burst=3), plain=[one()])
    assert limits.cost(TELL, 13) == 13
    limits.learn([Hint(bucket=TELL, cost=20)], 0)
    assert (limits.cost(TELL, 13), limits.cost(TELL, 30)) == (20, 30)
    limits.learn([Hint(bucket=TELL, cost=10**9)], 0)
    assert limits.cost(TELL, 13) == 50
    limits.learn([Hint(bucket=TELL, cost=5)], 0)
    assert limits.cost(TELL, 4) == 5
    assert limits.cost("plain", 7) == 7


def test_what_an_earlier_process_used_of_the_day_is_taken_out_again() -> None:
    """At a restart the day does not begin anew; what is older than a day is."""
    limits = Limiter({TELL: [Window(amount=5, per_ms=DAY_MS, burst=5, rolling=True)]}, DAY_MS)
    for at in (0, DAY_MS // 2, DAY_MS - 1, DAY_MS + 99):
        limits.restore(TELL, at, 1, DAY_MS)
    assert limits.left(TELL, DAY_MS) == 1
    assert limits.left(TELL, DAY_MS + DAY_MS // SLOTS + JITTER_MS) == 2


def test_what_an_earlier_process_used_of_a_bucket_has_refilled_since() -> None:
    """A bucket that was full at the first call is what it would be, had this process made the calls."""
    limits = Limiter({TELL: [one(amount=1, burst=4)]}, 10_000)
    for at in (9_000, 9_000, 9_500, 9_900):
        limits.restore(TELL, at, 1, 10_000)
    same = Limiter({TELL: [one(amount=1, burst=4)]}, 0)
    for at in (9_000, 9_000, 9_500, 9_900):
        same.spend(TELL, 1, at)
    assert limits.wait(TELL, 1, 10_000) == same.wait(TELL, 1, 10_000) == 200


def test_more_than_fits_is_restored_without_a_word() -> None:
    """Whether calls were refused is not known then; the listings' own limits are restored too."""
    limits = limiter(one(burst=1), one(amount=1, per_ms=DAY_MS, burst=1, rolling=True, per_listing=True))
    for _ in range(3):
        limits.restore(TELL, 0, 1, 50, ["a"])
    assert limits.wait(TELL, 0, 50, ["a"]) > DAY_MS
    assert limits.wait(TELL, 0, 50, ["b"]) == 0
    assert limits.wait(TELL, 1, 50) > 0


def test_a_restored_listing_that_is_old_enough_is_forgotten() -> None:
    """What is read from the log of more than a day costs no memory."""
    limits = limiter(one(amount=1, per_ms=DAY_MS, burst=1, rolling=True, per_listing=True))
    limits.restore(TELL, 0, 1, 3 * DAY_MS, ["a"])
    limits.restore(TELL, 3 * DAY_MS, 1, 3 * DAY_MS, ["b"])
    (own,) = limits._buckets[TELL].listings
    assert len(own) == 1


@pytest.mark.parametrize("value", [SLOW, DAY])
def test_windows_are_values(value: Window) -> None:
    """They cannot be changed, hold nothing else, and are written with names only."""
    kind: Any = type(value)
    name = fields(value)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 1)
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError):
        kind(*(getattr(value, field.name) for field in fields(value)))


def test_a_window_is_a_bucket_of_calls_of_our_own_unless_it_says_more() -> None:
    """The defaults are what a kind means that says nothing."""
    plain = one()
    assert (plain.points, plain.rolling, plain.per_listing, plain.whole, plain.pool) == (False, False, False, 0, "")
    assert isinstance(meter(plain, 0), Refilling)
    assert isinstance(meter(DAY, 0), Rolling)
    assert (RESERVE, RECENT, limiter().left(TELL, 0)) == (5, 16, 0)


@given(st.lists(windows, min_size=1, max_size=3), steps)
def test_no_span_of_time_ever_sees_more_than_its_budget(limits: list[Window], moves: list[tuple[int, int]]) -> None:
    """
    In any span of T ms a bucket lets through at most burst + amount x T / per_ms, a rolling window in its own `amount`.

    A single call larger than the window, or than a burst of one, is the exception that else would wait for ever.
    """
    tested, now = Limiter({TELL: limits}, 0), 0
    spent: list[tuple[int, int]] = []
    for passed, cost in moves:
        now += passed
        if tested.wait(TELL, cost, now) == 0:
            tested.spend(TELL, cost, now)
            spent.append((now, cost))
    for window in limits:
        largest = 5 if window.points else 1
        room = max(window.amount if window.rolling else window.burst, largest) + largest * (window.burst < 2 * largest)
        for i, (start, _) in enumerate(spent):
            taken = Fraction(0)
            for end, cost in spent[i:]:
                if window.rolling and end - start >= window.per_ms:
                    break
                taken += cost if window.points else 1
                gained = 0 if window.rolling else Fraction(window.amount * (end - start + LATE_MS), window.per_ms)
                assert taken <= room + gained + (largest - 1 if taken > room else 0)


@given(st.lists(windows, min_size=1, max_size=3), st.integers(1, 5), st.integers(5, 40))
def test_a_caller_that_waits_as_told_wastes_nothing(limits: list[Window], cost: int, calls: int) -> None:
    """Each wait ends at the first ms at which the call is allowed."""
    tested, now = Limiter({TELL: limits}, 0), 0
    for _ in range(calls):
        wait = tested.wait(TELL, cost, now)
        if wait > 0:
            assert tested.wait(TELL, cost, now + wait - 1) == 1
        now += wait
        assert tested.wait(TELL, cost, now) == 0
        tested.spend(TELL, cost, now)
