"""What the oracle judges: what the shops say they sold, and what stands on the public topics.  Plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """One order line as its shop has it in the end: `qty` units of `sku`, first sold at `at` (ms since 1970)."""

    channel: str
    order: str
    line: str
    sku: str
    qty: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A stock write that a shop accepted, at `at` (ms since 1970)."""

    sku: str
    qty: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One shop at the end of the run: its own numbers, its sales, the writes it took, its webhooks' answers."""

    channel: str
    shown: Mapping[str, int]
    sold: Sequence[Sold]
    writes: Sequence[Write]
    sold_out: int
    webhook_ms: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A record as a stranger reads it: its place, its key, its parsed value and the time Kafka appended it."""

    partition: int
    offset: int
    key: bytes | None
    value: Mapping[str, Any] | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the oracle looks at."""

    stock: Mapping[str, int]
    shops: Sequence[Shop]
    topics: Mapping[str, Sequence[Seen]]
