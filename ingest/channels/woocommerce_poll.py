"""
WooCommerce's orders, read by the time of their last change.

Facts: REST v3 `GET orders` (woocommerce-rest-api-docs), `WC_REST_Orders_Controller`: date filters are exclusive and
compare whole seconds; `status=any` leaves out the bin; without retries of webhooks polling is the only repair.

Pages go by key: the next one begins at the last order's second (inclusive, so that second is read twice).  A page that
is not in order (older shops sort by local time, which repeats an hour in autumn) is read again in narrower windows,
whose results do not depend on the order.

A page that is one second only (a bulk edit) is read in the order of its numbers.  The API has no "number greater than"
and a list of thousands of `exclude` is longer than a URL may be, so each page begins with the last order of the one
before it: where that is so, nothing was skipped.  Orders can only leave a second that is over, so a page that begins
too far on is asked for again further back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from itertools import pairwise
from typing import Any

from ingest import fields
from ingest.channels.woocommerce import read_order
from ingest.channels.woocommerce_calls import LIMIT, PER_PAGE, SECRETS, get
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Instead, Later, Order, Page, Request, iso, refusal
from ingest.poll.rows import orders_of
from schemas.settings import Channel

__all__ = ["AT_ONCE", "LIMIT", "SECRETS", "lines", "read", "read_order", "request", "some", "start"]

AT_ONCE = 100
SECOND = 1_000
LEAP = 1_800_000
"""Half an hour: no zone puts its clock back by less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far one second has been read: all its orders up to the number `last`, the next page from `offset` on."""

    last: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: orders changed after `after` and before `before` (both exclusive, whole seconds in ms).

    `walk` reads a window of one second by number; `include` are the only orders to read.
    """

    after: int
    before: int | None = None
    walk: Walk | None = None
    include: tuple[str, ...] = ()


def start(since: int) -> State:
    """Begin at the second of `since`, inclusive."""
    return State(after=max(0, since // SECOND * SECOND - SECOND))


def some(numbers: Sequence[str]) -> State:
    """Read these orders only."""
    return State(after=0, include=tuple(numbers[:PER_PAGE]))


def lines(order: Object) -> list[str]:
    """Return the ids of all the order's lines."""
    return fields.idents(order, "line_items", "id")


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page."""
    query = {"status": "any", "per_page": str(PER_PAGE), "orderby": "modified", "order": "asc"}
    if state.include:
        query["include"] = ",".join(state.include)
    else:
        query |= {"modified_after": iso(state.after), "dates_are_gmt": "true"}
    if state.before is not None:
        query["modified_before"] = iso(state.before)
    if state.walk is not None:
        query |= {"orderby": "id", "offset": str(state.walk.offset)}
    return get(channel, secrets, "orders", query)


def read(state: State, answer: Answer) -> Page[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    refused = refusal(answer)
    if refused is not None:
        return refused
    rows = fields.list_if_any(answer.body)
    if rows is None:
        return Later(why="the answer is not a list of orders")
    orders, bad = orders_of(rows, _order, "id")
    if state.walk is not None:
        return _walked(state, state.walk, rows, Page(orders=orders, through=None, next=None, refused=bad))
    if state.include:
        return Page(orders=orders, through=None, next=None, refused=bad)
    full = len(rows) >= PER_PAGE
    if full and not orders:
        return Later(why="no order of a whole page can be read")
    through, following = _step(state, orders, full=full)
    return Page(orders=orders, through=through, next=following, refused=bad)


def _order(row: Any) -> Order:
    if not isinstance(row, Mapping):
        raise fields.wrong("orders[]", "an object", row)
    body: Object = row
    modified = fields.instant(body.get("date_modified_gmt"), "date_modified_gmt", UTC)
    return Order(number=fields.ident(body, "id"), modified=modified, body=body)


def _in_order(times: Sequence[int]) -> bool:
    """
    Say whether a page proves that nothing before its last order is left.

    A leap may be the last hour of summer time, sorted by a clock that shows it twice: what is left may lie within it.
    """
    return all(0 <= after - before < LEAP for before, after in pairwise(times))


def _step(state: State, orders: Sequence[Order], *, full: bool) -> tuple[int | None, State | None]:
    """Return up to where everything is read, and how to read on."""
    times = [order.modified for order in orders]
    if not full:
        if state.before is None:
            return (max(times) if times else None), None
        return state.before - SECOND, State(after=state.before - SECOND)
    if _in_order(times) and times[-1] > state.after + SECOND:
        return times[-1], replace(state, after=times[-1] // SECOND * SECOND - SECOND)
    # A page in order by a clock that tells the truth is all but its last second; else half the time is tried.
    last, middle = (time // SECOND * SECOND for time in (max(times), (state.after + max(times)) // 2))
    edge = last if times == sorted(times) and last < (state.before or last + 1) and times[0] < last else middle
    if edge > state.after + 2 * SECOND:
        return None, replace(state, before=edge)
    return None, State(after=state.after, before=state.after + 2 * SECOND, walk=Walk())


def _walked(state: State, walk: Walk, rows: Sequence[Any], page: Page[State]) -> Page[State] | Later:
    """Take a page of one second that is read by number; with one that is not full the second is done."""
    try:
        numbers = [int(fields.ident_if_any(row, "id")) for row in rows]
    except ValueError:
        return Later(why="an order of the page has no number")
    if numbers != sorted(numbers):
        return Later(why="a page by number is not in order")
    if walk.offset and (not numbers or numbers[0] > walk.last):
        back = max(0, walk.offset - PER_PAGE + 1)
        return replace(page, next=replace(state, walk=replace(walk, offset=back)))
    if len(rows) < PER_PAGE:
        end = state.after + SECOND
        return replace(page, through=end, next=State(after=end))
    following = Walk(last=max(walk.last, numbers[-1]), offset=walk.offset + PER_PAGE - 1)
    return replace(page, next=replace(state, walk=following))
