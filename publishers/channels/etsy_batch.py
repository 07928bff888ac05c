"""
Several of Etsy's listings at once, with their inventory, whatever state they are in.

Facts: Open API v3 `getListingsByListingIds` (those that there are, with their state) and, since the removal of
`includes=Inventory` there (developers.etsy.com "Inventory and Shipping Data Migration Tutorial", 2026-07-29),
`getListingsInventoryByListingIds`: 100 ids each, and of the second "all requested listing IDs must exist": with one
that does not, the whole answer is a 404.  So the first says which there are, and where one has gone in between, the
second is asked for halves.
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
    document, response = yield from ask(states(names))
    rows = [] if missing(document) else rows_of(document)
    if not isinstance(rows, list):
        return {}, rows, response
    found = {name: row for row in rows if (name := str(row.get("listing_id"))) in names}
    shown, failed = Found(), None
    left = [[*found]] if found else []
    while left and failed is None:
        some = left.pop()
        document, response = yield from ask(inventories(some))
        if missing(document):
            half = len(some) // 2
            left += [part for part in (some[half:], some[:half]) if part and len(some) > 1]
            continue
        rows = rows_of(document)
        if not isinstance(rows, list):
            failed = rows
            continue
        # The first answer tells the state; the second need not.
        shown.update((name, {**found[name], **row}) for row in rows if (name := str(row.get("listing_id"))) in found)
    return shown, failed, response
