"""
Listings: `channel,listing_id,sku`, then the channel's own ids (`ingest.imports.rules`), one column each.

`components` is what one bundle takes, as in `2*CUP|1*SAUCER`; `retired` is true for a listing that is sold no more.
Where a file has no such column, what is known stays: a listing keeps its flag, and a new listing of a bundle's SKU is
made of what the SKU's other listings are made of.

A listing's record stands in its SKU's partition.  When its SKU changes, the old record stands in another partition and
is closed there by a tombstone, after the new one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ingest.imports.csvfile import Row, Table
from ingest.imports.diff import Change, Diff, Entry
from ingest.imports.entries import written
from ingest.imports.nesting import Made, Present, overlaid
from ingest.imports.rules import COLUMNS, RULES
from schemas.channel_records import Component, Listing
from schemas.codec import WireError, encode
from schemas.ids import listing_key
from schemas.settings import Kind

KIND = "listings"
REQUIRED = ("channel", "listing_id", "sku")
COMPONENTS, RETIRED = "components", "retired"
OPTIONAL = (*COLUMNS, COMPONENTS, RETIRED)
WORDS = MappingProxyType({"": False, "false": False, "no": False, "0": False, "true": True, "yes": True, "1": True})
_COMPONENT = re.compile(r"([0-9]{1,7})\*(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One row as a listing, or why it is none; `shown` is what people see of a refused one."""

    row: int
    shown: Mapping[str, str]
    listing: Listing | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a file is read against: the live listings, the channels' kinds by name, and the count of partitions."""

    present: Present
    kinds: Mapping[str, Kind]
    partitions: int


def diff(table: Table, present: Present, kinds: Mapping[str, Kind], partitions: int) -> Diff:
    """
    Return what the file would change.

    Args:
        table: the file.
        present: what stands in `listing`.
        kinds: the configured channels' kinds by name.
        partitions: how many partitions a SKU may be in.

    """
    world = World(present=present, kinds=kinds, partitions=partitions)
    return Diff(kind=KIND, sha256=table.sha256, entries=tuple(entries(table, world)))


def entries(table: Table, world: World) -> list[Entry]:
    """Return a table's rows as entries."""
    before = Made(overlaid(world.present, {}))
    drafts = _once([_draft(table, row, world, before) for row in table.rows])
    new = {listing_key(one.listing.channel, one.listing.listing_id): one.listing for one in drafts if one.listing}
    after = Made(overlaid(world.present, new))
    return [_entry(draft, world, after) for draft in drafts]


def _draft(table: Table, row: Row, world: World, before: Made) -> Draft:
    if row.fault:
        return Draft(row=row.number, shown={}, why=row.fault)
    shown = {name: table.cell(row, name) for name in REQUIRED}
    try:
        listing = _listing(table, row, world, before)
        encode(listing)
    except WireError as error:
        return Draft(row=row.number, shown=shown, why=_sentence(error))
    return Draft(row=row.number, shown=shown, listing=listing)


def _sentence(error: WireError) -> str:
    where = error.path.partition(".")[2]
    return f"{where}: {error.problem}" if where else error.problem


def _once(drafts: Sequence[Draft]) -> list[Draft]:
    """Refuse a listing's second row."""
    first: dict[bytes, int] = {}
    found = []
    for draft in drafts:
        key = listing_key(draft.listing.channel, draft.listing.listing_id) if draft.listing else b""
        earlier = first.setdefault(key, draft.row) if key else draft.row
        why = f"the listing stands in row {earlier} already"
        found.append(draft if earlier == draft.row else Draft(row=draft.row, shown=draft.shown, why=why))
    return found


def _entry(draft: Draft, world: World, after: Made) -> Entry:
    listing, why = draft.listing, draft.why
    if listing is not None:
        why = "; ".join(after.faults(listing.sku, listing.components))
    if listing is None or why:
        return Entry(row=draft.row, change=Change.REFUSED, facts=draft.shown, why=why)
    known = world.present.get(listing_key(listing.channel, listing.listing_id), {})
    return written(draft.row, listing, known, world.partitions)


def _listing(table: Table, row: Row, world: World, before: Made) -> Listing:
    """Build the record, or raise `WireError` with every fault in the row."""
    channel, listing_id, sku = (table.cell(row, name) for name in REQUIRED)
    ids = {name: table.cell(row, name).strip() for name in COLUMNS if table.cell(row, name).strip()}
    faults = []
    if channel not in world.kinds:
        faults.append(f"channel {channel[:60]!r} is not configured")
    else:
        faults += RULES[world.kinds[channel]].faults(listing_id, sku, ids)
    known = [*world.present.get(listing_key(channel, listing_id), {}).values()]
    components, fault = (
        _components(table.cell(row, COMPONENTS)) if COMPONENTS in table.columns else _kept(sku, known, before)
    )
    retired = table.cell(row, RETIRED).strip().lower() if RETIRED in table.columns else str(_flag(known)).lower()
    faults += [fault] if fault else []
    faults += [] if retired in WORDS else [f"retired {retired[:40]!r}: want true or false"]
    if faults:
        raise WireError("; ".join(faults))
    return Listing(
        channel=channel, listing_id=listing_id, sku=sku, ids=ids, components=components, retired=WORDS[retired]
    )


def _components(cell: str) -> tuple[tuple[Component, ...], str]:
    found = [_COMPONENT.fullmatch(part) for part in cell.split("|")] if cell.strip() else []
    if not all(found):
        return (), f"components {cell[:60]!r}: want units*SKU, parts separated by |"
    return tuple(Component(sku=part[2], qty=int(part[1])) for part in found if part), ""


def _kept(sku: str, known: Sequence[Listing], before: Made) -> tuple[tuple[Component, ...], str]:
    """Return what a listing is made of where the file does not say: as before, else as the SKU's other listings."""
    same = [listing.components for listing in known if listing.sku == sku]
    ways = same[-1:] or before.of(sku)
    if len(ways) > 1:
        return (), "the SKU's listings are made of different components: name them in a column `components`"
    return (ways[0] if ways else ()), ""


def _flag(known: Sequence[Listing]) -> bool:
    return any(listing.retired for listing in known)
