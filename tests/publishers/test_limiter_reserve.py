"""A day's calls are not gone in the first minutes of a flash sale: the last fifth waits for what is urgent."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from publishers.limiter import Limiter, Window
from publishers.push import TELL, Hint
from publishers.windows import LONG_MS

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
SECOND = Window(amount=5, per_ms=1_000, burst=5)
DAY = Window(amount=5_000, per_ms=DAY_MS, burst=5_000, rolling=True)


@dataclass(slots=True)
class Sale:
    """A flash sale: work that is not urgent never ends, and every so often a call is urgent."""

    every_ms: int
    reserves: bool = True
    calm: list[int] = field(default_factory=list)
    urgent: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)

    def run(self, length: int) -> None:
        """Call as the limiter lets us: urgent work first, other work only where nothing is kept from it."""
        limits, now, asked = Limiter({TELL: (SECOND, DAY)}, 0), 0, 0
        while now < length:
            wait = limits.wait(TELL, 1, now)
            if wait == 0 and asked <= now:
                limits.spend(TELL, 1, now)
                self.urgent.append(now)
                self.waits.append(now - asked)
                asked += self.every_ms
            elif wait == 0 and not (self.reserves and limits.reserved(TELL, now)):
                limits.spend(TELL, 1, now)
                self.calm.append(now)
            else:
                pause = wait or (max(1, min(asked, now + MINUTE_MS) - now))
                now += min(pause, MINUTE_MS)


def test_urgent_calls_find_room_all_day_long() -> None:
    """40 an hour, while other work would take all there is: each is made within a second."""
    sale = Sale(every_ms=90_000)
    sale.run(DAY_MS)
    assert len(sale.urgent) == 960
    assert max(sale.waits) <= 1_000


def test_without_the_reserve_the_day_is_gone_in_minutes() -> None:
    """What the rule is for: the last urgent call would have waited for most of the day."""
    sale = Sale(every_ms=90_000, reserves=False)
    sale.run(DAY_MS + HOUR_MS)
    assert sale.calm[4_900] < 20 * MINUTE_MS
    assert max(sale.waits) > 20 * HOUR_MS


def test_other_work_has_four_fifths_at_full_speed_and_never_stops_for_good() -> None:
    """While nothing urgent comes, the reserve is used at the pace at which it lasts; the day's end finds it used."""
    sale = Sale(every_ms=10 * DAY_MS)
    sale.run(DAY_MS)
    assert sale.calm[3_990] < 15 * MINUTE_MS
    rest = [at for at in sale.calm if at > 3 * HOUR_MS]
    assert max(later - at for at, later in pairwise(rest)) <= (90 + 12) * MINUTE_MS
    assert 4_750 <= len(sale.calm) <= 5_000


def test_more_urgent_calls_leave_less_for_the_rest_and_the_day_is_never_overdrawn() -> None:
    """Urgent work may use all that is kept for it; other work stands back for as long as it does."""
    sale = Sale(every_ms=30_000)
    sale.run(DAY_MS)
    assert len(sale.calm) + len(sale.urgent) <= 5_000
    assert len([at for at in sale.calm if at > HOUR_MS]) <= 20
    assert len(sale.urgent) >= 980


def test_short_windows_and_buckets_keep_nothing_back() -> None:
    """What is back in minutes needs no reserve."""
    short = Window(amount=10, per_ms=LONG_MS, burst=10, rolling=True)
    limits = Limiter({TELL: (short, SECOND)}, 0)
    for now in range(0, 10_000, 1_000):
        limits.spend(TELL, 1, now)
        assert not limits.reserved(TELL, now)
    long = Limiter({TELL: (Window(amount=10, per_ms=LONG_MS + 1, burst=10, rolling=True),)}, 0)
    for number in range(10):
        assert long.reserved(TELL, 0) is (number >= 8)
        long.spend(TELL, 1, 0)


def test_what_others_used_brings_the_reserve_too() -> None:
    """The channel says that little is left, whoever used it; nothing of ours was used of late, so some may go on."""
    limits = Limiter({TELL: (DAY,)}, 0)
    limits.learn([Hint(bucket=TELL, left=900)], 0)
    assert not limits.reserved(TELL, 0)
    for _ in range(63):
        limits.spend(TELL, 1, 0)
    assert limits.reserved(TELL, 0)


@pytest.mark.parametrize("listings", [["hot"], ["calm", "hot"]])
def test_a_listing_that_was_revised_too_often_keeps_its_last_fifth_too(listings: list[str]) -> None:
    """eBay: of 250 revisions a day the last 50 are for numbers that matter; other listings have their own."""
    own = Window(amount=250, per_ms=DAY_MS, burst=250, rolling=True, per_listing=True)
    limits = Limiter({TELL: (own,)}, 0)
    for _ in range(199):
        limits.spend(TELL, 1, 0, ["hot"])
    assert not limits.reserved(TELL, 0, listings)
    limits.spend(TELL, 1, 0, ["hot"])
    assert limits.reserved(TELL, 0, iter(listings))
    assert not limits.reserved(TELL, 0, ["calm"])
    assert not limits.reserved(TELL, 0)
    assert not limits.reserved(TELL, 2 * HOUR_MS, listings), "slower than the reserve lasts"
