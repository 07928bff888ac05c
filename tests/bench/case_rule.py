"""`rule`: decisions of `processor.stock` against a dict loop that keeps no waiting lines, versions or records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from processor.stock import Input, Position, Settings, fold
from schemas.records import OrderConfirmed, OrderOutcome, StockLevel
from schemas.words import Policy
from tests.bench.measure import digits, in_turns, ratio
from tests.bench.options import Options
from tests.bench.samples import CHANNEL, NOW, STOCK, orders, sku, stocking

COUNT = 5_000
BATCH = 500
SKUS = (1_000, 10_000)
TOPIC_ID = "AbCdEfGhIjKlMnOpQrStUv"
SETTINGS = Settings(default_policy=Policy.REJECT, policies={}, since={CHANNEL: 0}, horizon_ms=90 * 86_400_000)


@dataclass(slots=True)
class Memory:
    """Tables of records, as the rule reads them."""

    levels: dict[str, StockLevel] = field(default_factory=dict)
    lines: dict[bytes, OrderOutcome] = field(default_factory=dict)

    def level(self, name: str) -> StockLevel | None:
        """Return the SKU's level."""
        return self.levels.get(name)

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return the line's newest outcome."""
        return self.lines.get(key)


def run(say: Callable[[str], None], _: Options) -> dict[str, Any]:
    """Return decisions a second and how many times the dict loop's time the rule takes, by number of SKUs."""
    figures: dict[str, Any] = {"alternative": "dict loop", "orders": COUNT, "batch": BATCH}
    for skus in SKUS:
        say(f"{skus} SKUs")
        stream = orders(COUNT, skus)
        filled = Memory()
        decide(filled, stocking(skus))
        shelves = {sku(number): STOCK for number in range(skus)}
        times = in_turns(
            {"rule": partial(_from, filled, stream), "dict loop": partial(dict_loop, shelves, stream)}, rounds=5
        )
        figures[f"skus_{skus}"] = {
            "decisions_per_s": digits(COUNT / median(times["rule"])),
            "dict_loop_per_s": digits(COUNT / median(times["dict loop"])),
            "ratio": digits(ratio(times["rule"], times["dict loop"])),
        }
    return figures


def _from(filled: Memory, stream: Sequence[Input]) -> None:
    decide(Memory(levels=dict(filled.levels)), stream)


def decide(tables: Memory, stream: Sequence[Input]) -> None:
    """Decide a stream batch by batch, as a lane does, without bytes and Kafka."""
    for start in range(0, len(stream), BATCH):
        batch = stream[start : start + BATCH]
        placed = [(record, Position(topic_id=TOPIC_ID, offset=start + n)) for n, record in enumerate(batch)]
        changes = fold(placed, NOW, tables, SETTINGS)
        tables.levels.update(changes.levels)
        tables.lines.update(changes.outcomes)


def dict_loop(shelves: Mapping[str, int], stream: Sequence[OrderConfirmed]) -> dict[str, int]:
    """Return the levels after a stream, decided as somebody in a hurry would."""
    levels = dict(shelves)
    held: dict[tuple[str, str], tuple[int, int]] = {}
    for record in stream:
        key = record.order_id, record.sku
        revision, units = held.get(key, (-1, 0))
        if record.revision <= revision:
            continue
        delta = record.qty - units
        if delta <= levels[record.sku]:
            levels[record.sku] -= delta
            held[key] = record.revision, record.qty
    return levels
