"""
Who wants to buy what, where and when: a made-up day with a flash sale, or a real history from files.

Pure: a seed gives the same demand for ever.  Times are milliseconds: `at` on the original timeline, `run_at` since the
start of this run, which compresses the day and plays the flash sale in real time.
"""

import csv
import random
import re
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate

DAY_MS = 86_400_000
MINUTE_MS = 60_000
FLASH_ORDERS_A_MINUTE = 300
FLASH_SKUS = 10
FLASH_STOCK = 8
DUPLICATES = 0.05
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 14, 11, 7, 3)
"""How a shop's day is spread over its hours: quiet at night, busiest in the evening."""


class BadFile(ValueError):  # noqa: N818 - named for what the user must repair
    """A file of orders or stock cannot be used; the message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A shopper's wish for `qty` units of `sku`; `flash` marks the flash sale, `twice` a delivery that is repeated."""

    channel: str
    order_id: str
    line_id: str
    sku: str
    qty: int
    at: int
    run_at: int = 0
    flash: bool = False
    twice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """All wishes in order of time, and the stock that there is for them."""

    wishes: tuple[Wish, ...]
    stock: Mapping[str, int]
    channels: tuple[str, ...]
    hot: tuple[str, ...]
    flash_run_at: int | None
    """Milliseconds into the run at which the flash sale starts; None without one."""


def made_up(*, orders: int, seconds: float, skus: int, seed: int, channels: Sequence[str]) -> Demand:
    """Return a day of `orders` orders played in `seconds`, then a flash sale of half that time in real time."""
    rng = random.Random(seed)
    names = [f"SKU-{number:04d}" for number in range(1, skus + 1)]
    hot = tuple(rng.sample(names, min(FLASH_SKUS, skus)))
    stock = {sku: FLASH_STOCK if sku in hot else rng.randint(2, 40) for sku in names}
    quiet = [sku for sku in names if sku not in hot] or names
    day = _day(rng, orders, quiet, channels)
    scale = seconds * 1000 / DAY_MS
    played = [replace(wish, run_at=int(wish.at * scale)) for wish in day]
    flash_ms = int(seconds * 500)
    start = int(seconds * 1000)
    flash = [
        replace(_wish(rng, orders + n, rng.choice(hot), channels, DAY_MS + after), run_at=start + after, flash=True)
        for n, after in enumerate(sorted(rng.randrange(flash_ms) for _ in range(_flash_orders(flash_ms))))
    ]
    return Demand(wishes=(*played, *flash), stock=stock, channels=tuple(channels), hot=hot, flash_run_at=start)


def _flash_orders(flash_ms: int) -> int:
    return FLASH_ORDERS_A_MINUTE * flash_ms // MINUTE_MS


def _day(rng: random.Random, orders: int, skus: Sequence[str], channels: Sequence[str]) -> list[Wish]:
    hours = list(accumulate(HOURS))
    popularity = list(accumulate(1 / rank for rank in range(1, len(skus) + 1)))
    times = sorted(
        (bisect(hours, rng.random() * hours[-1]) + rng.random()) * DAY_MS / len(HOURS) for _ in range(orders)
    )
    return [
        _wish(rng, n, skus[bisect(popularity, rng.random() * popularity[-1])], channels, int(at))
        for n, at in enumerate(times)
    ]


def _wish(rng: random.Random, number: int, sku: str, channels: Sequence[str], at: int) -> Wish:
    return Wish(
        channel=rng.choice(channels),
        order_id=str(5_000_000 + number),
        line_id=str(9_000_000 + number),
        sku=sku,
        qty=rng.choices((1, 2, 3), (75, 20, 5))[0],
        at=at,
        twice=rng.random() < DUPLICATES,
    )


def from_rows(orders: Iterable[str], stock: Iterable[str] | None, *, seconds: float, seed: int) -> Demand:
    """
    Return a real history (`channel,order_id,line_id,sku,qty,timestamp`) compressed into `seconds`.

    Without a stock file (`sku,qty`) every SKU has half of what was ordered.  Orders and lines get numbers, because the
    channels' own ids are numbers; channel names are brought into the form that names have here (`[a-z0-9-]{1,40}`).
    Raises `BadFile` with the row's number.
    """
    rng = random.Random(seed)
    wishes = [_row(number, row) for number, row in enumerate(csv.DictReader(orders), 2)]
    if not wishes:
        raise BadFile("the file of orders has no rows")
    wishes.sort(key=lambda wish: wish.at)
    first, last = wishes[0].at, wishes[-1].at
    scale = seconds * 1000 / max(last - first, 1)
    numbers: dict[tuple[str, str], int] = {}
    played = tuple(
        replace(
            wish,
            order_id=str(5_000_000 + numbers.setdefault((wish.channel, wish.order_id), len(numbers))),
            line_id=str(9_000_000 + row),
            at=wish.at - first,
            run_at=int((wish.at - first) * scale),
            twice=rng.random() < DUPLICATES,
        )
        for row, wish in enumerate(wishes)
    )
    ordered: dict[str, int] = {}
    for wish in played:
        ordered[wish.sku] = ordered.get(wish.sku, 0) + wish.qty
    levels = {sku: qty // 2 for sku, qty in ordered.items()} if stock is None else _levels(stock)
    hot = tuple(sorted(ordered, key=lambda sku: levels.get(sku, 0) - ordered[sku])[:FLASH_SKUS])
    channels = tuple(dict.fromkeys(wish.channel for wish in played))
    return Demand(wishes=played, stock=levels, channels=channels, hot=hot, flash_run_at=None)


def _row(number: int, row: Mapping[str, str]) -> Wish:
    try:
        return Wish(
            channel=_name(row["channel"]),
            order_id=row["order_id"].strip(),
            line_id=row["line_id"].strip(),
            sku=row["sku"],
            qty=_positive(row["qty"]),
            at=_millis(row["timestamp"].strip()),
        )
    except (KeyError, TypeError, AttributeError):
        raise BadFile(f"row {number}: want channel,order_id,line_id,sku,qty,timestamp") from None
    except ValueError as error:
        raise BadFile(f"row {number}: {error}") from None


def _name(text: str) -> str:
    if not (name := re.sub(r"[^a-z0-9]+", "-", text.strip().lower()).strip("-")[:40]):
        raise ValueError("channel is empty")
    return name


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError(f"qty {value} is not positive")
    return value


def _millis(text: str) -> int:
    """Read ISO 8601 (UTC where no offset stands), or seconds or milliseconds since 1970."""
    if text.isdigit():
        return int(text) if len(text) > 11 else int(text) * 1000
    when = datetime.fromisoformat(text)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def _levels(lines: Iterable[str]) -> dict[str, int]:
    levels = {}
    for number, row in enumerate(csv.DictReader(lines), 2):
        try:
            levels[row["sku"]] = int(row["qty"])
        except (KeyError, TypeError, ValueError):
            raise BadFile(f"stock row {number}: want sku,qty") from None
    return levels
