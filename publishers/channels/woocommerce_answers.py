"""
What WooCommerce's answers mean: row errors stand inside a 200, matched by position.

Facts: woocommerce-rest-api-docs `source/includes/wp-api-v3/introduction.md` (errors); woocommerce issue 51410 (row
errors inside a 200); `Version2/class-wc-rest-products-v2-controller.php` (an answer's `manage_stock` is what the shop
really does: false where its own setting switches all stock off, and for grouped and external products).  Hosts and
firewalls before the shop answer 429, 403 or 503 in their own words.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from publishers.push import (
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Response,
    Retry,
    Row,
    Split,
    Throttled,
    Verdict,
    all_rows,
    only_pauses,
    retry_after_ms,
    split,
)
from schemas.channel_records import Listing

THROTTLE_MS = 5_000
"""The wait where a throttling answer names none."""
OWN = "woocommerce_rest_"
"""How the codes of WooCommerce's own answers begin; a 403 without it comes from a firewall before the shop."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading an answer of an unknown shape raises."""


def refusal(response: Response) -> Verdict | None:
    """Return what an answer other than a 200 means for the whole call, None for a 200."""
    if response.status == 200:
        return None
    judge = STATUSES.get(response.status)
    if judge is not None:
        return judge(response)
    if 300 <= response.status < 400:
        return Credentials(f"HTTP {response.status}: the shop redirects, its base URL is another")
    if 400 <= response.status < 500:
        return Split(_reason(response))
    return ChannelDown(f"HTTP {response.status}", unsure=True)


def to_all(verdict: Verdict, rows: Sequence[Row]) -> Answer:
    """Return an answer that says the same of every row; what a single row cannot be parted from is its own fault."""
    return split(verdict.reason, rows) if isinstance(verdict, Split) else all_rows(verdict, rows)


def unreadable(error: Exception) -> ChannelDown:
    """Return what a page of a plugin or a proxy in place of the answer means: the call may have been carried out."""
    return ChannelDown(f"unreadable answer: {error!r:.200}", unsure=True)


def listed(response: Response) -> list[dict[str, Any]] | Verdict:
    """Return the objects of a list, or what stands in their way."""
    refused = refusal(response)
    if refused is not None:
        return refused
    try:
        return [{**row, "id": int(row["id"])} for row in orjson.loads(response.body)]
    except UNREADABLE as error:
        return unreadable(error)


def one(response: Response) -> dict[str, Any] | Verdict:
    """Return the object that was asked for by its own address, or what stands in its way."""
    refused = refusal(response)
    if refused is not None:
        return refused
    try:
        row = orjson.loads(response.body)
        return {**row, "id": int(row["id"])}
    except UNREADABLE as error:
        return unreadable(error)


def classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer to a batch; rows are matched by position, because a failed row's id may be 0."""
    refused = refusal(response)
    if refused is not None:
        return to_all(refused, rows)
    try:
        updated = orjson.loads(response.body)["update"]
        return Answer(verdicts=tuple(_row(row, updated, i) for i, row in enumerate(rows)))
    except UNREADABLE as error:
        return all_rows(unreadable(error), rows)


def _row(row: Row, updated: list[dict[str, object]], index: int) -> Verdict:
    if index >= len(updated):
        return Retry("the answer has no such row", unsure=True)
    error = updated[index].get("error")
    if error is None:
        return _done(row, updated[index])
    if not isinstance(error, dict):
        return Retry(f"an error in words that we do not know: {error!r:.200}", unsure=True)
    reason = f"{error.get('code', '')}: {error.get('message', '')!s:.300}"
    data = error.get("data")
    status = data.get("status", 400) if isinstance(data, dict) else 400
    passing = type(status) is int and (status == 429 or status >= 500)
    return Retry(reason, unsure=True) if passing else Rejected(reason)


def _done(row: Row, shown: Mapping[str, object]) -> Verdict:
    """Judge what the shop shows of a product that it says to have changed."""
    name = post(row.listing)
    if str(shown.get("id", name)) != name:
        return Retry("the answer's row is another product's", unsure=True)
    if shown.get("manage_stock", True) is not True:
        return Rejected("the shop keeps no stock for this product: its number says nothing")
    number = shown.get("stock_quantity", row.quantity)
    if number != row.quantity and not only_pauses(row):
        return Retry(f"told {row.quantity}, the shop shows {number!r:.40}", unsure=True)
    return Delivered()


def variation(listing: Listing) -> str | None:
    """Return the variation's id; WooCommerce's own order lines write 0 for none."""
    name = listing.ids.get("variation", "0")
    return None if name == "0" else name


def post(listing: Listing) -> str:
    """Return the number of the variation, or of the product: both are posts of one shop."""
    return variation(listing) or listing.ids["product"]


def _no_answer(response: Response) -> Verdict:
    return ChannelDown(response.err, unsure=not response.unsent)


def _throttled(response: Response) -> Verdict:
    return Throttled(retry_after_ms(response, THROTTLE_MS))


def _unauthorised(response: Response) -> Verdict:
    return Credentials(_reason(response))


def _forbidden(response: Response) -> Verdict:
    own = _code(response).startswith(OWN)
    return Credentials(_reason(response)) if own else ChannelDown("HTTP 403 from a firewall")


def _not_found(response: Response) -> Verdict:
    # An unknown parent product is the rows' fault; an unknown route is the account's.
    own = _code(response).startswith(OWN)
    return Rejected(_reason(response)) if own else Credentials(_reason(response))


def _document(response: Response) -> dict[str, object]:
    try:
        document = orjson.loads(response.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _code(response: Response) -> str:
    return str(_document(response).get("code", ""))


def _reason(response: Response) -> str:
    document = _document(response)
    return f"HTTP {response.status} {document.get('code', '')}: {document.get('message', '')!s:.300}"


STATUSES: Mapping[int, Callable[[Response], Verdict]] = {
    0: _no_answer,
    401: _unauthorised,
    403: _forbidden,
    404: _not_found,
    429: _throttled,
}
