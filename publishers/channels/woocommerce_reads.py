"""
What a WooCommerce shop shows: of some listings, and of all of them.

Facts: REST v3 `GET products` (`include`, `orderby=id`, `offset`; all statuses but the bin), `GET variations` across
parents since 10.3, before that `GET products/{parent}/variations`.  `manage_stock` is "parent" where variations share
their parent's stock, and then no number is the variation's own.  With `backorders` "yes" or "notify" it sells on at 0.
Plugins for several languages leave products out of lists that `GET products/{id}` shows (WooCommerce's lists are
queries of posts, which a plugin may narrow): what a list does not show may be there.

There is no key to read on from, so pages overlap by one row: the next one is only taken if it begins with a row that
has been read.  Where it does not, something before it was removed, and the page before it is read again.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from publishers.channels.woocommerce_answers import listed, one, post, to_all, variation
from publishers.kind import Conversation, Seen, Sweep, Swept
from publishers.push import (
    READ,
    Account,
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Request,
    Response,
    Row,
    Shows,
    Split,
    Throttled,
    Verdict,
)
from schemas.channel_records import Listing

ROOT = "/wp-json/wc/v3"
PER_PAGE = 100
"""The API's own maximum."""
FIELDS = "id,parent_id,type,sku,manage_stock,stock_quantity,backorders"
NO_STOCK = frozenset({"grouped", "external"})
"""Types of product that are never sold themselves."""
PRODUCTS, VARIATIONS = "products", "variations"
TRIES = 5
"""How often a page that was throttled or not answered is asked for in all."""
AGAIN_MS = 2_000
MISSING = "HTTP 404"
NUMBER_MAX = 1_000_000_000
"""A number beyond this, either way, is none."""
PAGES_MAX = 5_000
"""More pages than any shop has; half a million rows."""

Rows = list[dict[str, Any]]
Reading = Generator[Request, Response, Swept | None]


def get(path: str, bucket: str, **query: str | int) -> Request:
    """Return the question for a list."""
    words = urlencode({"per_page": PER_PAGE, "_fields": FIELDS, **query})
    return Request(method="GET", path=f"{ROOT}/{path}?{words}", body=b"", bucket=bucket)


def some(rows: Sequence[Row], bucket: str) -> Request:
    """Return the question for these rows of one group."""
    parent = rows[0].listing.ids["product"] if variation(rows[0].listing) else ""
    ids = ",".join(post(row.listing) for row in rows)
    return get(f"products/{parent}/variations" if parent else PRODUCTS, bucket, include=ids)


def read(rows: Sequence[Row], _account: Account) -> Conversation:
    """Ask what these rows of one group show."""
    response = yield some(rows, READ)
    found = listed(response)
    if not isinstance(found, list):
        return to_all(found, rows)
    by_id, verdicts = {str(row["id"]): row for row in found}, list[Verdict]()
    for row in rows:
        shown = by_id.get(post(row.listing))
        verdicts.append((yield from _alone(row)) if shown is None else _shows(shown, response.at))
    return Answer(verdicts=tuple(verdicts))


def _alone(row: Row) -> Generator[Request, Response, Verdict]:
    """Ask for what no list shows by its own address."""
    parent = f"{row.listing.ids['product']}/variations/" if variation(row.listing) else ""
    path = f"{ROOT}/products/{parent}{post(row.listing)}?{urlencode({'_fields': FIELDS})}"
    response = yield Request(method="GET", path=path, body=b"", bucket=READ)
    found = one(response)
    if isinstance(found, Split):
        return Rejected(found.reason)
    return _shows(found, response.at) if isinstance(found, dict) else found


def _shows(row: dict[str, Any], at: int) -> Verdict:
    number = quantity(row)
    if number is None:
        return Rejected("the shop keeps no stock for this product; telling it a number switches that on")
    return Shows(number, at)


def quantity(row: dict[str, Any]) -> int | None:
    """Return the listing's own number, None where the shop keeps none for it; fractions of a unit are not sold."""
    number = row.get("stock_quantity")
    if row.get("manage_stock") is not True or not isinstance(number, int | float) or isinstance(number, bool):
        return None
    return int(number // 1) if -NUMBER_MAX <= number <= NUMBER_MAX else None


def sweep(_account: Account, _listings: Sequence[Listing]) -> Sweep:
    """Ask for every product and every variation."""
    reading = Whole()
    ended = yield from reading.every(PRODUCTS)
    if ended is None and reading.parents:
        ended = yield from reading.variations()
    return ended or Swept(seen=tuple(reading.seen))


class Whole:
    """What has been read so far."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.seen = list[Seen]()
        self.parents = list[str]()

    def variations(self) -> Reading:
        """Read the variations: all at once, or each product's own where the shop is older than 10.3."""
        ended = yield from self.every(VARIATIONS)
        if ended is None or ended.err != MISSING:
            return ended
        for parent in self.parents:
            ended = yield from self.every(f"products/{parent}/variations")
            if ended is not None and ended.err != MISSING:
                return ended
        return None

    def every(self, path: str) -> Reading:
        """Read a list to its end; returns why it could not be."""
        offset, last, idle = 0, 0, False
        for _ in range(PAGES_MAX):
            page, at = yield from _asked(get(path, READ, offset=offset, orderby="id", order="asc"))
            if not isinstance(page, list):
                return _refused(page)
            ids = [row["id"] for row in page]
            if ids != sorted(set(ids)):
                return Swept(seen=(), err="the answer is not a list in the order of its ids")
            if offset and (not ids or ids[0] > last):
                offset = max(0, offset - PER_PAGE)
                continue
            new = [row for row in page if row["id"] > last]
            if not new and idle:
                return Swept(seen=(), err="the shop shows the same page again and again")
            self._take(path, new, at)
            if len(page) < PER_PAGE:
                return None
            offset, last, idle = offset + len(page) - 1, max(last, *ids), not new
        return Swept(seen=(), err="the list does not end")

    def _take(self, path: str, rows: Rows, at: int) -> None:
        for row in rows:
            kind = str(row.get("type", ""))
            if path == PRODUCTS and kind.startswith("variable"):
                self.parents.append(str(row["id"]))
            elif kind not in NO_STOCK:
                self.seen.append(_seen(row, at))


def _seen(row: dict[str, Any], at: int) -> Seen:
    number = quantity(row)
    oversells = number is not None and row.get("backorders") in ("yes", "notify")
    return Seen(key=str(row["id"]), quantity=number, at=at, sku=str(row.get("sku") or "")[:255], oversells=oversells)


def _refused(verdict: Verdict) -> Swept:
    reason = str(getattr(verdict, "reason", "throttled again and again"))
    return Swept(seen=(), err=reason, credentials=isinstance(verdict, Credentials))


def _asked(request: Request) -> Generator[Request, Response, tuple[Rows | Verdict, int]]:
    """Ask for a page, again where it was throttled or not answered; and when it was begun."""
    verdict: Rows | Verdict = Delivered()
    for _ in range(TRIES):
        response = yield request
        verdict = Rejected(MISSING) if response.status == 404 else listed(response)
        if isinstance(verdict, Throttled):
            request = replace(request, after_ms=verdict.after_ms, throttled=True)
        elif isinstance(verdict, ChannelDown):
            request = replace(request, after_ms=AGAIN_MS, throttled=False)
        else:
            return verdict, response.at
    return verdict, 0
