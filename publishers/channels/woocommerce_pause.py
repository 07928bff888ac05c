"""
WooCommerce's own way of pausing: a product whose `backorders` are "yes" or "notify" sells on at 0, so they become "no".

Facts: woocommerce-rest-api-docs `products.md` and `product-variations.md` (`backorders`: `no`, `notify`, `yes`; it says
something only where stock is managed).  Pure.
"""

from collections.abc import Generator, Mapping, Sequence

from publishers.channels.woocommerce_answers import listed
from publishers.channels.woocommerce_reads import some, variation
from publishers.push import TELL, Answer, ChannelDown, Delivered, Request, Response, Row, Verdict

SELLS_ON = ("notify", "yes")
UNDO = "backorders="
AGAIN = 2
"""How often a call that pauses is made again where it is not answered."""
AGAIN_MS = 2_000


def policies(rows: Sequence[Row]) -> Generator[Request, Response, Mapping[str, str] | Verdict]:
    """Ask for the `backorders` of the rows of one group, by their ids; or what stands in the way: nothing was done."""
    found = listed((yield some(rows, TELL)))
    if isinstance(found, ChannelDown):
        return ChannelDown(found.reason)
    if not isinstance(found, list):
        return found
    return {str(row["id"]): str(row.get("backorders", "")) for row in found}


def policy(row: Row, was: str) -> dict[str, str]:
    """Return what a row's object says of `backorders`, besides its number."""
    if row.paused:
        return {"backorders": "no"} if was in SELLS_ON else {}
    old = (row.undo or "").removeprefix(UNDO)
    return {"backorders": old} if old in SELLS_ON else {}


def undoable(rows: Sequence[Row], answer: Answer, was: Mapping[str, str]) -> Answer:
    """Return the answer with the delivered rows' ways back."""
    verdicts = tuple(
        Delivered(_undo(row, was)) if isinstance(verdict, Delivered) else verdict
        for row, verdict in zip(rows, answer.verdicts, strict=True)
    )
    return Answer(verdicts=verdicts, hints=answer.hints)


def _undo(row: Row, was: Mapping[str, str]) -> str | None:
    if not row.paused:
        return None
    old = was.get(variation(row.listing) or row.listing.ids["product"], "")
    return f"{UNDO}{old}" if old in SELLS_ON else row.undo
