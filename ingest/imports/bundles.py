"""
Bundles: `bundle_sku,component,qty`, one row a component; every listing that sells the SKU is made of them.

A row with neither component nor qty says that the SKU is no bundle any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.imports.csvfile import Row, Table
from ingest.imports.diff import Change, Diff, Entry
from ingest.imports.entries import written
from ingest.imports.nesting import Made, Present, overlaid
from schemas.channel_records import Component, Listing
from schemas.codec import WireError, encode

KIND = "bundles"
REQUIRED = ("bundle_sku", "component", "qty")
OPTIONAL: tuple[str, ...] = ()
QTY_CHARS_MAX = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a file says of one SKU: its rows, its components, and what is wrong with each row by number."""

    sku: str
    rows: tuple[int, ...]
    components: tuple[Component, ...]
    faults: Mapping[int, str]


def diff(table: Table, present: Present, partitions: int) -> Diff:
    """
    Return what the file would change.

    Args:
        table: the file.
        present: what stands in `listing`.
        partitions: how many partitions a SKU may be in.

    """
    unread = [Entry(row=row.number, change=Change.REFUSED, why=row.fault) for row in table.rows if row.fault]
    bundles = [_bundle(table, sku, rows) for sku, rows in _by_sku(table).items()]
    sold = _sold(present)
    new = {key: listing for bundle in bundles for key, listing in _listings(bundle, sold).items()}
    after = Made(overlaid(present, new))
    entries = list[Entry]()
    for bundle in bundles:
        listings = _listings(bundle, sold)
        refused = _refused(bundle, listings, after)
        first = bundle.rows[0]
        entries += refused or [written(first, one, present[key], partitions) for key, one in listings.items()]
    ordered = sorted([*unread, *entries], key=lambda entry: entry.row)
    return Diff(kind=KIND, sha256=table.sha256, entries=tuple(ordered))


def _by_sku(table: Table) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in table.rows:
        if not row.fault:
            found.setdefault(table.cell(row, "bundle_sku"), []).append(row)
    return found


def _bundle(table: Table, sku: str, rows: Sequence[Row]) -> Bundle:
    parts: dict[str, Component] = {}
    faults = {}
    for row in rows:
        name, qty = table.cell(row, "component"), table.cell(row, "qty").strip()
        none = not name and not qty
        if none and len(rows) == 1:
            continue
        fault = "component and qty are missing" if none else _fault(name, qty, parts)
        if fault:
            faults[row.number] = fault
        else:
            parts[name] = Component(sku=name, qty=int(qty))
    numbers = tuple(row.number for row in rows)
    return Bundle(sku=sku, rows=numbers, components=tuple(parts.values()), faults=faults)


def _fault(name: str, qty: str, parts: Iterable[str]) -> str:
    whole = qty.isascii() and qty.isdigit() and len(qty) <= QTY_CHARS_MAX
    if not name:
        return "component: missing"
    if not whole or int(qty) < 1:
        return f"qty {qty[:40]!r}: want how many units one bundle takes"
    return "the component is named twice: write all its units into one row" if name in parts else ""


def _sold(present: Present) -> Mapping[str, Mapping[bytes, Listing]]:
    """Return the listings of each SKU, by key."""
    found: dict[str, dict[bytes, Listing]] = {}
    for key, places in present.items():
        for listing in places.values():
            found.setdefault(listing.sku, {})[key] = listing
    return found


def _listings(bundle: Bundle, sold: Mapping[str, Mapping[bytes, Listing]]) -> dict[bytes, Listing]:
    """Return the bundle's listings as they are to be, by key; none where a row of it is faulty."""
    every = {} if bundle.faults else sold.get(bundle.sku, {})
    return {key: replace(listing, components=bundle.components) for key, listing in every.items()}


def _refused(bundle: Bundle, listings: Mapping[bytes, Listing], after: Made) -> list[Entry]:
    faults = dict(bundle.faults)
    if not faults:
        sentences = after.faults(bundle.sku, bundle.components) if listings else [_unsold(bundle.sku)]
        sentences += [_unwritable(listing) for listing in [*listings.values()][:1]]
        faults = {bundle.rows[0]: "; ".join(filter(None, sentences))}
    facts: Mapping[str, str | int | None] = {"sku": bundle.sku}
    return [Entry(row=row, change=Change.REFUSED, facts=facts, why=why) for row, why in faults.items() if why]


def _unsold(sku: str) -> str:
    return f"no listing sells {sku[:60]!r}: import its listings first" if sku else "bundle_sku: missing"


def _unwritable(listing: Listing) -> str:
    try:
        encode(listing)
    except WireError as error:
        return str(error)
    return ""
