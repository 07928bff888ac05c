"""Listings and bundles from CSV files: which ids a kind has, what stays as it is, and no bundle inside a bundle."""

from collections.abc import Mapping

import pytest

from ingest.imports import bundles, listings
from ingest.imports.csvfile import parse
from ingest.imports.diff import Change, Diff
from ingest.imports.report import document, text
from ingest.imports.rules import COLUMNS, RULES, Ids
from schemas.channel_records import Component, Listing
from schemas.codec import decode
from schemas.ids import listing_key
from schemas.partition import partition_of
from schemas.settings import Kind

KINDS = {"woo": Kind.WOOCOMMERCE, "shop": Kind.SHOPIFY, "till": Kind.GENERIC}
ITEM = Ids(own=("{item}-{variation}", "{item}"), needed=("item",), optional=("variation", "offer"))
FREE = Ids(own=(), optional=("asin", "marketplace"), text=frozenset({"asin", "marketplace"}))
CUPS = (Component(sku="CUP", qty=2), Component(sku="SAUCER", qty=1))
Present = dict[bytes, Mapping[int, Listing]]


def woo(number: int, sku: str, components: tuple[Component, ...] = (), *, retired: bool = False) -> Listing:
    ids = {"product": str(number)}
    return Listing(channel="woo", listing_id=str(number), sku=sku, ids=ids, components=components, retired=retired)


def topic(*known: Listing) -> Present:
    """Return listings as they stand in the topic."""
    return {listing_key(one.channel, one.listing_id): {partition_of(one.sku.encode(), 4): one} for one in known}


def imported(raw: str, present: Present) -> Diff:
    return listings.diff(parse(raw.encode()), present, KINDS, 4)


def bundled(raw: str, present: Present) -> Diff:
    return bundles.diff(parse(f"bundle_sku,component,qty\n{raw}".encode()), present, 4)


def written(diff: Diff) -> dict[str, Listing]:
    found = [decode(Listing, write.value) for write in diff.writes() if write.value is not None]
    return {listing.listing_id: listing for listing in found}


def why(diff: Diff) -> dict[int, str]:
    return {entry.row: entry.why for entry in diff.of(Change.REFUSED)}


@pytest.mark.parametrize(
    ("rule", "listing_id", "ids", "faults"),
    [
        (ITEM, "7", {"item": "7"}, []),
        (ITEM, "7", {"item": "7", "offer": "9"}, []),
        (ITEM, "7-8", {"item": "7", "variation": "8"}, []),
        (ITEM, "7", {"item": "7", "variation": "8"}, ["listing_id must be: item-variation, or item"]),
        (ITEM, "7", {}, ["item: want the numeric id", "listing_id must be: item-variation, or item"]),
        (ITEM, "7", {"item": "7", "asin": "B0"}, ["asin: this kind of channel has no such id"]),
        (FREE, "any SKU {x}", {"asin": "B00EXAMPLE", "marketplace": "A1F83G8C2ARO7P"}, []),
        (FREE, "x", {}, []),
        (Ids(own=(), needed=("asin",), text=frozenset({"asin"})), "x", {}, ["asin: missing"]),
        (RULES[Kind.GENERIC], "{sku}", {}, ["listing_id must be: sku"]),
        (RULES[Kind.GENERIC], "A", {}, []),
    ],
)
def test_a_kind_s_row_says_which_ids_its_listings_have(
    rule: Ids, listing_id: str, ids: dict[str, str], faults: list[str]
) -> None:
    """Numbers unless said otherwise, none missing, none foreign, and the listing's own made of them."""
    assert rule.faults(listing_id, "A", ids) == faults


def test_every_kind_names_ids_that_a_file_can_have() -> None:
    """An id without a column could never be given."""
    for kind, rule in RULES.items():
        assert {*rule.needed, *rule.optional, *rule.text} <= set(COLUMNS), kind


def test_a_listing_is_retired_and_taken_up_again_by_a_column() -> None:
    """True and false in the words that people use; anything else is refused with its row."""
    raw = "channel,listing_id,sku,product,retired\nwoo,1,A,1,true\nwoo,2,B,2,FALSE\nwoo,3,C,3,\nwoo,4,D,4,maybe\n"
    diff = imported(raw, topic(woo(2, "B", retired=True)))

    assert {name: listing.retired for name, listing in written(diff).items()} == {"1": True, "2": False, "3": False}
    assert why(diff) == {5: "retired 'maybe': want true or false"}


def test_a_file_without_the_columns_leaves_flag_and_components_as_they_are() -> None:
    """Importing ids again neither takes a retired listing up again nor makes a bundle a single thing."""
    present = topic(woo(1, "SET", CUPS), woo(2, "OLD", retired=True))
    diff = imported("channel,listing_id,sku,product\nwoo,1,SET,1\nwoo,2,OLD,2\n", present)
    assert [entry.change for entry in diff.entries] == ["unchanged", "unchanged"]

    moved = imported("channel,listing_id,sku,product\nwoo,1,MUG,1\nwoo,2,NEW,2\n", present)

    assert (written(moved)["1"].components, written(moved)["2"].retired) == ((), True)


