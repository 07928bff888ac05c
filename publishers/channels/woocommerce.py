"""
WooCommerce: `products/batch`, and `variations/batch` per parent; absolute numbers, no comparison.

Facts: woocommerce-rest-api-docs `source/includes/wp-api-v3/products.md` and `product-variations.md` (100 objects a
call); woocommerce issue 51410 (row errors inside a 200, matched by position).  `wc/v3` has no limit of its own: 5 calls
a second is our politeness; hosts and firewalls answer 429, 403 or 503.
"""

import base64
from collections.abc import Callable, Mapping, Sequence

import orjson

from publishers.limiter import Window
from publishers.push import (
    Account,
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    ReadBack,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Throttled,
    Verdict,
    all_rows,
    retry_after_ms,
    split,
)
from schemas.channel_records import Listing

LIMITS = (Window(amount=5, per_ms=1_000, burst=5),)
LADDER = (30_000, 120_000, 600_000, 3_600_000)
BATCH = 100
HOT_BATCH = 100
"""No comparison, so one row cannot fail the others: recently sold rows need no smaller calls."""
COST = 1
SECRETS = ("CONSUMER_KEY", "CONSUMER_SECRET")
READ_BACK: ReadBack | None = None
THROTTLE_MS = 5_000
"""The wait where a throttling answer names none."""
ROOT = "/wp-json/wc/v3/products"
OWN = "woocommerce_rest_"
"""How the codes of WooCommerce's own answers begin; a 403 without it comes from a firewall before the shop."""


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return HTTP Basic with the consumer key and secret; WooCommerce takes it over HTTPS only."""
    pair = f"{secrets['CONSUMER_KEY']}:{secrets['CONSUMER_SECRET']}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def group(listing: Listing) -> str:
    """Return the parent product of a variation, and nothing for a product: a call takes one parent's variations."""
    return listing.ids["product"] if _variation(listing) else ""


def _variation(listing: Listing) -> str | None:
    """Return the variation's id; WooCommerce's own order lines write 0 for none."""
    variation = listing.ids.get("variation", "0")
    return None if variation == "0" else variation


def request(rows: Sequence[Row], _account: Account, _request_id: str) -> Request:
    """Return the batch that sets these rows; without `manage_stock` the number would be ignored."""
    parent = group(rows[0].listing)
    path = f"{ROOT}/{parent}/variations/batch" if parent else f"{ROOT}/batch"
    return Request(path=path, body=orjson.dumps({"update": [_object(row) for row in rows]}))


def _object(row: Row) -> dict[str, object]:
    name = _variation(row.listing) or row.listing.ids["product"]
    return {"id": int(name), "manage_stock": True, "stock_quantity": row.quantity}


def classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer; rows are matched by position, because a failed row's id may be 0."""
    judge = STATUSES.get(response.status)
    if judge is not None:
        return judge(rows, response)
    if 300 <= response.status < 400:
        return all_rows(Credentials(f"HTTP {response.status}: the shop redirects, its base URL is another"), rows)
    if 400 <= response.status < 500:
        return split(_reason(response), rows)
    return all_rows(ChannelDown(f"HTTP {response.status}", unsure=True), rows)


def _no_answer(rows: Sequence[Row], response: Response) -> Answer:
    return all_rows(ChannelDown(response.err, unsure=not response.unsent), rows)


def _throttled(rows: Sequence[Row], response: Response) -> Answer:
    return all_rows(Throttled(retry_after_ms(response, THROTTLE_MS)), rows)


def _unauthorised(rows: Sequence[Row], response: Response) -> Answer:
    return all_rows(Credentials(_reason(response)), rows)


def _forbidden(rows: Sequence[Row], response: Response) -> Answer:
    own = _code(response).startswith(OWN)
    return all_rows(Credentials(_reason(response)) if own else ChannelDown("HTTP 403 from a firewall"), rows)


def _not_found(rows: Sequence[Row], response: Response) -> Answer:
    # An unknown parent product is the rows' fault; an unknown route is the account's.
    own = _code(response).startswith(OWN)
    return all_rows(Rejected(_reason(response)) if own else Credentials(_reason(response)), rows)


def _accepted(rows: Sequence[Row], response: Response) -> Answer:
    try:
        updated = orjson.loads(response.body)["update"]
        return Answer(verdicts=tuple(_row(updated, i) for i in range(len(rows))))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # A page of a plugin or a proxy in place of the answer: the batch may have been carried out.
        return all_rows(ChannelDown(f"unreadable answer: {error!r:.200}", unsure=True), rows)


def _row(updated: list[dict[str, object]], index: int) -> Verdict:
    if index >= len(updated):
        return Retry("the answer has no such row", unsure=True)
    error = updated[index].get("error")
    if not isinstance(error, dict):
        return Delivered()
    reason = f"{error.get('code', '')}: {error.get('message', '')!s:.300}"
    data = error.get("data")
    status = data.get("status", 400) if isinstance(data, dict) else 400
    return Retry(reason, unsure=True) if status == 429 or status >= 500 else Rejected(reason)


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


STATUSES: Mapping[int, Callable[[Sequence[Row], Response], Answer]] = {
    0: _no_answer,
    200: _accepted,
    401: _unauthorised,
    403: _forbidden,
    404: _not_found,
    429: _throttled,
}
