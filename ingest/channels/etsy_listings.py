"""
Etsy's listings: every product of those that are on sale, sold out or switched off.

Facts: Open API v3 `getListingsByShop` (`state`, `includes=Inventory`, `offset`, sorted by creation) and
`ListingInventory`; an order's line names the product, and SKUs belong to products.  A listing without variations has
one product.  Its number changes with each update (open-api #523), so a product is named by its variation
(`schemas.variations`), and by its number only where that cannot be read or two of a listing have the same.

There is no key to read on from, so pages overlap by one listing: the next one is only taken if it begins with the
listing that was read last.  Where it does not, one before it has left this state, and the state is read again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest import fields
from ingest.channels.etsy_calls import LIMIT, SECRETS, get, pause_ms
from ingest.discover.kind import Found, Listed
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Instead, Later, Request, refusal
from ingest.webhook import NotUnderstood, TooLarge
from schemas.settings import Channel
from schemas.variations import variation

__all__ = ["LIMIT", "SECRETS", "WHOLE", "read", "request", "start"]

STATES = ("active", "sold_out", "inactive")
"""States out of which a listing comes back to be sold; drafts were never sold, expired ones are listed anew."""
WHOLE = True
PER_PAGE = 100
"""The API's own maximum."""
ANEW_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a reading stands: `offset` listings of a state are read, the last one is `last`; `anew` counts restarts."""

    state: int = 0
    offset: int = 0
    last: str = ""
    anew: int = 0


def start() -> State:
    """Begin with what is on sale."""
    return State()


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page; the channel's `alias` is the shop's id."""
    query = {
        "state": STATES[state.state],
        "sort_on": "created",
        "sort_order": "asc",
        "includes": "Inventory",
        "limit": str(PER_PAGE),
        "offset": str(max(0, state.offset - 1)),
    }
    return get(channel, secrets, f"shops/{channel.alias}/listings", query)


def read(state: State, answer: Answer) -> Listed[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    refused = refusal(answer)
    if refused is not None:
        return refused
    rows = _rows(answer.body)
    if rows is None:
        return Later(why="the answer holds no listings")
    if state.offset and (not rows or fields.ident_if_any(rows[0], "listing_id") != state.last):
        if state.anew >= ANEW_MAX:
            return Later(why="the channel's listings do not stand still")
        return Instead(next=State(state=state.state, anew=state.anew + 1))
    found, unread = list[Found](), list[str]()
    for row in rows:
        try:
            found += _products(row)
        except (NotUnderstood, TooLarge) as error:
            unread.append(f"listing {fields.ident_if_any(row, 'listing_id')}: {error}")
    following = _next(state, rows)
    return Listed(found=tuple(found), unread=tuple(unread), next=following, pause_ms=pause_ms(answer.headers))


def _rows(body: bytes) -> list[Object] | None:
    rows: Any = (fields.object_if_any(body) or {}).get("results")
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _next(state: State, rows: Sequence[Object]) -> State | None:
    if len(rows) >= PER_PAGE:
        last = fields.ident_if_any(rows[-1], "listing_id")
        return replace(state, offset=max(0, state.offset - 1) + len(rows), last=last)
    return State(state=state.state + 1) if state.state + 1 < len(STATES) else None


def _products(row: Object) -> list[Found]:
    listing = fields.ident(row, "listing_id")
    inventory = row.get("inventory")
    if not isinstance(inventory, dict):
        raise fields.wrong("inventory", "an object", inventory)
    tracked = row.get("listing_type") != "download"
    products = [one for one in fields.objects(inventory, "products") if one.get("is_deleted") is not True]
    names = [variation(one.get("property_values")) for one in products]
    count = Counter(names)
    return [
        _product(listing, one, name if count[name] == 1 else None, tracked=tracked)
        for one, name in zip(products, names, strict=True)
    ]


def _product(listing: str, one: Object, name: str | None, *, tracked: bool) -> Found:
    product, sku = fields.ident(one, "product_id"), fields.text(one, "sku")
    if name is None:
        return Found(listing_id=product, sku=sku, ids={"listing": listing, "product": product}, tracked=tracked)
    ids = {"listing": listing, "variation": name}
    return Found(listing_id=f"{listing}/{name}", sku=sku, ids=ids, tracked=tracked, number=product)
