"""A diff in words and in JSON."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ingest.imports.diff import Change, Diff, Entry
from ingest.imports.stock import KIND as STOCK

SHOWN_MAX = 40
"""Rows of each change that people are shown; `--json` names all."""

MEANING: Mapping[Change, str] = {
    Change.NEW: "not known yet",
    Change.CHANGED: "differ from what is known",
    Change.EQUAL: "say what the level is; recorded as decided",
    Change.UNCHANGED: "change nothing",
    Change.GONE: "are known and not on the channel any more; --prune ends them",
    Change.LEFT: "are on the channel and are not written",
    Change.REFUSED: "cannot be used",
}
HEADINGS: Mapping[str, str] = {
    "sku": "SKU",
    "level": "level now",
    "count": "new count",
    "sold_since": "sold since",
    "waiting": "waiting",
    "channel": "channel",
    "listing_id": "listing",
    "was_sku": "SKU before",
    "components": "made of",
    "retired": "retired",
}
RARE = frozenset({"components", "retired"})
"""Columns that are shown only where a row has something in them."""


def when(ms: int) -> str:
    """Return a time for people, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def text(name: str, diff: Diff, counted_at: int) -> Iterator[str]:
    """Yield the lines that people read: totals, then the rows that matter."""
    yield f"{name}: {diff.kind}, {len(diff.entries)} rows, sha256 {diff.sha256[:16]}"
    for change, count in diff.counts().items():
        yield f"  {change:<10}{count:>8}  {MEANING[Change(change)]}"
    if diff.kind == STOCK:
        yield f"sold since: units that orders took since the count was made ({when(counted_at)})"
    for change in (Change.NEW, Change.CHANGED, Change.GONE):
        yield from _table(diff.of(change), change)
    yield from _left(diff.of(Change.LEFT))
    yield from _refusals(diff.of(Change.REFUSED))


def _table(entries: list[Entry], change: Change) -> Iterator[str]:
    if not entries:
        return
    names = [name for name in entries[0].facts if name not in RARE or any(entry.facts[name] for entry in entries)]
    rows = [[str(entry.row or "-"), *(_cell(entry.facts[name]) for name in names)] for entry in entries[:SHOWN_MAX]]
    heads = ["row", *(HEADINGS[name] for name in names)]
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    yield f"{change}:"
    for row in [heads, *rows]:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from _rest(entries)


def _left(entries: list[Entry]) -> Iterator[str]:
    if entries:
        yield f"{Change.LEFT}:"
    for entry in entries[:SHOWN_MAX]:
        yield f"  {entry.facts['listing_id']}  {_cell(entry.facts['sku'])}  {entry.why}"
    yield from _rest(entries)


def _refusals(entries: list[Entry]) -> Iterator[str]:
    if entries:
        yield f"{Change.REFUSED} (as long as one row is refused, nothing of the file is written):"
    for entry in entries[:SHOWN_MAX]:
        yield f"  row {entry.row}: {entry.why}"
    yield from _rest(entries)


def _rest(entries: list[Entry]) -> Iterator[str]:
    if len(entries) > SHOWN_MAX:
        yield f"  ... and {len(entries) - SHOWN_MAX} more (--json names all)"


def _cell(value: str | int | None) -> str:
    return "-" if value is None or value == "" else str(value)


def document(name: str, diff: Diff, counted_at: int, *, applied: bool) -> dict[str, object]:
    """
    Return the JSON object of `--json`.

    `rows` names every row but the unchanged ones; times are milliseconds since 1970.
    """
    named = [entry for entry in diff.entries if entry.change is not Change.UNCHANGED]
    result: dict[str, object] = {
        "file": name,
        "kind": diff.kind,
        "sha256": diff.sha256,
        "rows": len(diff.entries),
        **diff.counts(),
        "applied": applied,
        "written": len(diff.writes()) if applied else 0,
        "diff": [_row(entry) for entry in named],
    }
    return {**result, "countedAt": counted_at} if diff.kind == STOCK else result


def _row(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = {"row": entry.row, "change": entry.change.value, **entry.facts}
    return {**row, "why": entry.why} if entry.why else row
