"""
WooCommerce's own way of pausing: a product whose `backorders` are "yes" or "notify" sells on at 0, so they become "no".

Facts: woocommerce-rest-api-docs `products.md` and `product-variations.md` (`backorders`: `no`, `notify`, `yes`; it says
something only where stock is managed).  Pure.

Before they become "no" it must be on record what they were: the first call finds it, the second changes it.  A product
that no list shows (a plugin for several languages hides it) is told its number all the same, and that answer says what
its `backorders` are: what nobody has seen is not paused.
"""

from collections.abc import Generator, Mapping, Sequence

import orjson

from publishers.channels.woocommerce_answers import UNREADABLE, listed, post
from publishers.channels.woocommerce_reads import some
from publishers.push import TELL, ChannelDown, Delivered, Request, Response, Retry, Row, Verdict

SELLS_ON = ("notify", "yes")
UNDO = "backorders="


def policies(rows: Sequence[Row]) -> Generator[Request, Response, dict[str, str] | Verdict]:
    """Ask for the `backorders` of the rows of one group, by their ids; or what stands in the way: nothing was done."""
    found = listed((yield some(rows, TELL)))
    if isinstance(found, ChannelDown):
        return ChannelDown(found.reason)
    if not isinstance(found, list):
        return found
    return {str(row["id"]): str(row.get("backorders", "")) for row in found}


def unknown(row: Row, was: Mapping[str, str]) -> bool:
    """Return whether a paused row was asked for and not shown."""
    return row.paused and post(row.listing) not in was


def shown(response: Response) -> dict[str, str]:
    """Return the `backorders` that the answer to a batch shows, by ids; those of a row that failed it does not."""
    try:
        updated = orjson.loads(response.body)["update"]
        return {str(row["id"]): str(row["backorders"]) for row in updated if "backorders" in row}
    except UNREADABLE:
        return {}


def _on_record(row: Row) -> str:
    old = (row.undo or "").removeprefix(UNDO)
    return old if old in SELLS_ON else ""


def policy(row: Row, was: str | None) -> dict[str, str]:
    """
    Return what a row's object says of `backorders`, besides its number; they are changed once it is on record.

    `was` is what they are, None where that was asked for a pause and not shown.
    """
    old = _on_record(row)
    if row.paused:
        return {"backorders": "no"} if old and was in (old, None) else {}
    return {"backorders": old} if old else {}


def settled(row: Row, verdict: Verdict, was: str | None, after: Mapping[str, str]) -> Verdict:
    """Return a row's verdict, with its way back where it is delivered; `after` is what the answer showed of each."""
    if not isinstance(verdict, Delivered) or not row.paused:
        return verdict
    if was is None and not _on_record(row):
        was = after.get(post(row.listing))
        if was is None:
            return Retry("the shop does not say whether this product sells on at 0")
    if was not in SELLS_ON:
        return Delivered(row.undo)
    undo = f"{UNDO}{was}"
    return Delivered(undo, partly=row.undo != undo)
