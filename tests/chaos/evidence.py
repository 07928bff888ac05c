"""What the oracle judges: the shops' own books, what was stocked, and the topics as they stand.  Plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Sold(NamedTuple):
    """One line as its shop has it in the end: it holds `units` of a listing; its order was placed at `at` (ms)."""

    channel: str
    order: str
    line: str
    listing: str
    units: int
    at: int


class Seen(NamedTuple):
    """A record as a stranger reads it: its place, and its value as plain JSON (None: a tombstone)."""

    partition: int
    offset: int
    value: Mapping[str, Any] | None


class Finding(NamedTuple):
    """Something wrong: lost, doubled or wrong, and a sentence."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    Everything the oracle looks at.

    Args:
        stock: what was stocked of each SKU before the first sale.
        since: when each channel was connected, ms: what was placed before must change nothing.
        meaning: which SKUs, and how many units of each, one unit of a (channel, listing) takes, as mapped in the end.
        sold: the lines of all shops.
        topics: `order.outcome`, `stock.level` and `stock.deadletter`.

    """

    stock: Mapping[str, int]
    since: Mapping[str, int]
    meaning: Mapping[tuple[str, str], Mapping[str, int]]
    sold: Sequence[Sold]
    topics: Mapping[str, Sequence[Seen]]
