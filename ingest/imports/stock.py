"""
A stock count: `sku,qty` and, if wanted, `reason`.

A row becomes one `stock.adjusted` record of kind `set` whose adjustment id is `{sha256 of the file}:{row}`.  The
processor decides an id once (within its dedupe horizon), so the same file again changes nothing, whatever was sold
meanwhile.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.imports.csvfile import Row, Table
from ingest.imports.diff import Change, Diff, Entry, Write
from schemas.codec import WireError, encode
from schemas.ids import adjustment_order_id, line_key
from schemas.partition import partition_of
from schemas.records import StockAdjusted, StockLevel
from schemas.topics import STOCK_ADJUSTED
from schemas.words import AdjustmentKind

KIND = "stock"
REQUIRED = ("sku", "qty")
OPTIONAL = ("reason",)
QTY_MAX = 1_000_000_000
_WHOLE = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """
    What the topics say of the file's SKUs.

    Args:
        levels: `stock.level` by SKU.
        decided: results of this file's adjustments, by `order.outcome` key.
        sold: units that orders have taken since the count was made, less units given back, by SKU.

    """

    levels: Mapping[str, StockLevel]
    decided: Mapping[bytes, str]
    sold: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What all rows of an import share: who, when, the default reason, and how many partitions a SKU may be in."""

    actor: str
    reason: str
    at: int
    partitions: int


def adjustment_prefix(sha256: str) -> bytes:
    """Return what the `order.outcome` keys of a file's rows begin with."""
    return adjustment_order_id(f"{sha256}:").encode()


def diff(table: Table, present: Present, stamp: Stamp) -> Diff:
    """Return what the file would change against the present state."""
    first: dict[str, int] = {}
    entries = tuple(_entry(table, row, present, stamp, first) for row in table.rows)
    return Diff(kind=KIND, sha256=table.sha256, entries=entries)


def skus(table: Table) -> frozenset[str]:
    """Return the SKUs that a file names."""
    return frozenset(table.cell(row, "sku") for row in table.rows if not row.fault)


def _entry(table: Table, row: Row, present: Present, stamp: Stamp, first: dict[str, int]) -> Entry:
    if row.fault:
        return Entry(row=row.number, change=Change.REFUSED, why=row.fault)
    sku, qty = table.cell(row, "sku"), table.cell(row, "qty").strip()
    faults = [*_faults(row, sku, qty, first)]
    if not faults:
        try:
            return _judged(row, _record(table, row, stamp), present, stamp, table.sha256)
        except WireError as error:
            faults = [f"{error.path.rpartition('.')[2]}: {error.problem}"]
    return Entry(row=row.number, change=Change.REFUSED, facts={"sku": sku, "count": qty}, why="; ".join(faults))


def _faults(row: Row, sku: str, qty: str, first: dict[str, int]) -> list[str]:
    faults = []
    if not _WHOLE.fullmatch(qty):
        faults.append(f"qty {qty[:40]!r} is not a whole number of units")
    elif int(qty) > QTY_MAX:
        faults.append(f"qty {qty} is more than {QTY_MAX}")
    earlier = first.setdefault(sku, row.number)
    if earlier != row.number:
        faults.append(f"the SKU stands in row {earlier} already")
    return faults


def _record(table: Table, row: Row, stamp: Stamp) -> StockAdjusted:
    return StockAdjusted(
        sku=table.cell(row, "sku"),
        kind=AdjustmentKind.SET,
        qty=int(table.cell(row, "qty")),
        adjustment_id=f"{table.sha256}:{row.number}",
        reason=table.cell(row, "reason") or stamp.reason,
        actor=stamp.actor,
        received_at=stamp.at,
    )


def _judged(row: Row, record: StockAdjusted, present: Present, stamp: Stamp, sha256: str) -> Entry:
    value, key = encode(record), record.sku.encode()
    level = present.levels.get(record.sku)
    quantity = level.quantity if level else None
    facts: dict[str, str | int | None] = {
        "sku": record.sku,
        "level": quantity,
        "count": record.qty,
        "sold_since": present.sold.get(record.sku, 0),
        "waiting": sum(line.shortfall for line in level.waiting) if level else 0,
    }
    result = present.decided.get(line_key(adjustment_order_id(f"{sha256}:{row.number}"), record.sku))
    if result is not None:
        return Entry(row=row.number, change=Change.UNCHANGED, facts=facts, why=f"decided before: {result}")
    write = Write(
        topic=STOCK_ADJUSTED,
        key=key,
        partition=partition_of(key, stamp.partitions),
        value=value,
        record_id=record.adjustment_id,
        subject=record.sku,
    )
    return Entry(row=row.number, change=_change(quantity, record.qty), facts=facts, writes=(write,))


def _change(quantity: int | None, count: int) -> Change:
    if quantity is None:
        return Change.NEW
    return Change.EQUAL if quantity == count else Change.CHANGED
