"""
Listings: `channel,listing_id,sku`, then the channel's own ids, one column each, and `components` for bundles.

Per kind (the ids are the channel's numbers, without `gid://`):
- shopify: `variant` (= listing_id) and `inventory_item`;
- woocommerce: `product`, and `variation` for a variation; listing_id is the variation's id, else the product's;
- generic: no ids; listing_id is the SKU.
`components` is `2*CUP|1*SAUCER`: what one bundle takes.

A listing's record stands in its SKU's partition.  When its SKU changes, the old record stands in another partition and
is closed there by a tombstone, after the new one.
"""

import re
from collections.abc import Callable, Mapping

from ingest.imports.csvfile import Row, Table
from ingest.imports.diff import Change, Diff, Entry, Write
from schemas.channel_records import Component, Listing
from schemas.codec import WireError, encode
from schemas.ids import listing_key
from schemas.partition import partition_of
from schemas.settings import Kind
from schemas.topics import LISTING

KIND = "listings"
REQUIRED = ("channel", "listing_id", "sku")
IDS = ("variant", "inventory_item", "product", "variation")
OPTIONAL = (*IDS, "components")
_NUMBER = re.compile(r"[0-9]{1,20}")
_COMPONENT = re.compile(r"([0-9]{1,7})\*(.+)", re.DOTALL)

Present = Mapping[bytes, Mapping[int, Listing]]
"""The live `listing` records by key and partition: a listing that moved badly may stand in two."""


def diff(table: Table, present: Present, kinds: Mapping[str, Kind], partitions: int) -> Diff:
    """
    Return what the file would change.

    Args:
        table: the file.
        present: what stands in `listing`.
        kinds: the configured channels' kinds by name.
        partitions: how many partitions a SKU may be in.

    """
    first: dict[bytes, int] = {}
    entries = tuple(_entry(table, row, present, kinds, partitions, first) for row in table.rows)
    return Diff(kind=KIND, sha256=table.sha256, entries=entries)


def _entry(
    table: Table, row: Row, present: Present, kinds: Mapping[str, Kind], partitions: int, first: dict[bytes, int]
) -> Entry:
    if row.fault:
        return Entry(row=row.number, change=Change.REFUSED, why=row.fault)
    names = {name: table.cell(row, name) for name in REQUIRED}
    try:
        listing = _listing(table, row, kinds)
        value = encode(listing)
    except WireError as error:
        return Entry(row=row.number, change=Change.REFUSED, facts=names, why=_sentence(error))
    key = listing_key(listing.channel, listing.listing_id)
    earlier = first.setdefault(key, row.number)
    if earlier != row.number:
        why = f"the listing stands in row {earlier} already"
        return Entry(row=row.number, change=Change.REFUSED, facts=names, why=why)
    return _judged(row, listing, value, present.get(key, {}), partitions)


def _sentence(error: WireError) -> str:
    where = error.path.partition(".")[2]
    return f"{where}: {error.problem}" if where else error.problem


def _listing(table: Table, row: Row, kinds: Mapping[str, Kind]) -> Listing:
    """Build the record, or raise `WireError` with every fault in the row."""
    channel, listing_id, sku = (table.cell(row, name) for name in REQUIRED)
    ids = {name: table.cell(row, name).strip() for name in IDS if table.cell(row, name).strip()}
    faults = []
    if channel not in kinds:
        faults.append(f"channel {channel[:60]!r} is not configured")
    else:
        faults += RULES[kinds[channel]](listing_id, sku, ids)
    components, fault = _components(table.cell(row, "components"))
    if fault:
        faults.append(fault)
    if faults:
        raise WireError("; ".join(faults))
    return Listing(channel=channel, listing_id=listing_id, sku=sku, ids=ids, components=components)


def _components(cell: str) -> tuple[tuple[Component, ...], str]:
    found = [_COMPONENT.fullmatch(part) for part in cell.split("|")] if cell.strip() else []
    if not all(found):
        return (), f"components {cell[:60]!r}: want units*SKU, parts separated by |"
    return tuple(Component(sku=part[2], qty=int(part[1])) for part in found if part), ""


def _judged(row: Row, listing: Listing, value: bytes, known: Mapping[int, Listing], partitions: int) -> Entry:
    home = partition_of(listing.sku.encode(), partitions)
    was = known.get(home) or next(iter(known.values()), None)
    facts = {"channel": listing.channel, "listing_id": listing.listing_id, "sku": listing.sku}
    facts["was_sku"] = was.sku if was else ""
    strays = [_write(listing, partition, None) for partition in sorted(known) if partition != home]
    if known.get(home) == listing and not strays:
        return Entry(row=row.number, change=Change.UNCHANGED, facts=facts)
    change = Change.CHANGED if known else Change.NEW
    return Entry(row=row.number, change=change, facts=facts, writes=(_write(listing, home, value), *strays))


def _write(listing: Listing, partition: int, value: bytes | None) -> Write:
    return Write(
        topic=LISTING,
        key=listing_key(listing.channel, listing.listing_id),
        partition=partition,
        value=value,
        record_id=f"{listing.channel}|{listing.listing_id}",
        subject=listing.sku,
    )


def _shopify(listing_id: str, _sku: str, ids: Mapping[str, str]) -> list[str]:
    faults = _numbers(ids, "variant", "inventory_item")
    if ids.get("variant") != listing_id:
        faults.append("listing_id must be the variant's id")
    return faults


def _woocommerce(listing_id: str, _sku: str, ids: Mapping[str, str]) -> list[str]:
    faults = _numbers(ids, "product", *(["variation"] if "variation" in ids else []))
    if ids.get("variation", ids.get("product")) != listing_id:
        faults.append("listing_id must be the variation's id, or the product's where there is no variation")
    return faults


def _generic(listing_id: str, sku: str, ids: Mapping[str, str]) -> list[str]:
    faults = [f"{name}: a generic channel has no ids" for name in ids]
    if listing_id != sku:
        faults.append("listing_id must be the SKU")
    return faults


def _numbers(ids: Mapping[str, str], *wanted: str) -> list[str]:
    faults = [f"{name}: want the numeric id" for name in wanted if not _NUMBER.fullmatch(ids.get(name, ""))]
    return faults + [f"{name}: this kind of channel has no such id" for name in ids if name not in wanted]


RULES: Mapping[Kind, Callable[[str, str, Mapping[str, str]], list[str]]] = {
    Kind.SHOPIFY: _shopify,
    Kind.WOOCOMMERCE: _woocommerce,
    Kind.GENERIC: _generic,
}
