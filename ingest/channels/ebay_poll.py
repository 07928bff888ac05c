"""
eBay's orders, read by the time of their last change.

Facts: Fulfillment API `getOrders` 1.20 (filter `lastmodifieddate:[from..to]`, both ends inclusive, milliseconds, not in
the future; at most 200 a page; `total`; `orderIds`, at most 50, for which all other parameters are ignored), `Order`,
`LineItem`, `CancelStateEnum`.

Pages by offset skip orders while orders change, and eBay does not say in which order it sorts.  So a page counts only
where it is the whole of its window, which no sorting and no change can falsify.  A window that holds more than a page
is narrowed at a time that its own orders show, down to a single millisecond (a bulk edit).  Only that one is read by
offset: it lies in the past, orders can only leave it, and when one does (`total` shrinks) it is read again from its
beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from ingest import fields
from ingest.channels.ebay_calls import get
from ingest.channels.ebay_order import lines, read_order
from ingest.poll.kind import Answer, Denied, Instead, Later, Order, Page, Request, iso, refusal
from ingest.poll.rows import orders_of
from ingest.webhook import Refused, unreadable
from schemas.settings import Channel, Window
from schemas.topics import DAY_MS

__all__ = ["AT_ONCE", "LIMIT", "SECRETS", "lines", "read", "read_order", "request", "some", "start"]

AT_ONCE = 50
LIMIT = (Window(calls=1, per_ms=1_000, burst=5), Window(calls=2_500, per_ms=DAY_MS, burst=2_500))
"""
UNCONFIRMED: eBay's limits are by day and application, and are asked for with `getRateLimits`; 5,000 is its least, and a
bucket that was full lets twice its calls through in its first day.
"""
SECRETS = ()
"""The access token alone."""
PER_PAGE = 200
"""The API's own maximum."""
IDS_MAX = 50
PATH = "/sell/fulfillment/v1/order"
NO_SUCH_ORDER = frozenset({400, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: orders changed from `since` to `until` (both inclusive, milliseconds; None is open).

    `skip` and `total` belong to a window of one millisecond that is read by offset.  `ids` are the only orders to read
    now, `later` those after them.
    """

    since: int = 0
    until: int | None = None
    skip: int = 0
    total: int = 0
    ids: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What a page holds: `count` rows, of which `orders` could be read, out of `total` that fit the question."""

    count: int
    total: int
    orders: tuple[Order, ...]
    refused: tuple[Refused, ...]


def start(since: int) -> State:
    """Begin at this very millisecond."""
    return State(since=max(0, since))


def some(numbers: Sequence[str]) -> State:
    """Read these orders only."""
    return State(ids=tuple(numbers[:IDS_MAX]), later=tuple(numbers[IDS_MAX:]))


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page; the last of the secrets is the access token."""
    if state.ids:
        query = {"orderIds": ",".join(state.ids)}
    else:
        span = f"[{_zulu(state.since)}..{'' if state.until is None else _zulu(state.until)}]"
        query = {"filter": f"lastmodifieddate:{span}", "limit": str(PER_PAGE), "offset": str(state.skip)}
    return get(channel, secrets[-1], f"{PATH}?{urlencode(query)}")


def _zulu(ms: int) -> str:
    return f"{iso(ms)}.{ms % 1_000:03d}Z"


def read(state: State, answer: Answer) -> Page[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    if state.ids and answer.status in NO_SUCH_ORDER:
        return _apart(state)
    refused = refusal(answer)
    if refused is not None:
        return refused
    rows = _rows(answer.body)
    if rows is None:
        return Later(why="the answer is not a page of orders")
    if state.ids:
        return Page(orders=rows.orders, through=None, next=_rest(state), refused=rows.refused)
    if state.skip or (state.until == state.since and rows.total > PER_PAGE):
        return _by_offset(state, rows)
    return _whole(state, rows) if rows.total <= PER_PAGE else _narrower(state, rows)


def _apart(state: State) -> Page[State] | Instead[State]:
    """Halve a list that names an order which eBay does not have; one alone is given up."""
    if len(state.ids) == 1:
        return Page(orders=(), through=None, next=_rest(state))
    half = len(state.ids) // 2
    return Instead(next=replace(state, ids=state.ids[:half], later=(*state.ids[half:], *state.later)))


def _rest(state: State) -> State | None:
    return some(state.later) if state.later else None


def _whole(state: State, rows: _Rows) -> Page[State]:
    """Take a window that is complete on its one page, and go on with what changed after it."""
    times = [order.modified for order in rows.orders]
    through = state.until if state.until is not None else max(times, default=None)
    following = None if state.until is None else State(since=state.until + 1)
    return Page(orders=rows.orders, through=through, next=following, refused=(*rows.refused, *_lacking(rows)))


def _lacking(rows: _Rows) -> tuple[Refused, ...]:
    """Say where eBay counts more orders than it shows: it has been seen to leave out what it cannot show itself."""
    if rows.count >= rows.total:
        return ()
    return (unreadable(f"{rows.count} orders shown, {rows.total} counted", order=""),)


def _narrower(state: State, rows: _Rows) -> Page[State] | Later:
    """Keep what was read, and ask for a window that should fit a page."""
    times = sorted(order.modified for order in rows.orders if order.modified >= state.since)
    if not times:
        return Later(why="no order of a whole page can be read")
    if state.until is None:
        # Sorted by change, the page ends at its last order, and a window that ends just before it fits.
        until = max(times[-1] - 1, state.since)
    else:
        # It is sorted otherwise: the middle of the window, or of what is seen of it, whichever comes first.
        until = max(min(times[len(times) // 2], (state.since + state.until) // 2), state.since)
    return Page(orders=rows.orders, through=None, next=replace(state, until=until), refused=rows.refused)


def _by_offset(state: State, rows: _Rows) -> Page[State]:
    """Read one millisecond page by page."""
    last, seen = state.until, state.skip + PER_PAGE
    if state.skip and rows.total != state.total:
        return Page(orders=rows.orders, through=None, next=replace(state, skip=0, total=0), refused=rows.refused)
    if seen < rows.total:
        again = replace(state, skip=seen, total=rows.total)
        return Page(orders=rows.orders, through=None, next=again, refused=rows.refused)
    following = None if last is None else State(since=last + 1)
    return Page(orders=rows.orders, through=last, next=following, refused=rows.refused)


def _rows(body: bytes) -> _Rows | None:
    value = fields.object_if_any(body) or {}
    found = value.get("orders")
    if not isinstance(found, list):
        return None
    orders, refused = orders_of(found, _order, "orderId")
    total = value.get("total")
    counted = total if type(total) is int and total >= 0 else len(found)
    return _Rows(count=len(found), total=counted, orders=orders, refused=refused)


def _order(row: Any) -> Order:
    if not isinstance(row, Mapping):
        raise fields.wrong("orders[]", "an object", row)
    modified = fields.instant(row.get("lastModifiedDate"), "lastModifiedDate")
    return Order(number=fields.ident(row, "orderId"), modified=modified, body=row)
