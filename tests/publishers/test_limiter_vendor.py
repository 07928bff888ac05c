"""
The vendors' own buckets, written from their documents, in virtual time: after one refusal there is no other.

Requests take up to 200 ms longer or shorter than one another, so they arrive in other crowds than they were sent in.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publishers.limiter import Limiter, Window
from publishers.push import TELL
from tests.publishers.vendors import DAY, DELAYS, HOUR, JITTER, MINUTE, Bucket, Calendar, Delay, Rule, Sliding


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A vendor: what we believe of it, its rules, how long it is watched, and what calls cost there."""

    name: str
    windows: tuple[Window, ...]
    rules: Callable[[Fraction], Sequence[Rule]]
    length: int
    costs: tuple[int, ...] = (1,)
    listings: tuple[str, ...] = ("a",)


def calls(amount: int, per_ms: int, burst: int, *, points: bool = False) -> Window:
    """Return what we believe of a bucket."""
    return Window(amount=amount, per_ms=per_ms, burst=burst, points=points)


VENDORS = (
    Vendor(
        name="shopify",
        windows=(calls(100, 1_000, 2_000, points=True),),
        rules=lambda part: [Bucket(Fraction(100), 2_000, points=True, left=part * 2_000)],
        length=2 * MINUTE,
        costs=(13, 10, 61, 13),
    ),
    Vendor(
        name="amazon, a patch",
        windows=(calls(50_000, 10_000_000, 5),),
        rules=lambda part: [Bucket(Fraction(5), 5, left=part * 5)],
        length=2 * MINUTE,
    ),
    Vendor(
        name="amazon, a feed",
        windows=(calls(83, 10_000_000, 15),),
        rules=lambda part: [Bucket(Fraction("0.0083"), 15, left=part * 15)],
        length=8 * HOUR,
    ),
    Vendor(
        name="woocommerce",
        windows=(calls(5, 1_000, 5),),
        rules=lambda part: [Bucket(Fraction(5), 5, left=part * 5)],
        length=2 * MINUTE,
    ),
    Vendor(
        name="etsy, a second",
        windows=(calls(10, 1_000, 10), Window(amount=10_000, per_ms=DAY, burst=10_000, rolling=True)),
        rules=lambda part: [Bucket(Fraction(10), 10, left=part * 10), Sliding(10_000)],
        length=2 * MINUTE,
    ),
)


@dataclass(slots=True)
class Run:
    """What happened: when each request arrived and what it cost, and when refused ones were sent and heard of."""

    taken: list[tuple[int, int]] = field(default_factory=list)
    refused: list[tuple[int, int]] = field(default_factory=list)

    def late_refusals(self) -> list[tuple[int, int]]:
        """Return the refusals of what was sent after the first refusal had been heard of."""
        first = min((heard for _, heard in self.refused), default=0)
        return [one for one in self.refused if one[0] >= first]

    def passed(self, since: int, until: int) -> int:
        """Return the cost of what was let in between."""
        return sum(cost for at, cost in self.taken if since <= at < until)


