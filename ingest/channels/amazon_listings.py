"""
Amazon's listings: every SKU of the seller, oldest first.

Facts: amzn/selling-partner-api-models `listingsItems_2021-08-01.json`, `searchListingsItems`: 20 a page, and only the
first 1,000 results can be reached.  So a reading that comes to that end begins again where the last listing was
created; one that is met twice counts once.  An order's item names the seller's SKU, which is the listing's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from ingest import fields
from ingest.channels.amazon_calls import envelope, get
from ingest.discover.kind import Found, Listed
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Expired, Later, Request, zulu
from ingest.webhook import NotUnderstood
from schemas.settings import Channel, Window

PER_S = 5.0
LIMIT = (Window(calls=5, per_ms=1_000, burst=5),)
"""`searchListingsItems`: 5 a second."""
SECRETS: tuple[str, ...] = ()
"""An access token is all it takes."""
VERSION = "2021-08-01"
WHOLE = True
PER_PAGE = 20
"""The API's own maximum."""
INCLUDED = "summaries,fulfillmentAvailability"
OURS = "DEFAULT"
"""The fulfilment channel of a seller's own stock; the others are Amazon's (`AMAZON_NA`, ...)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a reading stands: listings created at `since` (ms) or later, the page `token`; `row` came before."""

    since: int = 0
    token: str = ""
    row: int = 0
    newest: int = 0


def start() -> State:
    """Begin with the oldest."""
    return State()


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page."""
    query = {
        "marketplaceIds": ",".join(channel.marketplaces),
        "includedData": INCLUDED,
        "pageSize": str(PER_PAGE),
        "sortBy": "createdDate",
        "sortOrder": "ASC",
    }
    if state.since:
        query["createdAfter"] = zulu(state.since)
    if state.token:
        query["pageToken"] = state.token
    return get(channel, secrets, f"/listings/{VERSION}/items/{quote(channel.alias, safe='')}", query)


def read(state: State, answer: Answer) -> Listed[State] | Later | Denied | Expired:
    """Return what the answer means."""
    value = envelope(answer, PER_S)
    if isinstance(value, Later | Denied | Expired):
        return value
    rows = value.get("items")
    if not isinstance(rows, list):
        return Later(why="the answer holds no listings")
    found, unread, newest = list[Found](), list[str](), state.newest
    for number, row in enumerate(rows, state.row + 1):
        try:
            listing, created = _listing(row)
        except NotUnderstood as error:
            unread.append(f"listing {number}: {error}")
            continue
        found.append(listing)
        newest = max(newest, created)
    moved = replace(state, row=state.row + len(rows), newest=newest)
    following, stuck = _step(moved, value, len(rows))
    return Listed(found=tuple(found), unread=(*unread, *stuck), next=following)


def _listing(row: Any) -> tuple[Found, int]:
    """Return a listing, and when it was created (ms), 0 where no summary says so."""
    if not isinstance(row, dict):
        raise fields.wrong("items[]", "an object", row)
    sku = fields.text(row, "sku")
    if not sku:
        raise NotUnderstood("sku: missing")
    summaries, available = fields.objects(row, "summaries"), fields.objects(row, "fulfillmentAvailability")
    created = [fields.instant(one.get("createdDate"), "createdDate") for one in summaries]
    asin = next((fields.text(one, "asin") for one in summaries if one.get("asin")), "")
    ours = [one for one in available if one.get("fulfillmentChannelCode") == OURS]
    ids = {"asin": asin} if asin else {}
    return Found(listing_id=sku, sku=sku, ids=ids, tracked=bool(ours)), min(created, default=0)


def _step(state: State, value: Object, read_now: int) -> tuple[State | None, tuple[str, ...]]:
    """Return how to read on, and a sentence where that is impossible."""
    pagination = value.get("pagination")
    token = pagination.get("nextToken") if isinstance(pagination, dict) else None
    if isinstance(token, str) and token and token != state.token and read_now:
        return replace(state, token=token), ()
    total = value.get("numberOfResults")
    if type(total) is not int or total <= state.row:
        return None, ()
    since = state.newest // 1_000 * 1_000
    if since <= state.since:
        return None, (f"of {total} listings Amazon shows {state.row}: too many were created at once",)
    return State(since=since, newest=state.newest), ()
