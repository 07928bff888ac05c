"""
Amazon's orders, read by the time of their last change.

Facts: amzn/selling-partner-api-models `orders_2026-01-01.json` (`searchOrders`, `getOrder`; a bound is inclusive, and
at least two minutes in the past; a page's token lives 24 hours and wants the same parameters).  No order of the results
is promised, so only the last page of a window proves anything.  A window without an end is ended by Amazon itself, two
minutes ago, and the answer says where (`lastUpdatedBefore`); orders changed after that are left to the next reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from ingest import fields
from ingest.channels.amazon_calls import envelope, get
from ingest.channels.amazon_orders import lines, read_order, revision
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Expired, Instead, Later, Order, Page, Request, zulu
from ingest.poll.rows import orders_of
from ingest.webhook import NotUnderstood, Refused
from schemas.settings import Channel, Window

__all__ = ["AT_ONCE", "LIMIT", "SECRETS", "lines", "read", "read_order", "request", "some", "start"]

AT_ONCE = 1
SEARCH_PER_S, ORDER_PER_S = 0.0056, 0.5
LIMIT = (Window(calls=56, per_ms=10_000_000, burst=20),)
"""`searchOrders`: 0.0056 a second, 20 at once.  `getOrder` has more (0.5 a second); both are taken from this budget."""
SECRETS: tuple[str, ...] = ()
"""An access token is all it takes."""
API_VERSION = "2026-01-01"
PER_PAGE = 100
"""The API's own maximum."""
SECOND = 1_000
FRESH_MS = 120_000
"""An order that changed so shortly ago is not yet shown as it is."""
OVERLAP_MS = FRESH_MS + 60_000
"""How far before the watermark a reading begins: the two minutes are Amazon's promise, not a proof."""
WINDOW_MIN_MS = 60_000
INCLUDED = "FULFILLMENT,CANCELLATION"
"""No names, no addresses: those data sets are not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: orders changed from `after` to `before` (milliseconds, both inclusive), the page `token`.

    Without `before` the window ends at `horizon`, which Amazon names with the first page.  `wanted` are the only orders
    to read, one by one.
    """

    after: int = 0
    before: int | None = None
    token: str = ""
    horizon: int | None = None
    wanted: tuple[str, ...] = ()


def start(since: int) -> State:
    """Begin a little before `since`."""
    return State(after=max(0, since - OVERLAP_MS) // SECOND * SECOND)


def some(numbers: Sequence[str]) -> State:
    """Read these orders only."""
    return State(wanted=tuple(numbers))


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page, or for one order."""
    path = f"/orders/{channel.api_version or API_VERSION}/orders"
    if state.wanted:
        return get(channel, secrets, f"{path}/{quote(state.wanted[0], safe='')}", {"includedData": INCLUDED})
    query = {"lastUpdatedAfter": zulu(state.after), "fulfilledBy": "MERCHANT", "includedData": INCLUDED}
    query |= {"maxResultsPerPage": str(PER_PAGE)}
    if channel.marketplaces:
        query["marketplaceIds"] = ",".join(channel.marketplaces)
    if state.before is not None:
        query["lastUpdatedBefore"] = zulu(state.before)
    if state.token:
        query["paginationToken"] = state.token
    return get(channel, secrets, path, query)


def read(state: State, answer: Answer) -> Page[State] | Later | Instead[State] | Denied | Expired:
    """Return what the answer means."""
    if state.wanted:
        return _one(state, answer)
    if state.token and answer.status == 400:
        return Instead(next=_narrower(state))
    value = envelope(answer, SEARCH_PER_S)
    return value if isinstance(value, Later | Denied | Expired) else _page(state, value, answer)


def _page(state: State, value: Object, answer: Answer) -> Page[State] | Later:
    rows, token = value.get("orders"), _next_token(value)
    if not isinstance(rows, list):
        return Later(why="the answer holds no orders")
    if token and token == state.token:
        return Later(why="the answer's pages do not follow one another")
    horizon = state.horizon if state.horizon is not None else _horizon(state, value, answer)
    orders, refused = _orders(rows, horizon)
    if token:
        return Page(orders=orders, through=None, refused=refused, next=replace(state, token=token, horizon=horizon))
    following = None if state.before is None else State(after=state.before)
    return Page(orders=orders, through=horizon, refused=refused, next=following)


def _narrower(state: State) -> State:
    """Return how to read on when a page's token is no good any more: the first half, whose end proves something."""
    end = state.before or state.horizon
    if end is None or end - state.after < WINDOW_MIN_MS:
        return replace(state, token="", horizon=None)
    return State(after=state.after, before=(state.after + end) // 2 // SECOND * SECOND)


def _next_token(value: Object) -> str:
    pagination = value.get("pagination")
    token = pagination.get("nextToken") if isinstance(pagination, dict) else None
    return token if isinstance(token, str) else ""


def _horizon(state: State, value: Object, answer: Answer) -> int | None:
    """Return up to when a window is complete: its end as we asked or as Amazon names it, else two minutes ago."""
    try:
        named = fields.instant(value.get("lastUpdatedBefore"), "lastUpdatedBefore")
    except NotUnderstood:
        named = None
    known = [end for end in (state.before, named) if end is not None]
    return min(known, default=_fresh_from(answer))


def _fresh_from(answer: Answer) -> int | None:
    """Return from when on changes are too new to be trusted, by the channel's own clock."""
    try:
        return int(parsedate_to_datetime(answer.headers.get("date", "")).timestamp() * 1_000) - FRESH_MS
    except (ValueError, OverflowError):
        return None


def _one(state: State, answer: Answer) -> Page[State] | Later | Denied | Expired:
    """Take one order; one that Amazon does not know, or that has only just changed, is left to the search."""
    rest = some(state.wanted[1:]) if state.wanted[1:] else None
    if answer.status in (400, 404):
        return Page(orders=(), through=None, next=rest)
    value = envelope(answer, ORDER_PER_S)
    if isinstance(value, Later | Denied | Expired):
        return value
    orders, refused = _orders([value.get("order")], _fresh_from(answer))
    return Page(orders=orders, through=None, next=rest, refused=refused)


def _orders(rows: Sequence[Any], until: int | None) -> tuple[tuple[Order, ...], tuple[Refused, ...]]:
    def read_row(row: Any) -> Order | None:
        body: Object = row if isinstance(row, dict) else {}
        changed = fields.instant(body.get("lastUpdatedTime"), "lastUpdatedTime")
        if until is not None and changed > until:
            return None
        return Order(number=fields.ident(body, "orderId"), modified=revision(changed), body=body)

    return orders_of(rows, read_row, "orderId")