def run(vendor: Vendor, delay: Delay, seed: int, part: Fraction, *, length: int = 0) -> Run:
    """Ask as fast as the limiter lets us, with work always waiting; `part` of the vendor's buckets is full at first."""
    chance, now, seen = Random(seed), 0, Run()
    limits, rules = Limiter({TELL: vendor.windows}, 0), vendor.rules(part)
    road: list[tuple[int, int, int, int, str]] = []
    back: list[tuple[int, int]] = []
    number: Iterator[int] = count()
    while now < (length or vendor.length):
        cost = chance.choice(vendor.costs)
        wait, listing = min((limits.wait(TELL, cost, now, [name]), name) for name in vendor.listings)
        if wait == 0:
            limits.spend(TELL, cost, now, [listing])
            heapq.heappush(road, (now + delay(chance, now), next(number), now, cost, listing))
        next_at = now + (wait + chance.randint(0, 4) if wait else 0)
        if wait:
            now = min([next_at, *(one[0] for one in back[:1]), *(one[0] for one in road[:1])])
        while road and road[0][0] <= now:
            at, _, sent, points, name = heapq.heappop(road)
            if all(rule.has(at, points, name) for rule in rules):
                for rule in rules:
                    rule.take(at, points, name)
                seen.taken.append((at, points))
            else:
                heard = at + chance.randint(1, JITTER)
                seen.refused.append((sent, heard))
                heapq.heappush(back, (heard, sent))
        while back and back[0][0] <= now:
            heapq.heappop(back)
            limits.throttled(TELL, chance.choice((0, 500, 2_000)), now)
    return seen


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
@pytest.mark.parametrize("delay", DELAYS)
@settings(max_examples=6)
@given(seed=st.integers(0, 10_000), part=st.fractions(0, 1, max_denominator=10))
def test_after_one_refusal_there_is_no_other_and_nearly_all_of_the_rate_is_used(
    vendor: Vendor, delay: str, seed: int, part: Fraction
) -> None:
    """Whatever the vendor's bucket held at the start; and at least 95 % of its rate is used while work waits."""
    seen = run(vendor, DELAYS[delay], seed, part)
    assert seen.late_refusals() == []
    window = vendor.windows[0]
    since = vendor.length // 2
    used = Fraction(seen.passed(since, vendor.length) * window.per_ms, window.amount * (vendor.length - since))
    assert used >= Fraction(95, 100)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
@pytest.mark.parametrize("delay", DELAYS)
def test_a_vendor_whose_bucket_was_full_refuses_nothing_at_all(vendor: Vendor, delay: str) -> None:
    """A first start, or one after an idle while, needs no refusal to find its pace."""
    assert run(vendor, DELAYS[delay], 1, Fraction(1)).refused == []


@pytest.mark.parametrize("delay", DELAYS)
@settings(max_examples=5)
@given(seed=st.integers(0, 10_000), used=st.integers(0, 10))
def test_a_second_that_slides_is_kept_too_at_the_price_of_the_jitter(delay: str, seed: int, used: int) -> None:
    """
    Etsy's second, where it is no bucket: what is sent in 1.2 s may arrive in one, so no more than 10 in 1.2 s are safe.

    Of that pace, 8.3 a second, at least 95 % is used.
    """
    etsy = Vendor(
        name="etsy",
        windows=(Window(amount=10, per_ms=1_000, burst=10, rolling=True),),
        rules=lambda _: [Sliding(10, per=1_000, times=deque([0] * used))],
        length=MINUTE,
    )
    seen = run(etsy, DELAYS[delay], seed, Fraction(1))
    assert seen.late_refusals() == []
    assert seen.passed(MINUTE // 2, MINUTE) >= Fraction(95, 100) * 30 * 10 * 1_000 / (1_000 + JITTER)


def test_a_day_that_slides_is_never_overdrawn_and_used_nearly_to_its_end() -> None:
    """Etsy: the day's 10,000 are gone after 17 minutes; they come back as they went, a day later."""
    etsy = VENDORS[-1]
    seen = run(etsy, DELAYS["any"], 7, Fraction(1), length=DAY + 30 * MINUTE)
    assert seen.refused == []
    assert seen.passed(0, DAY) == 10_000
    assert seen.passed(DAY, DAY + 30 * MINUTE) >= 9_500


def test_a_listing_is_revised_no_more_often_than_ebay_allows_in_a_day() -> None:
    """250 revisions of each listing in a calendar day: a rolling day is never more, wherever midnight is."""
    listings = tuple(f"listing-{number}" for number in range(3))
    own = Window(amount=250, per_ms=DAY, burst=250, rolling=True, per_listing=True)
    ebay = Vendor(
        name="ebay",
        windows=(calls(2, 1_000, 5), own),
        rules=lambda _: [Bucket(Fraction(2), 5, left=Fraction(5)), Calendar(250)],
        length=2 * DAY,
        listings=listings,
    )
    seen = run(ebay, DELAYS["any"], 3, Fraction(1))
    assert seen.refused == []
    assert 2 * 3 * 250 * Fraction(95, 100) <= len(seen.taken) <= 2 * 3 * 250
