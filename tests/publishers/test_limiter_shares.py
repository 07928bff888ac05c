"""Which share of a channel's limits is one publisher's: by purpose, by configuration, by app."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from publishers.channels import KINDS
from publishers.limiter import Window
from publishers.push import READ, TELL
from publishers.shares import limits_of, sharing
from schemas.settings import Channel, Config, Kafka, Kind
from schemas.settings import Window as Setting

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """A kind with limits and nothing else."""

    LIMITS: Mapping[str, tuple[Window, ...]]


SECOND = Window(amount=4, per_ms=1_000, burst=5, rolling=False)
DAY = Window(amount=5_000, per_ms=DAY_MS, burst=5_000, rolling=True)
LISTING = Window(amount=250, per_ms=DAY_MS, burst=250, rolling=True, per_listing=True)


def channel(name: str = "shop", kind: Kind = Kind.ETSY, **more: Any) -> Channel:
    """Make a channel."""
    return Channel(name=name, kind=kind, since=0, **more)


def limits(kind: Toy, *channels: Channel) -> Mapping[str, tuple[Window, ...]]:
    """Return the first channel's limits in a configuration of all."""
    return limits_of(channels[0], kind, Config(kafka=Kafka(bootstrap="x"), channels=channels))


@pytest.mark.parametrize("name", KINDS)
def test_a_kinds_own_limits_hold_where_nothing_is_configured(name: str) -> None:
    """What is added is of what they are a share."""
    found = limits_of(channel(kind=Kind(name)), KINDS[name], Config(kafka=Kafka(bootstrap="x")))
    assert set(found) == set(KINDS[name].LIMITS)
    for bucket, windows in KINDS[name].LIMITS.items():
        for own, given in zip(windows, found[bucket], strict=True):
            assert (own.amount, own.per_ms, own.burst) == (given.amount, given.per_ms, given.burst)
            assert (own.points, own.rolling, own.per_listing) == (given.points, given.rolling, given.per_listing)


def test_a_share_knows_the_whole_and_whom_it_shares_it_with() -> None:
    """Etsy counts all calls together, Amazon each operation by itself; a measure of our own is nobody's word."""
    etsy = limits(Toy(LIMITS={TELL: (DAY,), READ: (DAY,)}), channel())
    assert (etsy[TELL][0].whole, etsy[TELL][0].pool) == (10_000, etsy[READ][0].pool)
    assert etsy[TELL][0].pool
    rate = Window(amount=25, per_ms=10_000, burst=5)
    amazon = limits(Toy(LIMITS={TELL: (rate,), READ: (rate,), "else": (rate,)}), channel(kind=Kind.AMAZON))
    assert [(amazon[bucket][0].whole, amazon[bucket][0].pool) for bucket in amazon] == [(50, ""), (50, ""), (0, "")]
    woo = limits(Toy(LIMITS={TELL: (SECOND,), READ: (SECOND,)}), channel(kind=Kind.WOOCOMMERCE))
    assert (woo[TELL][0].whole, bool(woo[TELL][0].pool)) == (0, True)


def test_what_a_kind_says_itself_of_its_share_stands() -> None:
    """A kind's own word for the whole and the pool is nearer than the table's."""
    own = Window(amount=5, per_ms=DAY_MS, burst=5, rolling=True, whole=9_000, pool="app")
    found = limits(Toy(LIMITS={TELL: (own,)}), channel())
    assert found[TELL] == (own,)


@pytest.mark.parametrize("points", [False, True])
def test_what_the_vendors_table_does_not_count_is_no_share_of_it(*, points: bool) -> None:
    """Etsy counts the calls of any day: a bucket that refills, of calls or points, stays as it is in a shared app."""
    window = Window(amount=100, per_ms=DAY_MS, burst=100, points=points)
    found = limits(Toy(LIMITS={TELL: (window,)}), channel(app="ours"), channel("second", app="ours"))
    assert (found[TELL][0].amount, found[TELL][0].per_ms, found[TELL][0].whole) == (100, DAY_MS, 0)


def test_the_smallest_share_still_lets_a_call_pass() -> None:
    """Half of one call at once would be none, and the channel silent for ever."""
    single = Window(amount=4, per_ms=1_000, burst=1)
    shops = [channel(name, Kind.EBAY, app="ours") for name in ("first", "second")]
    found = limits(Toy(LIMITS={TELL: (single,)}), *shops)
    assert (found[TELL][0].per_ms, found[TELL][0].burst) == (2_000, 1)


