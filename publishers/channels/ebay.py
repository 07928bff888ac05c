"""
eBay: the Inventory API's `bulkUpdatePriceQuantity`; absolute numbers, no comparison.

Facts: Inventory API 1.18 (`sell_inventory_v1_oas3.json`): up to 25 inventory items a call; both levels are set, the
item's `shipToLocationAvailability` and each offer's `availableQuantity`, for a listing shows the smaller one ("bulk
updates" in eBay's selling guide).  A listing takes 250 revisions in a calendar day ("listing management").

How many calls a day the API allows an application is not published (UNCONFIRMED); `push_limit` and `read_limit` say it
where it is known.  At 0 a listing stays, out of search and sold by nobody, if the account has the out-of-stock option
(the program OUT_OF_STOCK_CONTROL); without it eBay ends the listing or refuses the 0.  So 0 is the pause, there is
nothing to undo, and the option is asked for in the channel's notes.
"""

from collections.abc import Mapping, Sequence

import orjson

from publishers.channels import ebay_reads
from publishers.channels.ebay_answers import Object, entries, row_error, to_all
from publishers.kind import Bulk, Conversation, limited, one_call
from publishers.limiter import Window
from publishers.push import (
    READ,
    TELL,
    TOKEN,
    Account,
    Answer,
    Delivered,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Verdict,
)
from schemas.channel_records import Listing

DAY_MS = 86_400_000
LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (
        Window(amount=2, per_ms=1_000, burst=5),
        Window(amount=250, per_ms=DAY_MS, burst=250, rolling=True, per_listing=True),
    ),
    READ: (Window(amount=1, per_ms=1_000, burst=2),),
}
LADDER = (30_000, 120_000, 600_000, 3_600_000)
LANES = 4
SERIAL = False
BATCH = 25
HOT_BATCH = 25
"""No comparison, so one row cannot fail the others: recently sold rows need no smaller calls."""
READ_BATCH = 25
COST = 1
COMPARES = False
PAUSES = False
MOST: int | None = None
BELOW_ZERO = False
APPLIES_MS = 0
BULK: Bulk | None = None
SECRETS = (TOKEN,)
key, read, sweep = ebay_reads.key, ebay_reads.read, ebay_reads.sweep
SKU_MAX = 50
"""A longer SKU is none of eBay's, and one of them spoils the whole call."""


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the seller's access token as eBay takes it."""
    return {"Authorization": f"Bearer {secrets[TOKEN]}", "Accept": "application/json"}


def group(_listing: Listing) -> str:
    """Return the one group: any inventory items may share a call."""
    return ""


def tell(rows: Sequence[Row], _account: Account, _request_id: str) -> Conversation:
    """Set these rows' numbers, at both levels where the offer is known."""
    return one_call(_update(rows), rows, classify)


def _update(rows: Sequence[Row]) -> Request:
    """Return the call; what eBay would refuse it for stands in it only where there is nothing else."""
    taken = [row for row in rows if len(key(row.listing)) <= SKU_MAX] or rows
    items: dict[str, list[Row]] = {}
    for row in taken:
        items.setdefault(key(row.listing), []).append(row)
    body = orjson.dumps({"requests": [_item(sku, told) for sku, told in items.items()]})
    listings = tuple(limited(row.listing) for row in taken)
    return Request(path=f"{ebay_reads.ROOT}/bulk_update_price_quantity", body=body, listings=listings)


def _item(sku: str, rows: Sequence[Row]) -> dict[str, object]:
    """
    Return one inventory item; each of its offers shows no more than its own number.

    The item's number is that of the listings that are sold: an offer that is retired beside them takes its 0 alone.
    """
    offers = [
        {"offerId": row.listing.ids["offer"], "availableQuantity": row.quantity}
        for row in rows
        if row.listing.ids.get("offer")
    ]
    numbers = [row.quantity for row in rows if not (row.shared and row.listing.ids.get("offer"))]
    total = {"shipToLocationAvailability": {"quantity": max(numbers)}} if numbers else {}
    return {"sku": sku, **total, **({"offers": offers} if offers else {})}


def classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer: an entry for each offer, for an item without offers one with its SKU alone."""
    found = entries(response, "responses")
    if not isinstance(found, list):
        return to_all(found, rows)
    return Answer(verdicts=tuple(_verdict(row, found) for row in rows))


def _verdict(row: Row, found: Sequence[Object]) -> Verdict:
    """Return what is said of the row's offer, and of its item where that has an entry of its own."""
    offer, sku = row.listing.ids.get("offer"), key(row.listing)
    if len(sku) > SKU_MAX:
        return Rejected(f"a SKU at eBay has at most {SKU_MAX} characters")
    own = [one for one in found if (offer and one.get("offerId") == offer)]
    whole = [one for one in found if one.get("sku") == sku and not one.get("offerId")]
    if not own and not whole:
        return Retry("the answer has no such row", unsure=True)
    wrong = (row_error(one) for one in (*own, *whole))
    # An item's entry does not say that its offer has the number too, and a listing shows the smaller one.
    done = Retry("the answer has no row for the offer", unsure=True) if offer and not own else Delivered()
    return next((verdict for verdict in wrong if verdict is not None), done)
