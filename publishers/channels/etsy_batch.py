"""
Several of Etsy's listings at once, with their inventory, whatever state they are in.

Facts: Open API v3 `getListingsByListingIds` (those that there are, with their state) and, since the removal of
`includes=Inventory` there (developers.etsy.com "Inventory and Shipping Data Migration Tutorial", 2026-07-29),
`getListingsInventoryByListingIds`: 100 ids each, and of the second "all requested listing IDs must exist": with one
that does not, the whole answer is a 404.  So the first says which there are, and where one has gone in between, halves
are asked for.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

from publishers.channels.etsy_calls import Asking, answered, inventories, states
from publishers.push import Rejected, Request, Response, Verdict

Rows = list[dict[str, Any]]
Ask = Callable[[Request], Asking]
Found = dict[str, dict[str, Any]]
"""Listings by their id, each with its `inventory`."""


def once(request: Request) -> Asking:
    """Ask once."""
    response = yield request
    return answered(response, wrote=False), response


def missing(verdict: object) -> bool:
    """Return whether Etsy says that there is no such listing."""
    return isinstance(verdict, Rejected) and verdict.reason.startswith("HTTP 404")


def rows_of(document: dict[str, Any] | Verdict) -> Rows | Verdict:
    """Return the listings of an answer, or what it means that it has none."""
    if not isinstance(document, dict):
        return document
    rows = document.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return Rejected("the answer holds no listings")
    return rows


def together(names: Sequence[str], ask: Ask) -> Generator[Request, Response, tuple[Found, Verdict | None, Response]]:
    """
    Read up to 100 listings; returns those that there are, why the others could not be read (None), the last answer.

    `ask` makes a request and says what came of it.
    """
    known, failed, response = yield from _halved(names, states, ask)
    if failed is not None or not known:
        return {}, failed, response
    shown, failed, response = yield from _halved([*known], inventories, ask)
    # The first answer tells the state; the second need not.
    return {name: {**known[name], **row} for name, row in shown.items()}, failed, response


def _halved(
    names: Sequence[str], question: Callable[[Sequence[str]], Request], ask: Ask
) -> Generator[Request, Response, tuple[Found, Verdict | None, Response]]:
    """Ask for these listings; where that is a 404 for all, for each half, until those that are gone stand alone."""
    found, left, response = Found(), [[*names]], Response(status=0)
    while left:
        some = left.pop()
        document, response = yield from ask(question(some))
        if missing(document):
            half = len(some) // 2
            left += [some[half:], some[:half]] if half else []
            continue
        rows = rows_of(document)
        if not isinstance(rows, list):
            return found, rows, response
        found.update((name, row) for row in rows if (name := str(row.get("listing_id"))) in some)
    return found, None, response
