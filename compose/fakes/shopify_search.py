"""Shopify's search syntax, as far as inventory clients use it, and its cursors. Pure.

Terms `field:value` with a comparator (`updated_at:>='2026-11-21T09:00:00Z'`), quoted or not, joined by AND (or a blank)
and OR. Fields that a resource does not know are ignored, as the vendor does. Source: shopify.dev, API search syntax.
"""

import base64
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from compose.fakes import times
from compose.fakes.graphql_engine import Refused

MAX_FIRST = 250
TERM = re.compile(r"""(\w+):(<=|>=|<|>|=)?(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([^\s()]+))""")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Fields = Mapping[str, Any]
Test = Callable[[Fields], bool]


def search(query: str | None) -> Test:
    """Make a test of a query text; no text accepts everything. A time compares by second, an id by number."""
    if not query or not query.strip():
        return lambda _: True
    branches = [_branch(part) for part in re.split(r"\s+OR\s+", query)]
    return lambda fields: any(all(term(fields) for term in branch) for branch in branches)


def _branch(text: str) -> list[Test]:
    """Read the terms that must all hold."""
    return [_term(*match.groups()) for match in TERM.finditer(text)]


def _term(name: str, comparator: str | None, double: str | None, single: str | None, bare: str | None) -> Test:
    """Read one term; the value's type is that of the field."""
    quoted = double if double is not None else single
    text = bare or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    compare = COMPARE[comparator or ""]

    def test(fields: Fields) -> bool:
        if name not in fields:
            return True
        have = fields[name]
        return compare(have, _as(have, name, text))

    return test


def _as(have: object, name: str, text: str) -> object:
    """Read a term's value as what the field is."""
    if name.endswith("_at"):
        return times.parse(text) // 1000
    return int(text) if isinstance(have, int) and text.lstrip("-").isdigit() else text


def cursor(key: Sequence[Any]) -> str:
    """Write a sort key as an opaque cursor."""
    return base64.b64encode(orjson.dumps(key)).decode()


def uncursor(text: str) -> list[Any]:
    """Read a cursor back. Raises Refused."""
    try:
        key = orjson.loads(base64.b64decode(text, validate=True))
    except ValueError as error:
        message = f"Invalid cursor: {text}"
        raise Refused(message, "BAD_REQUEST") from error
    return key if isinstance(key, list) else [key]


def connection(
    rows: Sequence[tuple[list[Any], Any]], args: Mapping[str, Any], build: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """Page through sorted rows of (key, thing) by key: what moved in the order is met again, never skipped."""
    first = args.get("first")
    if first is None:
        message = "you must provide one of first or last"
        raise Refused(message, "BAD_REQUEST")
    if not 0 < first <= MAX_FIRST:
        message = f"Requested {first} for first, which is outside 1 to {MAX_FIRST}."
        raise Refused(message, "ARGUMENT_LITERALS_INCOMPATIBLE")
    after, reverse = args.get("after"), bool(args.get("reverse"))
    rest = list(reversed(rows)) if reverse else list(rows)
    if after:
        mark = uncursor(after)
        rest = [row for row in rest if (row[0] < mark if reverse else row[0] > mark)]
    page = rest[:first]
    nodes = [build(thing) for _, thing in page]
    cursors = [cursor(key) for key, _ in page]
    return {
        "nodes": nodes,
        "edges": [{"cursor": mark, "node": node} for mark, node in zip(cursors, nodes, strict=True)],
        "pageInfo": {
            "hasNextPage": len(rest) > first,
            "hasPreviousPage": bool(after),
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }
