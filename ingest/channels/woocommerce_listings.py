"""
WooCommerce's listings: every simple product, then every variation, in the order of their ids.

Facts: REST v3 `GET products` (`orderby=id`, `offset`; all statuses but the bin), `GET variations` across parents since
10.3 with `parent_id`, before that `GET products/{parent}/variations`.  An order's line names the variation, or the
product where there is none.  `manage_stock` is "parent" where variations share their parent's stock.  A variation
without a SKU of its own shows its parent's.

There is no key to read on from, so pages overlap by one row: the next one is only taken if it begins with a row that
has been read.  Where it does not, something before it was removed, and the page before it is read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest import fields
from ingest.channels.woocommerce_calls import LIMIT, PER_PAGE, SECRETS, get
from ingest.discover.kind import Found, Listed
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Instead, Later, Request, refusal
from ingest.webhook import NotUnderstood
from schemas.settings import Channel

__all__ = ["LIMIT", "SECRETS", "WHOLE", "read", "request", "start"]

WHOLE = True
NO_STOCK = frozenset({"grouped", "external"})
"""Types of product that are never sold themselves."""
FIELDS = "id,parent_id,type,sku,manage_stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: from row `offset` on, everything up to the id `last` is read.

    `parents` are the products whose variations are still to be read: all at once while `each` is false, else the first
    one's.  `idle` says that the page before showed nothing new.
    """

    offset: int = 0
    last: int = 0
    parents: tuple[str, ...] = ()
    variations: bool = False
    each: bool = False
    idle: bool = False


def start() -> State:
    """Begin with the products."""
    return State()


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page."""
    query = {"per_page": str(PER_PAGE), "offset": str(state.offset), "orderby": "id", "order": "asc"}
    return get(channel, secrets, _path(state), {**query, "_fields": FIELDS})


def _path(state: State) -> str:
    if state.each:
        return f"products/{state.parents[0]}/variations"
    return "variations" if state.variations else "products"


def read(state: State, answer: Answer) -> Listed[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    if answer.status == 404 and state.variations:
        return _missing(state)
    refused = refusal(answer)
    if refused is not None:
        return refused
    rows = _rows(answer.body)
    if rows is None:
        return Later(why="the answer is not a list of products in the order of their ids")
    ids = [number for number, _ in rows]
    if state.offset and (not ids or ids[0] > state.last):
        return Instead(next=replace(state, offset=max(0, state.offset - PER_PAGE)))
    new = [(number, row) for number, row in rows if number > state.last]
    full = len(rows) >= PER_PAGE
    if full and not new and state.idle:
        return Later(why="the channel shows the same page again and again")
    found, unread, parents = _read(state, new)
    reached = replace(state, parents=state.parents + parents, last=max([state.last, *ids]), idle=not new)
    following = replace(reached, offset=state.offset + len(rows) - 1) if full else _after(reached)
    return Listed(found=found, unread=unread, next=following)


def _missing(state: State) -> Instead[State] | Listed[State]:
    """Go on where there is no list of all variations (before 10.3), or where a product has gone meanwhile."""
    if not state.each:
        return Instead(next=replace(state, each=True, offset=0, last=0))
    return Listed(found=(), next=_after(state))


def _after(state: State) -> State | None:
    """Return what is read after the last page of something."""
    if not state.variations:
        return State(parents=state.parents, variations=True) if state.parents else None
    left = state.parents[1:]
    return State(parents=left, variations=True, each=True) if state.each and left else None


def _rows(body: bytes) -> list[tuple[int, Object]] | None:
    """Return rows and their ids; None where they do not stand in the order of their ids."""
    value = fields.list_if_any(body)
    if value is None:
        return None
    rows: list[tuple[int, Object]] = [
        (row["id"], row) for row in value if isinstance(row, dict) and type(row.get("id")) is int and row["id"] > 0
    ]
    ids = [number for number, _ in rows]
    return rows if len(rows) == len(value) and ids == sorted(set(ids)) else None


def _read(
    state: State, rows: Sequence[tuple[int, Object]]
) -> tuple[tuple[Found, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the listings, what could not be read, and the products that have variations."""
    found, unread, parents = list[Found](), list[str](), list[str]()
    for number, row in rows:
        try:
            kind = fields.text(row, "type")
            if not state.variations and kind.startswith("variable"):
                parents.append(str(number))
            elif kind not in NO_STOCK:
                found.append(_found(state, str(number), row))
        except NotUnderstood as error:
            unread.append(f"product {number}: {error}")
    return tuple(found), tuple(unread), tuple(parents)


def _found(state: State, number: str, row: Object) -> Found:
    sku, tracked = fields.text(row, "sku"), _tracked(row.get("manage_stock"))
    if not state.variations:
        return Found(listing_id=number, sku=sku, ids={"product": number}, tracked=tracked)
    product = state.parents[0] if state.each else fields.ident(row, "parent_id")
    return Found(listing_id=number, sku=sku, ids={"product": product, "variation": number}, tracked=tracked)


def _tracked(value: Any) -> bool:
    """Say whether the listing has a stock of its own: "parent" means that it has not."""
    return value is True
