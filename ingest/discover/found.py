"""
A channel's own listings as a table, as if somebody had written them into a file to import, and what there is to say.

Pure.  A listing that stands in `listing` and has no SKU on the channel keeps the SKU that somebody gave it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from ingest.discover.adopted import adopted
from ingest.discover.kind import Found
from ingest.discover.skus import alike, several
from ingest.imports import entries, listings
from ingest.imports.csvfile import Row, Table
from ingest.imports.diff import Change, Diff, Entry
from ingest.imports.listings import REQUIRED, World
from ingest.imports.nesting import Present
from ingest.imports.rules import COLUMNS
from schemas.channel_records import Listing
from schemas.ids import listing_key

NO_SKU = "no SKU: fill it in, on the channel or in the file that --csv writes"
UNTRACKED = "the channel does not count its stock; --untracked takes it all the same"
FIRST_ROW = 2
"""The header is row 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """
    What a channel showed: its listings, each once, and what could not be read.

    `whole` says whether it shows all that it has: where it does not, nothing is taken for gone.
    """

    channel: str
    found: tuple[Found, ...]
    unread: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted beside the difference: the end of listings that are gone, listings without a stock."""

    prune: bool = False
    untracked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """
    The difference, the CSV file to edit, and what people should know about the SKUs.

    `alike` are SKUs that only look the same, `several` counts the listings of a SKU that has more than one here.
    """

    diff: Diff
    csv: bytes
    alike: tuple[tuple[str, ...], ...]
    several: Mapping[str, int]


def discovered(catalogue: Catalogue, world: World, wish: Wish) -> Discovered:
    """Compare a channel's listings with what stands in `listing`."""
    channel = catalogue.channel
    known = {key: places for key, places in world.present.items() if key.startswith(f"{channel}|".encode())}
    catalogue = replace(catalogue, found=adopted(catalogue.found, [*known.values()]))
    wanted = [one for one in catalogue.found if one.tracked or wish.untracked or _key(channel, one) in known]
    rows = [_with_sku(one, known.get(_key(channel, one), {})) for one in wanted]
    raw = _file(channel, rows)
    digest = sha256(raw).hexdigest()
    # A channel that shows nothing at all is rather broken than empty.
    end = wish.prune and bool(catalogue.found) and not catalogue.unread
    every = [
        *listings.entries(_table(channel, rows, digest), world),
        *(_left(channel, one, row, NO_SKU) for row, one in enumerate(rows, FIRST_ROW) if not one.sku),
        *(_left(channel, one, 0, UNTRACKED) for one in catalogue.found if one not in wanted),
        *_gone(catalogue, known, end=end),
        *(Entry(row=0, change=Change.REFUSED, why=why) for why in catalogue.unread),
    ]
    diff = Diff(kind=listings.KIND, sha256=digest, entries=tuple(sorted(every, key=lambda entry: entry.row)))
    skus = [one.sku for one in rows if one.sku]
    others = (listing.sku for places in world.present.values() for listing in places.values())
    return Discovered(diff=diff, csv=raw, alike=alike([*skus, *others]), several=several(skus))


def _key(channel: str, one: Found) -> bytes:
    return listing_key(channel, one.listing_id)


def _with_sku(one: Found, places: Mapping[int, Listing]) -> Found:
    """Return the listing with the SKU that it was given here, where the channel has none."""
    given = [listing.sku for listing in places.values()]
    return replace(one, sku=given[-1]) if given and not one.sku else one


def _columns(rows: Sequence[Found]) -> tuple[str, ...]:
    return (*REQUIRED, *(name for name in COLUMNS if any(name in one.ids for one in rows)))


def _cells(channel: str, columns: Sequence[str], one: Found) -> tuple[str, ...]:
    return (channel, one.listing_id, one.sku, *(one.ids.get(name, "") for name in columns[len(REQUIRED) :]))


def _table(channel: str, found: Sequence[Found], digest: str) -> Table:
    """Return the rows that have a SKU, under the numbers that they have in the file."""
    columns = _columns(found)
    rows = (
        Row(number=number, cells=_cells(channel, columns, one))
        for number, one in enumerate(found, FIRST_ROW)
        if one.sku
    )
    return Table(sha256=digest, columns=columns, rows=tuple(rows))


def _file(channel: str, found: Sequence[Found]) -> bytes:
    """Return all rows as a CSV file; with a BOM, without which spreadsheets take UTF-8 for something else."""
    columns, text = _columns(found), io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(_cells(channel, columns, one) for one in found)
    return text.getvalue().encode("utf-8-sig")


def _left(channel: str, one: Found, row: int, why: str) -> Entry:
    facts = {"channel": channel, "listing_id": one.listing_id, "sku": one.sku}
    return Entry(row=row, change=Change.LEFT, facts=facts, why=why)


def _gone(catalogue: Catalogue, known: Present, *, end: bool) -> Iterator[Entry]:
    there = {_key(catalogue.channel, one) for one in catalogue.found}
    for key, places in known.items():
        if catalogue.whole and key not in there:
            yield entries.gone(0, places, end=end)
