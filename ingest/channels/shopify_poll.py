"""
Shopify's orders, read by the time of their last change.

Facts: GraphQL Admin API 2026-04 to 2026-10, `orders(sortKey: UPDATED_AT)`; a cursor names the last order by value and
id, so an order that changes meanwhile moves behind the cursor and is met again.  Throttling is an HTTP 200 whose
errors say `THROTTLED`; one query may cost 1,000 points.  Without the scope `read_all_orders` orders older than 60 days
are not shown.

An order with more lines or refunds than fit into a page is read by itself, piece by piece (`ingest.channels.
shopify_whole`); until that is done the watermark stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest import fields
from ingest.channels import shopify_calls as calls
from ingest.channels import shopify_whole as whole
from ingest.channels.shopify import read_order
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Instead, Later, Order, Page, Request, zulu
from ingest.webhook import NotUnderstood, Refused, unreadable
from schemas.settings import Channel, Window

__all__ = ["AT_ONCE", "LIMIT", "SECRETS", "lines", "read", "read_order", "request", "some", "start"]

AT_ONCE = 1
LIMIT = (Window(calls=1, per_ms=1_000, burst=2),)
"""A page of 50 orders costs about 300 points when full; the Standard plan restores 100 a second, pushes need some."""
SECRETS = ("ACCESS_TOKEN",)
PER_PAGE = 50
QUERY = f"""query Orders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ {whole.ORDER} {whole.LINES} {whole.REFUNDS} }} pageInfo {{ hasNextPage endCursor }} }} }}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: `query` as Shopify's search has it, from the cursor `after` on, `size` orders a page.

    `pending` are orders still to be read whole, the first one's pieces in `part`; `reached` is what the page proves
    once they are done.
    """

    query: str
    after: str | None = None
    size: int = PER_PAGE
    pending: tuple[str, ...] = ()
    part: whole.Part | None = None
    reached: int | None = None
    ended: bool = False


def start(since: int) -> State:
    """Begin at the second of `since`, inclusive."""
    return State(query=f"updated_at:>='{zulu(since)}'")


def some(numbers: Sequence[str]) -> State:
    """Read these orders only, each one whole."""
    return State(query="", pending=tuple(whole.named(number) for number in numbers), ended=True)


def lines(order: Object) -> list[str]:
    """Return the ids of all the order's lines."""
    return fields.idents(order, "line_items", "id")


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page, or for one piece of a long order."""
    variables: Mapping[str, str | int | None]
    if state.pending:
        text, variables = whole.query(state.pending[0], state.part)
    else:
        text, variables = QUERY, {"first": state.size, "after": state.after, "query": state.query}
    return calls.call(channel, secrets, text, variables)


def read(state: State, answer: Answer) -> Page[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    value = calls.envelope(answer, "read_orders")
    if value is None:
        return _smaller(state)
    if isinstance(value, Later | Denied):
        return value
    page = _piece(state, value["data"]) if state.pending else _page(state, value["data"])
    return replace(page, pause_ms=calls.pause(value)) if isinstance(page, Page) else page


def _smaller(state: State) -> Later | Instead[State]:
    if state.size == 1:
        return Later(why=f"the channel answers errors: {calls.TOO_COSTLY}")
    return Instead(next=replace(state, size=max(1, state.size // 2)))


def _page(state: State, data: Object) -> Page[State] | Later:
    connection = calls.page(data, "orders")
    if connection is None or (connection[1] is not None and connection[1] == state.after):
        return Later(why="the answer holds no page of orders, or the same one again")
    nodes, cursor = connection
    orders, pending, refused = _sorted_out(nodes)
    times = [time for time in (_modified(node) for node in nodes) if time is not None]
    following = replace(
        state,
        after=state.after if cursor is None else cursor,
        pending=pending,
        part=None,
        reached=max(times, default=None),
        ended=cursor is None,
    )
    done = not pending
    return Page(
        orders=tuple(orders),
        through=following.reached if done else None,
        next=None if done and cursor is None else following,
        refused=tuple(refused),
    )


def _sorted_out(nodes: Sequence[Any]) -> tuple[list[Order], tuple[str, ...], list[Refused]]:
    """Return the orders that are whole, the ids of those that are not, and what is no order."""
    orders, pending, refused = list[Order](), list[str](), list[Refused]()
    for node in nodes:
        try:
            if whole.overflows(node):
                pending.append(whole.order_id(node))
            else:
                orders.append(whole.order(node, whole.lines(node), whole.refunds(node)))
        except NotUnderstood as error:
            refused.append(unreadable(f"order: {error}", whole.number_of(node)))
    return orders, tuple(pending), refused


def _modified(node: Any) -> int | None:
    try:
        return fields.instant(node["updatedAt"], "updatedAt")
    except (NotUnderstood, KeyError, TypeError):
        return None


def _piece(state: State, data: Object) -> Page[State] | Later:
    """Take one piece of a long order; with the last one the order is whole."""
    try:
        part, order = whole.take(state.part, data, state.pending[0])
        refused: tuple[Refused, ...] = ()
    except NotUnderstood as error:
        part, order = None, None
        number = whole.number_of({"id": state.pending[0]})
        refused = (unreadable(f"order: {error}", number),)
    if part is not None:
        return Page(orders=(), through=None, next=replace(state, part=part), part=True)
    pending = state.pending[1:]
    following = replace(state, pending=pending, part=None)
    return Page(
        orders=(order,) if order else (),
        through=None if pending else state.reached,
        next=None if not pending and state.ended else following,
        refused=refused,
    )
