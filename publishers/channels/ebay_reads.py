"""
What eBay shows: the inventory items' ship-to-home quantity, of some and of all.

Facts: Inventory API 1.18: `bulkGetInventoryItem` (up to 25 SKUs, each once, an entry each) and `getInventoryItems`
(`limit` up to 200, `offset` counts pages, `total` the items).  An offer's own number is shown by a call for each SKU
alone (`getOffers`), too many for a read-back: a listing shows the smaller of the two, so what is read here is the most
that it can sell.

There are no pages by key.  Where the number of items changes while they are read, they are read again.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from urllib.parse import urlencode

import orjson

from publishers.channels.ebay_answers import Object, document, entries, objects, refusal, row_error, to_all
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
    Retry,
    Row,
    Shows,
    Throttled,
    Verdict,
)
from schemas.channel_records import Listing

ROOT = "/sell/inventory/v1"
PER_PAGE = 200
"""The API's own maximum."""
PAGES_MAX = 5_000
ROUNDS_MAX = 3
TRIES = 5
"""How often a page that was throttled or not answered is asked for in all."""
AGAIN_MS = 2_000
NUMBER_MAX = 1_000_000_000
"""A number beyond this, either way, is none."""

Asked = Generator[Request, Response, tuple[Object | Verdict, int]]


def key(listing: Listing) -> str:
    """
    Return the SKU that the listing has at eBay, where it names the inventory item.

    Listings imported before `inventory_item` was known have a variation's SKU, or else the same SKU as here.
    """
    ids = listing.ids
    return ids.get("inventory_item") or ids.get("variation") or listing.sku


def quantity(item: object) -> int | None:
    """Return an inventory item's ship-to-home quantity, None where it has none."""
    for name in ("availability", "shipToLocationAvailability", "quantity"):
        item = item.get(name) if isinstance(item, dict) else None
    return item if type(item) is int and abs(item) <= NUMBER_MAX else None


def read(rows: Sequence[Row], _account: Account) -> Conversation:
    """Ask what these rows' inventory items show."""
    skus = {key(row.listing): None for row in rows}
    body = orjson.dumps({"requests": [{"sku": sku} for sku in skus]})
    response = yield Request(path=f"{ROOT}/bulk_get_inventory_item", body=body, bucket=READ)
    found = entries(response, "responses")
    if not isinstance(found, list):
        return to_all(found, rows)
    by_sku = {entry["sku"]: entry for entry in found if isinstance(entry.get("sku"), str)}
    return Answer(verdicts=tuple(_shows(by_sku.get(key(row.listing)), response.at) for row in rows))


def _shows(entry: Object | None, at: int) -> Verdict:
    if entry is None:
        return Retry("the answer has no such row")
    wrong = row_error(entry)
    if wrong is not None:
        return wrong
    number = quantity(entry.get("inventoryItem"))
    return Rejected("eBay keeps no quantity for this item yet") if number is None else Shows(number, at)


def sweep(_account: Account, _listings: Sequence[Listing]) -> Sweep:
    """Ask for every inventory item."""
    for _ in range(ROUNDS_MAX):
        whole = yield from _whole()
        if whole is not None:
            return whole
    return Swept(seen=(), err="the items changed in number each time they were read")


def _whole() -> Generator[Request, Response, Swept | None]:
    """Read all pages; None where the number of items has changed on the way."""
    seen, total = dict[str, Seen](), -1
    for page in range(PAGES_MAX):
        told, at = yield from _page(page)
        if not isinstance(told, dict):
            return _refused(told)
        counted = told["total"]
        if page and counted != total:
            return None
        total = counted
        rows = objects(told.get("inventoryItems"))
        seen |= {str(row["sku"]): _seen(row, at) for row in rows if row.get("sku")}
        if not rows or (page + 1) * PER_PAGE >= total:
            return Swept(seen=tuple(seen.values())) if len(seen) >= total else None
    return Swept(seen=(), err="more pages than are believed")


def _seen(row: Object, at: int) -> Seen:
    sku = str(row["sku"])
    return Seen(key=sku, quantity=quantity(row), at=at, sku=sku[:255])


def _page(number: int) -> Asked:
    """Ask for a page, again where it was throttled or not answered; and when it was begun."""
    path = f"{ROOT}/inventory_item?{urlencode({'limit': PER_PAGE, 'offset': number})}"
    request = Request(method="GET", path=path, body=b"", bucket=READ)
    verdict: Verdict = Delivered()
    for _ in range(TRIES):
        response = yield request
        told = document(response)
        refused = refusal(response)
        if refused is None and type(told.get("total")) is int:
            return told, response.at
        verdict = refused or ChannelDown("unreadable answer: it does not count its items")
        if isinstance(verdict, Throttled):
            request = replace(request, after_ms=verdict.after_ms, throttled=True)
        elif isinstance(verdict, ChannelDown):
            request = replace(request, after_ms=AGAIN_MS, throttled=False)
        else:
            break
    return verdict, 0


def _refused(verdict: Verdict) -> Swept:
    reason = str(getattr(verdict, "reason", "throttled again and again"))
    return Swept(seen=(), err=reason, credentials=isinstance(verdict, Credentials))
