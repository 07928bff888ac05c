"""What the topics say about a file's rows: levels, decisions, sales since, listings."""

from collections import defaultdict

from ingest.imports.stock import Present, adjustment_prefix
from ingest.replay import Advance, Taken, replay
from schemas.channel_records import Listing
from schemas.codec import decode
from schemas.config import Config
from schemas.records import OrderOutcome, StockLevel
from schemas.topics import LISTING, ORDER_OUTCOME, STOCK_LEVEL

_ADJUSTMENT = b"adj_"
SKEW_MS = 600_000
"""How far the brokers' clocks may be behind the processor's: older records are passed over undecoded."""


class Stock:
    """
    Collects what concerns one stock file; everything else is passed over undecoded.

    Sales since the count are the `delta` of order lines decided at `counted_at` or later: what the person who counted
    cannot have taken out of the count.  Cancels lower the number.
    """

    def __init__(self, skus: frozenset[str], sha256: str, counted_at: int) -> None:
        """Take the file's SKUs, its hash and when the count was made, milliseconds since 1970."""
        self._skus = frozenset(sku.encode() for sku in skus)
        self._prefix = adjustment_prefix(sha256)
        self._counted_at = counted_at
        self._levels: dict[str, StockLevel] = {}
        self._decided: dict[bytes, str] = {}
        self._sold: defaultdict[str, int] = defaultdict(int)

    def level(self, taken: Taken) -> None:
        """Take a record of `stock.level`."""
        if taken.key in self._skus and taken.value is not None:
            self._levels[taken.key.decode()] = decode(StockLevel, taken.value)

    def outcome(self, taken: Taken) -> None:
        """Take a record of `order.outcome`."""
        if taken.value is None or taken.key.partition(b"|")[2] not in self._skus:
            return
        if taken.key.startswith(self._prefix):
            self._decided[taken.key] = decode(OrderOutcome, taken.value).result.value
        elif not taken.key.startswith(_ADJUSTMENT) and taken.at >= self._counted_at - SKEW_MS:
            outcome = decode(OrderOutcome, taken.value)
            if outcome.timestamp >= self._counted_at:
                self._sold[outcome.sku] += outcome.delta

    def present(self) -> Present:
        """Return what was collected."""
        return Present(levels=self._levels, decided=self._decided, sold=self._sold)


def read_stock(config: Config, collect: Stock, advance: Advance) -> Present:
    """Read levels and outcomes to their ends; raises `Unreachable`."""
    replay(config, {STOCK_LEVEL: collect.level, ORDER_OUTCOME: collect.outcome}, advance=advance, group="import")
    return collect.present()


def read_listings(config: Config, advance: Advance) -> dict[bytes, dict[int, Listing]]:
    """Read the live listings by key and partition; raises `Unreachable`."""
    found: defaultdict[bytes, dict[int, Listing]] = defaultdict(dict)

    def take(taken: Taken) -> None:
        if taken.value is None:
            found[taken.key].pop(taken.partition, None)
        else:
            found[taken.key][taken.partition] = decode(Listing, taken.value)

    replay(config, {LISTING: take}, advance=advance, group="import")
    return {key: places for key, places in found.items() if places}
