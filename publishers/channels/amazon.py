"""
Amazon's Selling Partner API: `patchListingsItem` for few numbers, a feed of listings for many; no comparison.

Facts: amzn/selling-partner-api-models `listingsItems_2021-08-01.json` (ACCEPTED means queued, so that a number is open
until it is read back; #2068 and #5327 tell of some that were never applied), developer-docs.amazon.com/sp-api (tokens,
usage plans).  A listing's id is the seller's own SKU at Amazon.  0 units are never sold, so a pause is no more than 0.
"""

from collections.abc import Mapping, Sequence

import orjson

from publishers.channels import amazon_feed, amazon_limits, amazon_reads
from publishers.channels.amazon_answers import submission, trouble
from publishers.channels.amazon_limits import DOCUMENT, hints
from publishers.kind import Bulk, Conversation, Sweep
from publishers.push import TELL, TOKEN, Account, Answer, Hint, Request, Row, Verdict
from schemas.channel_records import Listing

LIMITS = amazon_limits.LIMITS
LADDER = (1_000, 5_000, 30_000, 120_000, 600_000)
LANES = 3
"""At 5 calls a second that take 300 ms each, 1.5 are under way; a slow one must not hold up the others."""
SERIAL = False
BATCH = 1
HOT_BATCH = 1
READ_BATCH = amazon_reads.BATCH
COST = 1
COMPARES = False
PAUSES = False
MOST: int | None = None
BELOW_ZERO = False
APPLIES_MS = 60_000
"""Most patches show within a minute, some take several (selling-partner-api-docs#2167); a read-back is cheap."""
BULK: Bulk | None = Bulk(least=amazon_feed.LEAST, most=amazon_feed.MOST, bucket=DOCUMENT, tell=amazon_feed.tell)
SECRETS = (TOKEN,)


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the access token's header."""
    return {"x-amz-access-token": secrets[TOKEN], "Accept": "application/json"}


def group(_listing: Listing) -> str:
    """Return one group for all: each call has one row anyway."""
    return ""


def key(listing: Listing) -> str:
    """Return the seller's SKU at Amazon."""
    return listing.listing_id


def tell(rows: Sequence[Row], account: Account, _request_id: str) -> Conversation:
    """Tell each row by a call of its own."""
    verdicts, heard = list[Verdict](), list[Hint]()
    for row in rows:
        response = yield _patch(row, account)
        heard.extend(hints(response, TELL))
        verdicts.append(trouble(response, TELL) or submission(response))
    return Answer(verdicts=tuple(verdicts), hints=tuple(heard[-1:]))


def _patch(row: Row, account: Account) -> Request:
    wish = {"productType": amazon_feed.PRODUCT_TYPE, "patches": amazon_feed.patches(row.quantity)}
    path = amazon_reads.item_path(account, row.listing.listing_id)
    return Request(method="PATCH", path=path, body=orjson.dumps(wish), bucket=TELL)


def read(rows: Sequence[Row], account: Account) -> Conversation:
    """Ask what these rows show."""
    return amazon_reads.read(rows, account)


def sweep(account: Account, listings: Sequence[Listing]) -> Sweep:
    """Ask for all that Amazon shows."""
    return amazon_reads.sweep(account, listings)