def test_a_new_listing_of_a_bundle_is_the_same_bundle() -> None:
    """On whatever channel; where the others differ somebody must say which."""
    present = topic(woo(1, "SET", CUPS))
    diff = imported("channel,listing_id,sku,variant,inventory_item\nshop,11,SET,11,21\n", present)
    assert written(diff)["11"].components == CUPS

    differ = topic(woo(1, "SET", CUPS), woo(2, "SET", CUPS[:1]))
    refused = imported("channel,listing_id,sku,variant,inventory_item\nshop,11,SET,11,21\n", differ)

    assert "different components" in why(refused)[2]


@pytest.mark.parametrize(
    ("sku", "cell", "sentence"),
    [
        ("SET", "2*CUP|1*SET", "a component of itself"),
        ("HAMPER", "1*SET|1*JAM", "'SET' is a bundle itself"),
        ("CUP", "1*CLAY", "it is a component of the bundle 'SET'"),
    ],
)
def test_no_bundle_is_inside_another(sku: str, cell: str, sentence: str) -> None:
    """An order's line is split once: what is inside a component would never be taken."""
    raw = f"channel,listing_id,sku,product,components\nwoo,5,{sku},5,{cell}\n"
    assert sentence in why(imported(raw, topic(woo(1, "SET", CUPS))))[2]


def test_bundles_of_one_file_are_told_apart_from_what_they_replace() -> None:
    """What counts is what stands in the topic afterwards: a bundle that ends in this file may be a component."""
    raw = "channel,listing_id,sku,product,components\nwoo,1,SET,1,\nwoo,5,HAMPER,5,1*SET|1*JAM\n"
    diff = imported(raw, topic(woo(1, "SET", CUPS)))

    assert why(diff) == {}
    assert [part.sku for part in written(diff)["5"].components] == ["SET", "JAM"]


def test_a_bundle_s_rows_rewrite_every_listing_that_sells_it() -> None:
    """All channels' listings of the SKU, in their partitions; the others stay; the diff names what it is made of."""
    present = topic(woo(1, "SET"), woo(2, "SET", retired=True), woo(3, "MUG"))
    diff = bundled("SET,CUP,2\nSET,SAUCER,1\n", present)

    assert {name: (one.components, one.retired) for name, one in written(diff).items()} == {
        "1": (CUPS, False),
        "2": (CUPS, True),
    }
    assert {write.partition for write in diff.writes()} == {partition_of(b"SET", 4)}
    assert any("2*CUP|1*SAUCER" in line for line in text("bundles.csv", diff, 0))
    told = document("bundles.csv", diff, 0, applied=False)
    assert (told["kind"], told["changed"]) == ("bundles", 2)
    again = bundled("SET,CUP,2\nSET,SAUCER,1\n", topic(woo(1, "SET", CUPS)))
    assert [entry.change for entry in again.entries] == ["unchanged"]


def test_a_row_with_neither_component_nor_qty_ends_a_bundle() -> None:
    """Beside other rows of the SKU it would be a slip."""
    present = topic(woo(1, "SET", CUPS))
    assert written(bundled("SET,,\n", present))["1"].components == ()
    assert why(bundled("SET,CUP,2\nSET,,\n", present)) == {3: "component and qty are missing"}


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ("SET,SET,1\n", {2: "a component of itself"}),
        ("BOX,SET,1\n", {2: "'SET' is a bundle itself"}),
        ("CUP,CLAY,1\n", {2: "component of the bundle 'SET'"}),
        ("BOX,MUG,1\nMUG,CLAY,1\n", {2: "'MUG' is a bundle itself", 3: "component of the bundle 'BOX'"}),
        ("NONE,CUP,1\n", {2: "no listing sells 'NONE'"}),
        (",CUP,1\n", {2: "bundle_sku: missing"}),
        (
            "BOX,CUP,0\nBOX,MUG,x\nBOX,,3\nBOX,JAM,1\nBOX,JAM,2\n",
            {2: "qty '0'", 3: "qty 'x'", 4: "missing", 6: "twice"},
        ),
        ("BOX,CUP,9999999\n", {2: "9999999"}),
        ("BOX,CUP\n", {2: "2 cells"}),
    ],
)
def test_what_cannot_be_a_bundle_is_refused_with_its_row(rows: str, refused: dict[int, str]) -> None:
    """Nested, its own component, unknown, twice, or not a number of units: a sentence each, nothing written."""
    present = topic(woo(1, "SET", CUPS), woo(2, "BOX"), woo(3, "MUG"), woo(4, "CUP"))
    told = why(bundled(rows, present))

    assert told.keys() == refused.keys()
    assert [row for row, sentence in refused.items() if sentence not in told[row]] == [], told
    assert bundled(rows, present).writes() == []
