"""CSV files as people save them, and what an import says about them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.imports import csvfile, listings, stock
from ingest.imports.csvfile import BadFile, parse
from ingest.imports.diff import Change, Diff, Write
from ingest.imports.present import Stock
from ingest.imports.report import document, text
from ingest.replay import Taken
from schemas.channel_records import Listing
from schemas.codec import decode, encode
from schemas.ids import adjustment_order_id, line_key, listing_key
from schemas.partition import partition_of
from schemas.records import OrderOutcome, StockAdjusted
from schemas.settings import Kind
from schemas.words import Result

STAMP = stock.Stamp(actor="ann", reason="import stock.csv", at=5, partitions=4)
NOTHING = stock.Present(levels={}, decided={}, sold={})


def stock_diff(raw: bytes, present: stock.Present = NOTHING) -> Diff:
    return stock.diff(parse(raw), present, STAMP)


@pytest.mark.parametrize(
    "raw",
    [
        b"sku,qty\nA,1\nB,2\n",
        b"\xef\xbb\xbfsku,qty\r\nA,1\r\nB,2\r\n",
        b"sku;qty\nA;1\nB;2",
        b"SKU\tQty \nA\t1\nB\t2\n",
        b'"sku","qty"\r"A","1"\r"B","2"\r',
    ],
)
def test_a_file_reads_the_same_however_it_was_saved(raw: bytes) -> None:
    """BOM, line ends, delimiters, quotes and the header's case make no difference."""
    table = parse(raw)
    assert table.columns == ("sku", "qty")
    assert [(row.number, row.cells) for row in table.rows] == [(2, ("A", "1")), (3, ("B", "2"))]
    assert table.sha256 == hashlib.sha256(raw).hexdigest()


def test_rows_are_numbered_as_a_spreadsheet_shows_them() -> None:
    """Blank rows and line ends inside a cell count as the spreadsheet counts them."""
    table = parse(b'sku,qty,reason\nA,1,"two\nlines"\n\n,,\nB,2,\n')
    assert [row.number for row in table.rows] == [2, 5]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "empty"),
        (b"\xff\xfes\x00k\x00u\x00", "UTF-16"),
        (b'sku,qty\n"A,1\n', "line"),
        (b"sku,qty,SKU\n", "twice"),
        (b"x" * (csvfile.BYTES_MAX + 1), "split the file"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_a_sentence(raw: bytes, sentence: str) -> None:
    """Nothing of such a file is used."""
    with pytest.raises(BadFile, match=sentence):
        parse(raw)


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound with a way out."""
    monkeypatch.setattr(csvfile, "ROWS_MAX", 1)
    with pytest.raises(BadFile, match="split the file"):
        parse(b"sku,qty\nA,1\nB,2\n")


def test_rows_in_another_encoding_are_named_and_the_others_are_read() -> None:
    """A Latin-1 row among UTF-8 ones is one refused row, as is one with a NUL."""
    entries = stock_diff("sku,qty\nÄ,1\n".encode() + b"\xc4,2\nB\0,3\n").entries
    assert [(entry.row, entry.change) for entry in entries] == [(2, "new"), (3, "refused"), (4, "refused")]
    assert "UTF-8" in entries[1].why


@given(sku=st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text and "\ufeff" not in text))
def test_a_sku_comes_out_as_it_was_given(sku: str) -> None:
    """Blanks, quotes, line ends, any script: quoted as CSV wants it, a SKU is never changed."""
    try:
        raw = f'sku,qty\n"{sku.replace(chr(34), chr(34) * 2)}",1\n'.encode()
    except UnicodeEncodeError:
        return
    (entry,) = stock_diff(raw).entries
    (write,) = entry.writes
    assert decode(StockAdjusted, write.value or b"").sku == sku
    assert write.partition == partition_of(sku.encode(), 4)


@pytest.mark.parametrize("qty", ["", "-1", "1.0", "1e3", "+5", "٣", "1,5", "1000000001", "x" * 5_000])
def test_what_is_no_number_of_units_is_refused(qty: str) -> None:
    """Whole ASCII digits up to a billion; the sentence quotes at most the beginning."""
    (entry,) = stock_diff(f'sku,qty\nA,"{qty}"\n'.encode()).entries
    assert entry.change is Change.REFUSED
    assert len(entry.why) < 120


def test_a_reason_longer_than_a_record_takes_is_a_refused_row() -> None:
    """The contract's bounds hold for imports too."""
    (entry,) = stock_diff(f"sku,qty,reason\nA,1,{'r' * 1_001}\n".encode()).entries
    assert (entry.change, "1001 bytes" in entry.why) == (Change.REFUSED, True)


def outcome(order_id: str, delta: int, at: int) -> OrderOutcome:
    return OrderOutcome(
        sku="A",
        order_id=order_id,
        channel=None,
        revision=1,
        seen_at=1,
        qty=1,
        held=1,
        shortfall=0,
        delta=delta,
        result=Result.APPLIED,
        new_qty=1,
        version=1,
        ordered_at=1,
        timestamp=at,
        source={},
    )


def test_sales_since_the_count_leave_out_earlier_ones_and_adjustments() -> None:
    """Only order lines that were decided when the count had been made, for the file's SKUs."""
    collect = Stock(frozenset({"A"}), "f" * 64, 1_000)
    mine = adjustment_order_id(f"{'f' * 64}:2")
    told = [("s_1_1", 3, 999), ("s_2_1", 5, 1_000), ("s_3_1", -1, 2_000), ("adj_other", -50, 2_000), (mine, -9, 3_000)]
    for order_id, delta, at in told:
        collect.outcome(Taken(0, line_key(order_id, "A"), encode(outcome(order_id, delta, at)), at))
    collect.outcome(Taken(0, line_key("s_9_1", "B"), b"not decoded", 5_000))
    collect.outcome(Taken(0, line_key("s_9_1", "A"), None, 5_000))
    present = collect.present()
    assert dict(present.sold) == {"A": 4}
    assert [*present.decided.values()] == ["applied"]


def test_a_moved_listing_writes_the_new_record_before_any_tombstone() -> None:
    """Strays in other partitions are closed, and all new records of the file come first."""
    raw = b"channel,listing_id,sku,product\nwoo,1,A,1\nwoo,2,A,2\n"
    old = Listing(channel="woo", listing_id="1", sku="B", ids={"product": "1"})
    away = (partition_of(b"A", 4) + 1) % 4
    diff = listings.diff(parse(raw), {listing_key("woo", "1"): {away: old}}, {"woo": Kind.WOOCOMMERCE}, 4)
    writes: list[Write] = diff.writes()
    assert [(write.key, write.partition, write.value is None) for write in writes] == [
        (listing_key("woo", "1"), partition_of(b"A", 4), False),
        (listing_key("woo", "2"), partition_of(b"A", 4), False),
        (listing_key("woo", "1"), away, True),
    ]


def test_people_are_shown_a_bounded_number_of_rows_and_programs_all() -> None:
    """Sixty new rows: forty lines and how many more; sixty in JSON."""
    diff = stock_diff(b"sku,qty\n" + b"".join(b"S%d,1\n" % i for i in range(60)))
    lines = [*text("stock.csv", diff, 0)]
    assert any("and 20 more" in line for line in lines)
    told = document("stock.csv", diff, 0, applied=False)
    assert (told["new"], told["rows"], told["written"]) == (60, 60, 0)
    rows = told["diff"]
    assert isinstance(rows, list)
    assert len(rows) == 60
