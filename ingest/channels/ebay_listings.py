"""
eBay's listings: the inventory items, page by page, and the offers of each.

Facts: Inventory API 1.18, `getInventoryItems` (`offset` counts pages; scope `sell.inventory.readonly`) and `getOffers`
(by SKU only; 404 with error 25713 where there is none).  Listings that were made by other means than the Inventory API
do not stand there; they are imported from a file.

There are no pages by key.  Where the number of items changes while they are read, they are read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from ingest import fields
from ingest.channels.ebay_calls import get
from ingest.channels.ebay_order import listing_id
from ingest.discover.kind import Found, Listed
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Later, Request, refusal
from ingest.webhook import NotUnderstood
from schemas.settings import Channel, Window

LIMIT = (Window(calls=2, per_ms=1_000, burst=5),)
"""UNCONFIRMED: the Inventory API's own limit is by day and application, and is asked for with `getRateLimits`."""
SECRETS = ()
"""The access token alone."""
ROOT = "/sell/inventory/v1"
WHOLE = False
"""Listings made by other means than the Inventory API do not stand there."""
PER_PAGE = 200
"""The API's own maximum."""
ROUNDS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An inventory item whose offers are asked for next; one of a group is a variation."""

    sku: str
    grouped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: `waiting` are the items whose offers are still to be read, `page` is the next page of items.

    `last` says that there is none.  `total` is how many items the first page counted, -1 before it; `round` is how
    often the reading has begun.
    """

    page: int = 0
    waiting: tuple[Item, ...] = ()
    last: bool = False
    total: int = -1
    round: int = 1


def start() -> State:
    """Begin at the first page."""
    return State()


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page, or for one item's offers; the last of the secrets is the access token."""
    if state.waiting:
        path = f"offer?{urlencode({'sku': state.waiting[0].sku})}"
    else:
        path = f"inventory_item?{urlencode({'limit': PER_PAGE, 'offset': state.page})}"
    return get(channel, secrets[-1], f"{ROOT}/{path}")


def read(state: State, answer: Answer) -> Listed[State] | Later | Denied:
    """Return what the answer means."""
    if state.waiting and answer.status == 404:
        return Listed(found=(), next=_following(replace(state, waiting=state.waiting[1:])))
    refused = refusal(answer)
    if refused is not None:
        return refused
    told, name = fields.object_if_any(answer.body), "offers" if state.waiting else "inventoryItems"
    rows = None if told is None else told.get(name, [])
    if told is None or not isinstance(rows, list):
        return Later(why=f"the answer holds no {name}")
    return _offers(state, rows) if state.waiting else _items(state, rows, told)


def _items(state: State, rows: Sequence[Any], told: Object) -> Listed[State]:
    total = told.get("total")
    counted = total if type(total) is int else -1
    if state.total not in (-1, counted) and state.round < ROUNDS_MAX:
        return Listed(found=(), next=State(round=state.round + 1))
    items, unread = list[Item](), list[str]()
    for number, row in enumerate(rows, state.page * PER_PAGE + 1):
        try:
            items.append(_item(row))
        except NotUnderstood as error:
            unread.append(f"inventory item {number}: {error}")
    if state.total not in (-1, counted):
        unread.append("the items changed while they were read: some may be missing")
    after = replace(state, page=state.page + 1, waiting=tuple(items), last=not told.get("next"), total=counted)
    return Listed(found=(), next=_following(after), unread=tuple(unread))


def _item(row: Any) -> Item:
    if not isinstance(row, dict):
        raise fields.wrong("item", "an object", row)
    return Item(sku=fields.ident(row, "sku"), grouped=bool(row.get("inventoryItemGroupKeys") or row.get("groupIds")))


def _offers(state: State, rows: Sequence[Any]) -> Listed[State]:
    item, found, unread = state.waiting[0], list[Found](), list[str]()
    for row in rows:
        try:
            found += _found(item, row)
        except NotUnderstood as error:
            unread.append(f"an offer of one item: {error}")
    after = _following(replace(state, waiting=state.waiting[1:]))
    return Listed(found=tuple(found), next=after, unread=tuple(unread))


def _found(item: Item, row: Any) -> list[Found]:
    """Return the listing of an offer, none where the offer is not published."""
    if not isinstance(row, dict):
        raise fields.wrong("offer", "an object", row)
    listing = row.get("listing")
    if not isinstance(listing, dict) or not fields.optional_ident(listing, "listingId"):
        return []
    number = fields.ident(listing, "listingId")
    ids = {"listing": number, "offer": fields.ident(row, "offerId"), "inventory_item": item.sku}
    ids |= {"variation": item.sku} if item.grouped else {}
    sold = {"legacyItemId": number, "sku": item.sku, "legacyVariationId": item.sku if item.grouped else None}
    return [Found(listing_id=listing_id(sold), sku=item.sku, ids=ids)]


def _following(state: State) -> State | None:
    return None if state.last and not state.waiting else state
