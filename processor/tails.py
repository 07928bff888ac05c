"""
Single facts out of a table's rows, without reading them whole (pure).

A recovery looks at millions of rows and needs of each only which input it came from.  Our writer puts `source` last,
so its end is enough; a row that is written otherwise is read as a whole.
"""

import orjson

_SOURCE = b'"source":'
UNREADABLE = (ValueError, TypeError, KeyError)


def source(row: bytes) -> dict[str, int]:
    """Return a row's source positions by topic id; raises one of `UNREADABLE` for what is no row of ours."""
    # No text in JSON contains these bytes: its quotes would be escaped.  So they are a name, and the last one.
    start = row.rfind(_SOURCE)
    try:
        found = orjson.loads(row[start + len(_SOURCE) : -1] if start > 0 else b"")
    except orjson.JSONDecodeError:
        found = orjson.loads(row)["source"]
    if not isinstance(found, dict):
        raise TypeError("the source positions of a row are no object")
    return found


def decided_at(row: bytes) -> int:
    """Return when a line's row was decided, ms."""
    return int(orjson.loads(row)["timestamp"])
