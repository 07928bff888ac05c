"""
WooCommerce: `products/batch`, and `variations/batch` per parent; absolute numbers, no comparison.

Facts: woocommerce-rest-api-docs `source/includes/wp-api-v3/products.md` and `product-variations.md` (100 objects a
call).  `wc/v3` has no limit of its own: 5 calls a second is our politeness.
"""

import base64
from collections.abc import Mapping, Sequence

import orjson

from publishers.channels import woocommerce_answers, woocommerce_pause, woocommerce_reads
from publishers.channels.woocommerce_answers import variation
from publishers.channels.woocommerce_pause import settled, unknown
from publishers.channels.woocommerce_reads import ROOT
from publishers.kind import Bulk, Conversation, Sweep
from publishers.limiter import Window
from publishers.push import READ, TELL, Account, Answer, Delivered, Request, Row, only_pauses
from schemas.channel_records import Listing

LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (Window(amount=3, per_ms=1_000, burst=4, pool="calls"),),
    READ: (Window(amount=1, per_ms=1_000, burst=1, pool="calls"),),
}
"""5 calls a second in all: the order poll takes the fifth."""
LADDER = (30_000, 120_000, 600_000, 3_600_000)
LANES = 2
SERIAL = False
BATCH = 100
HOT_BATCH = 100
"""No comparison, so one row cannot fail the others: recently sold rows need no smaller calls."""
READ_BATCH = 100
COST = 1
COMPARES = False
PAUSES = True
MOST: int | None = None
BELOW_ZERO = True
APPLIES_MS = 0
BULK: Bulk | None = None
SECRETS = ("CONSUMER_KEY", "CONSUMER_SECRET")


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return HTTP Basic with the consumer key and secret; WooCommerce takes it over HTTPS only."""
    pair = f"{secrets['CONSUMER_KEY']}:{secrets['CONSUMER_SECRET']}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def group(listing: Listing) -> str:
    """Return the parent product of a variation, and nothing for a product: a call takes one parent's variations."""
    return listing.ids["product"] if variation(listing) else ""


def key(listing: Listing) -> str:
    """Return the number of the variation, or of the product: both are posts of one shop."""
    return woocommerce_answers.post(listing)


def tell(rows: Sequence[Row], _account: Account, _request_id: str) -> Conversation:
    """Set these rows' numbers; paused rows are asked first whether they sell on at 0, and no longer do."""
    was, shown = dict[str, str](), dict[str, str]()
    if any(row.paused for row in rows):
        found = yield from woocommerce_pause.policies(rows)
        if not isinstance(found, dict):
            return woocommerce_answers.to_all(found, rows)
        was = found
    changes = [_change(row, was) for row in rows]
    told = [row for row, change in zip(rows, changes, strict=True) if change]
    answer = Answer(verdicts=())
    if told:
        request = _batch(group(rows[0].listing), [change for change in changes if change])
        response = yield request
        answer = woocommerce_answers.classify(told, response)
        shown = woocommerce_pause.shown(response)
    verdicts = iter(answer.verdicts)
    return Answer(
        verdicts=tuple(
            settled(row, next(verdicts) if change else Delivered(), was.get(key(row.listing)), shown)
            for row, change in zip(rows, changes, strict=True)
        )
    )


def _batch(parent: str, changes: Sequence[Mapping[str, object]]) -> Request:
    path = f"{ROOT}/products/{parent}/variations/batch" if parent else f"{ROOT}/products/batch"
    return Request(path=path, body=orjson.dumps({"update": changes}))


def _change(row: Row, was: Mapping[str, str]) -> dict[str, object]:
    """Return what is to be changed of a row's product, nothing where nothing is."""
    # Without `manage_stock` the number would be ignored.
    number = (
        {} if only_pauses(row) and not unknown(row, was) else {"manage_stock": True, "stock_quantity": row.quantity}
    )
    change = {**number, **woocommerce_pause.policy(row, was.get(key(row.listing)))}
    return {"id": int(key(row.listing)), **change} if change else {}


def read(rows: Sequence[Row], account: Account) -> Conversation:
    """Ask what these rows of one group show."""
    return woocommerce_reads.read(rows, account)


def sweep(account: Account, listings: Sequence[Listing]) -> Sweep:
    """Ask for every product and every variation."""
    return woocommerce_reads.sweep(account, listings)
