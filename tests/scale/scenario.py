"""
What happens in a run, whatever the order of work: the catalogue, the change of all its levels, and the shoppers.

A flash sale begins on a few SKUs, and the others sell on as they always do.  Two minutes later every level changes at
once (a count, an import): the ordinary SKUs' by much, those on sale by a few units.  Shoppers come at times of their
own: whether one buys depends on what the channel shows then.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

HOUR_MS = 3_600_000
WEEK_HOURS = 168
START_MS = 1_700_000_000_000
"""When a run begins: a time like any other."""
SALES_PER_SECOND = 0.5
"""What all SKUs sell together on an ordinary day, for 20,000 of them."""
SHARES: Mapping[str, float] = {"shopify": 0.45, "amazon": 0.3, "woocommerce": 0.2, "etsy": 0.05}
"""Where shoppers shop."""
ORDER_MS = (1_000, 2_000)
"""How long an order takes to reach the hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a run is."""

    skus: int = 20_000
    hot: int = 50
    etsy: int = 2_000
    hot_at_etsy: int = 10
    parents: int = 1_000
    """WooCommerce products with variations; half of the SKUs are variations."""
    change_at_s: int = 120
    flash_mean_s: int = 150
    seconds: int = 720


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One SKU: what it sells in a week, the rate that the hub has measured, its number before and after the change."""

    sku: str
    weekly: int
    velocity: int
    before: int
    after: int
    hot: bool
    etsy: bool
    parent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """Somebody who would buy one unit: when, what, where; and when the hub would hear of it."""

    at: int
    sku: str
    channel: str
    heard_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A run's given facts."""

    seed: int
    size: Size
    items: tuple[Item, ...]
    shoppers: tuple[Shopper, ...] = field(repr=False)


def draw(seed: int, size: Size) -> Scenario:
    """Draw a scenario; equal seeds give equal ones."""
    dice = Random(f"scale:{seed}")
    items = tuple(_items(dice, size))
    return Scenario(seed=seed, size=size, items=items, shoppers=tuple(sorted(_shoppers(dice, size, items), key=_time)))


def _time(shopper: Shopper) -> tuple[int, str]:
    return shopper.at, shopper.sku


def _items(dice: Random, size: Size) -> Iterator[Item]:
    shape = [dice.lognormvariate(0, 1.5) for _ in range(size.skus)]
    scale = SALES_PER_SECOND * (size.skus / 20_000) * 3_600 / sum(shape)
    hot = set(dice.sample(range(size.skus), size.hot))
    hot_at_etsy = set(dice.sample(sorted(hot), size.hot_at_etsy))
    others = dice.sample([n for n in range(size.skus) if n not in hot], size.etsy - size.hot_at_etsy)
    at_etsy = hot_at_etsy.union(others)
    for n in range(size.skus):
        hourly = shape[n] * scale
        before = dice.randint(8, 20) if n in hot else dice.randint(4, 80)
        yield Item(
            sku=f"SKU-{n:05d}",
            weekly=_poisson(dice, hourly * WEEK_HOURS),
            velocity=_measured(dice, hourly),
            before=before,
            after=before + dice.randint(1, 3) if n in hot else _changed(dice, before),
            hot=n in hot,
            etsy=n in at_etsy,
            parent=dice.randrange(size.parents) if n % 2 else None,
        )


def _changed(dice: Random, before: int) -> int:
    """Return a new number: nearly nothing left in one of four cases, else somewhat more or less than before."""
    if dice.random() < 0.25:
        return dice.randint(0, 3)
    after = max(0, before + dice.randint(-before // 2, before))
    return after if after != before else before + 1


def _measured(dice: Random, hourly: float) -> int:
    """Return what the hub's figure would be: sales of the last hours, each fading with a half-life of an hour."""
    ages = (dice.uniform(0, 6) for _ in range(_poisson(dice, hourly * 6)))
    return int(sum(1_000 * math.log(2) * 0.5**age for age in ages))


def _poisson(dice: Random, mean: float) -> int:
    if mean > 200:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    count, elapsed = 0, dice.expovariate(1)
    while elapsed < mean:
        count, elapsed = count + 1, elapsed + dice.expovariate(1)
    return count


def _shoppers(dice: Random, size: Size, items: tuple[Item, ...]) -> Iterator[Shopper]:
    for item in items:
        for at_s in _times(dice, size, item):
            at = START_MS + round(at_s * 1_000)
            if at_s < size.seconds:
                yield Shopper(at=at, sku=item.sku, channel=_channel(dice, item), heard_at=at + dice.randint(*ORDER_MS))


def _times(dice: Random, size: Size, item: Item) -> Iterator[float]:
    """Yield when somebody wants the item: at its usual rate, and in a sale up to twice as many as there are."""
    if item.hot:
        for _ in range(_poisson(dice, item.before * dice.uniform(1.0, 2.0))):
            yield dice.expovariate(1 / size.flash_mean_s)
    at_s = dice.expovariate(1) * 3_600 * WEEK_HOURS / max(item.weekly, 0.01)
    while at_s < size.seconds:
        yield at_s
        at_s += dice.expovariate(1) * 3_600 * WEEK_HOURS / max(item.weekly, 0.01)


def _channel(dice: Random, item: Item) -> str:
    (channel,) = dice.choices([*SHARES], [*SHARES.values()])
    return "shopify" if channel == "etsy" and not item.etsy else channel
