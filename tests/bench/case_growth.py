"""`growth`: what a decision costs, bytes to bytes, and what the tables take, as lines, SKUs and waiting lines grow."""

import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from processor.inbox import Item
from processor.plan import Lane, plan
from processor.sources import Source
from processor.store import Change, Reach, View
from processor.store_memory import Memory
from schemas.codec import encode
from schemas.records import OrderConfirmed, StockAdjusted
from tests.bench.case_rule import SETTINGS
from tests.bench.measure import cpu_seconds, digits
from tests.bench.options import Options
from tests.bench.samples import NOW, order, orders, sku, stocking

BATCH = 1_000
LINES = (1_000, 10_000, 100_000)
SKUS = (100, 1_000, 10_000)
LINES_FIXED, SKUS_FIXED = 10_000, 1_000
WAITING = (10, 100, 1_000)
PROBES = 200
REPEATED = 5
LANE = Lane(
    partition=0,
    partitions=1,
    topic_ids={Source.ORDERS: "OrdersOrdersOrdersOrde", Source.ADJUSTMENTS: "AdjustmentsAdjustments"},
)


@dataclass(frozen=True, slots=True)
class Record:
    """A consumed record."""

    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


def run(say: Callable[[str], None], _: Options) -> dict[str, Any]:
    """Return microseconds a decision and bytes a line and a SKU, by size."""
    figures: dict[str, Any] = {"alternative": "itself at a tenth of the size", "batch": BATCH}
    for lines in LINES:
        say(f"{lines} lines")
        figures[f"lines_{lines}"] = _grown(lines, SKUS_FIXED)
    for skus in SKUS:
        say(f"{skus} SKUs")
        figures[f"skus_{skus}"] = _grown(LINES_FIXED, skus)
    for waiting in WAITING:
        say(f"{waiting} waiting")
        figures[f"waiting_{waiting}"] = {"us_per_decision": _sold_out(waiting)}
    return figures


def _grown(lines: int, skus: int) -> dict[str, float]:
    view = _filled(skus)
    *earlier, last = _batches(list(_items(orders(lines, skus))))
    for batch in earlier:
        _decide(view, batch)
    # The last batch is the one that meets all others in the tables.
    spent = [cpu_seconds(partial(plan, last, LANE, NOW, view, SETTINGS)) for _ in range(REPEATED)]
    _decide(view, last)
    memory = view.store
    assert isinstance(memory, Memory)
    return {
        "us_per_decision": digits(median(spent) / len(last) * 1e6),
        "bytes_per_line": digits(_bytes(memory.lines) / len(memory.lines)),
        "bytes_per_sku": digits(_bytes(memory.levels) / len(memory.levels)),
    }


def _sold_out(waiting: int) -> float:
    """Return the microseconds that one more refusal of a SKU costs while `waiting` lines wait, a transaction each."""
    view = _filled(1, qty=0)
    items = list(_items([order(number, sku(0)) for number in range(waiting + PROBES)]))
    for batch in _batches(items[:waiting]):
        _decide(view, batch)

    def refuse() -> None:
        for item in items[waiting:]:
            _decide(view, [item])

    return digits(cpu_seconds(refuse) / PROBES * 1e6)


def _filled(skus: int, **stock: int) -> View:
    view = View(Memory())
    for batch in _batches(list(_items(stocking(skus, **stock)))):
        _decide(view, batch)
    return view


def _decide(view: View, batch: Sequence[Item]) -> None:
    done = plan(batch, LANE, NOW, view, SETTINGS)
    view.commit(done.levels, Change(levels=done.level_bytes, lines=done.lines, at=NOW, reach=Reach()))


def _items(records: Sequence[OrderConfirmed | StockAdjusted]) -> Iterator[Item]:
    for offset, record in enumerate(records):
        source = Source.ORDERS if isinstance(record, OrderConfirmed) else Source.ADJUSTMENTS
        yield Item(source, Record(offset, record.sku.encode(), encode(record)))


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _bytes(table: Mapping[bytes, bytes]) -> int:
    """Return what a table takes in memory: that of a copy, byte by byte."""
    tracemalloc.start()
    try:
        copy = {_anew(key): _anew(value) for key, value in table.items()}
        size, _ = tracemalloc.get_traced_memory()
        assert len(copy) == len(table)
        return size
    finally:
        tracemalloc.stop()


def _anew(value: bytes) -> bytes:
    return bytes(bytearray(value))
