"""
Rows for people: columns as wide as they must be, two spaces between them.  Pure.

What stands in them may be a channel's own words: what a terminal would obey, or what would break a line, is a `?`.
"""

from collections.abc import Iterator, Sequence


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a line for each row; all rows have as many cells."""
    shown = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(cell: str) -> str:
    return cell if cell.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in cell)
