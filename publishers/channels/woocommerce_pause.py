"""
WooCommerce's own way of pausing: a product whose `backorders` are "yes" or "notify" sells on at 0, so they become "no".

Facts: woocommerce-rest-api-docs `products.md` and `product-variations.md` (`backorders`: `no`, `notify`, `yes`; it says
something only where stock is managed).  Pure.

Before they become "no" it must be on record what they were: the first call finds it, the second changes it.
"""

from collections.abc import Generator, Mapping, Sequence

from publishers.channels.woocommerce_answers import listed
from publishers.channels.woocommerce_reads import some
from publishers.push import TELL, ChannelDown, Delivered, Request, Response, Row, Verdict

SELLS_ON = ("notify", "yes")
UNDO = "backorders="


def policies(rows: Sequence[Row]) -> Generator[Request, Response, Mapping[str, str] | Verdict]:
    """Ask for the `backorders` of the rows of one group, by their ids; or what stands in the way: nothing was done."""
    found = listed((yield some(rows, TELL)))
    if isinstance(found, ChannelDown):
        return ChannelDown(found.reason)
    if not isinstance(found, list):
        return found
    return {str(row["id"]): str(row.get("backorders", "")) for row in found}


def policy(row: Row, was: str) -> dict[str, str]:
    """Return what a row's object says of `backorders`, besides its number; they are changed once it is on record."""
    if row.paused:
        return {"backorders": "no"} if was in SELLS_ON and row.undo == f"{UNDO}{was}" else {}
    old = (row.undo or "").removeprefix(UNDO)
    return {"backorders": old} if old in SELLS_ON else {}


def settled(row: Row, verdict: Verdict, was: str) -> Verdict:
    """Return a row's verdict, with its way back where it is delivered."""
    if not isinstance(verdict, Delivered) or not row.paused:
        return verdict
    if was not in SELLS_ON:
        return Delivered(row.undo)
    undo = f"{UNDO}{was}"
    return Delivered(undo, partly=row.undo != undo)