def test_of_two_limits_of_one_operation_each_window_finds_its_own() -> None:
    """Amazon's feeds: a rate, and five in any five minutes."""
    feed = limits_of(channel(kind=Kind.AMAZON), KINDS["amazon"], Config(kafka=Kafka(bootstrap="x")))["feed"]
    assert [(one.per_ms, one.whole) for one in feed] == [(10_000_000, 83), (300_000, 5)]


def test_what_is_configured_replaces_a_kinds_share_as_it_is() -> None:
    """It is the operator's own figure: the channel's word may lower it and never raise it, and no app divides it."""
    settings = (
        Setting(calls=7, per_ms=60_000, burst=9, points=True),
        Setting(calls=3, per_ms=9, burst=3, rolling=True),
    )
    mine = channel(push_limit=settings, app="a")
    kind = Toy(LIMITS={TELL: (DAY, LISTING), READ: (DAY,)})
    found = limits(kind, mine, channel("other", app="a"))
    pool = found[READ][0].pool
    assert found[TELL] == (
        Window(amount=7, per_ms=60_000, burst=9, points=True, pool=pool),
        Window(amount=3, per_ms=9, burst=3, rolling=True, pool=pool),
        LISTING,
    )
    assert found[READ][0].amount == 2_500
    assert limits(kind, channel(read_limit=settings))[READ][0].amount == 7
    assert limits(kind, channel(read_limit=settings))[TELL][0].amount == 5_000


def test_a_limit_of_listings_goes_only_when_another_takes_its_place() -> None:
    """Who raises the pace of calls has not said that eBay lets a listing be revised more often."""
    own = (Setting(calls=9, per_ms=DAY_MS, burst=9, rolling=True, per_listing=True),)
    found = limits(Toy(LIMITS={TELL: (SECOND, LISTING)}), channel(kind=Kind.EBAY, push_limit=own))
    assert [(one.amount, one.per_listing) for one in found[TELL]] == [(9, True)]


def test_channels_of_one_app_share_what_the_vendor_allows_an_app() -> None:
    """Evenly and exactly: three shops take a third of the rate each, and a third of the day, rounded down."""
    shops = [channel(f"s{number}", app="one") for number in range(3)]
    second = Window(amount=5, per_ms=1_000, burst=5, rolling=True)
    found = limits(Toy(LIMITS={TELL: (second, DAY)}), *shops, channel("else", app="two"), channel("none"))
    assert [(one.amount, one.per_ms, one.burst, one.whole) for one in found[TELL]] == [
        (1, 1_000, 1, 10),
        (1_666, DAY_MS, 1_666, 10_000),
    ]
    ebay = [channel(f"e{number}", Kind.EBAY, app="one") for number in range(3)]
    found = limits(Toy(LIMITS={TELL: (SECOND, LISTING)}), *ebay, *shops)
    assert Fraction(found[TELL][0].amount, found[TELL][0].per_ms) * 3 == Fraction(4, 1_000)
    assert (found[TELL][0].burst, found[TELL][1]) == (1, LISTING)


def test_channels_without_an_app_and_limits_of_an_account_are_not_divided() -> None:
    """Shopify and Amazon count each shop and seller by itself, whatever app it is."""
    assert sharing(channel(), Config(kafka=Kafka(bootstrap="x"), channels=(channel("a"), channel("b")))) == 1
    shops = [channel(f"s{number}", Kind.AMAZON, app="one") for number in range(3)]
    own = Window(amount=50_000, per_ms=10_000_000, burst=5)
    assert limits(Toy(LIMITS={TELL: (own,)}), *shops)[TELL][0].amount == 50_000
    assert limits(Toy(LIMITS={TELL: (own,)}), *shops)[TELL][0].per_ms == 10_000_000


def test_more_shops_than_calls_still_get_one_each() -> None:
    """A share of nothing would stop a channel for good."""
    shops = [channel(f"s{number}", app="one") for number in range(4)]
    small = Window(amount=3, per_ms=DAY_MS, burst=3, rolling=True)
    assert limits(Toy(LIMITS={TELL: (small,)}), *shops)[TELL][0].amount == 1
