"""
Etsy's receipts, read by the time of their last change.

Facts: Open API v3 `getShopReceipts` and `getShopReceipt`; times are whole seconds; since the release of 2023-05-31 a
list without `was_canceled` holds canceled receipts too.  Whether the bounds are inclusive is not said, so windows
overlap by a second at both ends.

Pages go by key: the next one begins at the last receipt's second, unless that is within the last minute: a receipt that
changes while the list is made may stand in its old place with its new time, and what lies between would be skipped.  A
page that is not in order, or of the last minute alone, is read again in narrower windows, whose results do not depend
on the order.  A window of a single second has no narrower one: it is read
by receipt id and offset.  That second is past, so receipts only leave it (to a later second, where they are read); each
page begins with the last receipt of the page before, and where it does not, one has left and the second is read anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest import fields
from ingest.channels.etsy_calls import LIMIT, SECRETS, get, pause_ms
from ingest.channels.etsy_receipt import SECOND, lines, modified, read_order
from ingest.poll.kind import Answer, Denied, Instead, Later, Order, Page, Request, refusal
from ingest.poll.rows import orders_of
from ingest.poll.watermark import channel_now
from schemas.settings import Channel

__all__ = ["AT_ONCE", "LIMIT", "SECRETS", "lines", "read", "read_order", "request", "some", "start"]

AT_ONCE = 1
PER_PAGE = 100
"""The API's own maximum."""
FIRST = 946_684_800_000
"""The API refuses times before the year 2000."""
NOBODY = "0"
"""The id of no receipt: stands for what cannot be one, so that nothing odd gets into an address."""
GONE = frozenset({400, 404})
"""Answers to a receipt's own address that say that the shop has none of this id."""
SETTLED_MS = 60_000
"""A receipt that changed so long before the answer's `Date` had this time already when the list was sorted."""
NO_DATE = 2**53
"""The time of an answer that shows none: all its receipts are taken as settled."""
ANEW_MS = 1_000
"""After a second that was found changed, doubled each time: a list that never stands still costs no budget."""
ANEW_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where a reading stands: receipts changed at `after` or later and before `before` (whole seconds in ms).

    In a window of one second `offset` rows are read, `last` is the last one's id, and `anew` is how often it was begun
    again.  `only` are the receipts to read, by their own addresses.
    """

    after: int
    before: int | None = None
    offset: int = 0
    last: str = ""
    anew: int = 0
    only: tuple[str, ...] = ()

    @property
    def single(self) -> bool:
        """Say whether the window is one second."""
        return self.before is not None and self.before <= self.after + SECOND


def start(since: int) -> State:
    """Begin at the second of `since`, inclusive."""
    return State(after=max(FIRST, since // SECOND * SECOND))


def some(numbers: Sequence[str]) -> State:
    """Read these receipts only, one after the other: the API has no list of ids."""
    ids = (number if number.isascii() and number.isdigit() else NOBODY for number in numbers)
    return State(after=FIRST, only=tuple(ids) or (NOBODY,))


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call for one page, or for one receipt; the channel's `alias` is the shop's id."""
    shop = f"shops/{channel.alias}/receipts"
    if state.only:
        return get(channel, secrets, f"{shop}/{state.only[0]}", {})
    query = {
        "min_last_modified": str(max(FIRST, state.after - SECOND) // SECOND),
        "sort_on": "receipt_id" if state.single else "updated",
        "sort_order": "asc",
        "limit": str(PER_PAGE),
        "offset": str(max(0, state.offset - 1)),
    }
    if state.before is not None:
        query["max_last_modified"] = str(state.before // SECOND)
    return get(channel, secrets, shop, query)


def read(state: State, answer: Answer) -> Page[State] | Later | Instead[State] | Denied:
    """Return what the answer means."""
    if state.only and answer.status in GONE:
        return Page(orders=(), through=None, next=_rest(state), pause_ms=pause_ms(answer.headers))
    refused = refusal(answer)
    if refused is not None:
        return refused
    rows = _rows(state, answer.body)
    if rows is None:
        return Later(why="the answer holds no receipts")
    orders, bad = orders_of(rows, _order, "receipt_id", "receipt")
    if len(rows) >= PER_PAGE and not orders:
        return Later(why="no receipt of a whole page can be read")
    through, following = _step(state, rows, orders, channel_now(NO_DATE, answer.headers) - SETTLED_MS)
    anew = ANEW_MS << min(following.anew, ANEW_MAX) if following and following.anew > state.anew else 0
    pause = max(anew, pause_ms(answer.headers))
    return Page(orders=orders, through=through, next=following, refused=bad, pause_ms=pause)


def _rows(state: State, body: bytes) -> Sequence[Any] | None:
    told = fields.object_if_any(body)
    if told is None:
        return None
    rows = [told] if state.only else told.get("results")
    return rows if isinstance(rows, list) else None


def _order(row: Any) -> Order:
    if not isinstance(row, dict):
        raise fields.wrong("results[]", "an object", row)
    return Order(number=fields.ident(row, "receipt_id"), modified=modified(row), body=row)


def _number(row: Any) -> str:
    return fields.ident_if_any(row, "receipt_id")


def _rest(state: State) -> State | None:
    return replace(state, only=state.only[1:]) if len(state.only) > 1 else None


def _step(state: State, rows: Sequence[Any], orders: Sequence[Order], settled: int) -> tuple[int | None, State | None]:
    """Return up to where everything is read, and how to read on; times after `settled` are no place to go on from."""
    if state.only:
        return None, _rest(state)
    if state.single:
        return _within(state, rows)
    times = [order.modified for order in orders]
    if len(rows) < PER_PAGE:
        return (max(times, default=None), None) if state.before is None else (state.before, State(after=state.before))
    reached = max((time for time in times if time <= settled), default=0)
    if times == sorted(times) and reached > state.after:
        return reached, replace(state, after=reached)
    middle = (state.after + (state.before or max(times) + SECOND)) // 2 // SECOND * SECOND
    return None, replace(state, before=max(middle, state.after + SECOND))


def _within(state: State, rows: Sequence[Any]) -> tuple[int | None, State | None]:
    """Go on within a window of one second, or begin it again where the row that was read last has moved."""
    if state.offset and (not rows or _number(rows[0]) != state.last):
        return None, replace(state, offset=0, last="", anew=state.anew + 1)
    if len(rows) < PER_PAGE:
        return state.before, State(after=state.before or FIRST)
    return None, replace(state, offset=max(0, state.offset - 1) + len(rows), last=_number(rows[-1]))
