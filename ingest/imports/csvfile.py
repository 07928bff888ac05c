"""
A CSV file as rows of text, whoever saved it: commas, semicolons or tabs, any line ends, with or without a BOM.

Cells come out as given: a SKU is never trimmed or otherwise normalised.  Rows are numbered as a spreadsheet shows them,
the header being row 1.
"""

import csv
import io
from dataclasses import dataclass
from hashlib import sha256

BYTES_MAX = 64 * 1024 * 1024
"""A larger file is refused unread."""

ROWS_MAX = 500_000
"""More rows than this are refused: split the file."""

DELIMITERS = ",;\t"
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class BadFile(Exception):  # noqa: N818 - named for the reaction it demands
    """The file as a whole cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its cells in the header's order, or the fault for which it cannot be read."""

    number: int
    cells: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file's rows; `sha256` is of its bytes and names the file, whatever it is called."""

    sha256: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def cell(self, row: Row, column: str) -> str:
        """Return a row's cell, "" where the file has no such column."""
        return row.cells[self.columns.index(column)] if column in self.columns else ""


def parse(raw: bytes) -> Table:
    """Return the table in a file's bytes; raises `BadFile` where no row of it can be trusted."""
    if len(raw) > BYTES_MAX:
        raise BadFile(f"{len(raw)} bytes, at most {BYTES_MAX}: split the file")
    wide = _WIDE.get(raw[:2])
    if wide:
        raise BadFile(f"the file is {wide}: save it as CSV in UTF-8")
    text = raw.decode("utf-8-sig", "surrogateescape")
    records = _records(text)
    if not records:
        raise BadFile("the file is empty")
    columns = tuple(name.strip().lower() for name in records[0])
    if len(set(columns)) < len(columns):
        raise BadFile(f"the header names a column twice: {', '.join(columns)}")
    if len(records) - 1 > ROWS_MAX:
        raise BadFile(f"{len(records) - 1} rows, at most {ROWS_MAX}: split the file")
    rows = (_row(number, cells, len(columns)) for number, cells in enumerate(records[1:], 2) if any(cells))
    return Table(sha256=sha256(raw).hexdigest(), columns=columns, rows=tuple(rows))


def _records(text: str) -> list[list[str]]:
    first = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise BadFile(f"line {reader.line_num}: {error}") from None


def _row(number: int, cells: list[str], width: int) -> Row:
    if any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
        return Row(number=number, cells=(), fault="not UTF-8: save the file as UTF-8")
    if any("\0" in cell for cell in cells):
        return Row(number=number, cells=(), fault="holds a NUL character")
    if len(cells) != width:
        return Row(number=number, cells=(), fault=f"{len(cells)} cells, the header has {width}")
    return Row(number=number, cells=tuple(cells))
