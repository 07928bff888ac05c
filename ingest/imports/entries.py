"""One listing as an entry of a diff: what is written where, and what people see of it."""

from collections.abc import Mapping

from ingest.imports.diff import Change, Entry, Write
from ingest.imports.nesting import text
from schemas.channel_records import Listing
from schemas.codec import encode
from schemas.ids import listing_key
from schemas.partition import partition_of
from schemas.topics import LISTING


def written(row: int, listing: Listing, known: Mapping[int, Listing], partitions: int) -> Entry:
    """
    Return the entry of a listing as it is to be.

    Args:
        row: where the file names it.
        listing: the listing.
        known: what stands in `listing` under its key, by partition.
        partitions: how many partitions a SKU may be in.

    """
    home = partition_of(listing.sku.encode(), partitions)
    was = known.get(home) or next(iter(known.values()), None)
    facts = _facts(listing, was)
    strays = [_write(listing, partition, None) for partition in sorted(known) if partition != home]
    if known.get(home) == listing and not strays:
        return Entry(row=row, change=Change.UNCHANGED, facts=facts)
    change = Change.CHANGED if known else Change.NEW
    return Entry(row=row, change=change, facts=facts, writes=(_write(listing, home, encode(listing)), *strays))


def gone(row: int, known: Mapping[int, Listing], *, end: bool) -> Entry:
    """Return the entry of a listing that its channel does not have any more; `end` writes its end."""
    listing = next(iter(known.values()))
    why = "not on the channel any more" + ("" if end else "; --prune ends it")
    writes = tuple(_write(listing, partition, None) for partition in sorted(known)) if end else ()
    return Entry(row=row, change=Change.GONE, facts=_facts(listing, None), why=why, writes=writes)


def _facts(listing: Listing, was: Listing | None) -> dict[str, str | int | None]:
    return {
        "channel": listing.channel,
        "listing_id": listing.listing_id,
        "sku": listing.sku,
        "was_sku": was.sku if was else "",
        "components": text(listing.components),
        "retired": "retired" if listing.retired else "",
    }


def _write(listing: Listing, partition: int, value: bytes | None) -> Write:
    return Write(
        topic=LISTING,
        key=listing_key(listing.channel, listing.listing_id),
        partition=partition,
        value=value,
        record_id=f"{listing.channel}|{listing.listing_id}",
        subject=listing.sku,
    )
