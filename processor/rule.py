"""
The rule itself: what one order line or one adjustment does to the level of its SKU.

`order` and `adjust` change the draft of the level and say what happened to the record's own line; `processor.stock`
puts these steps together and freezes them into records.
"""

from collections.abc import Callable
from typing import NamedTuple

from processor.rule_draft import QUANTITY_MAX, Draft
from schemas.records import OrderConfirmed, OrderOutcome, StockAdjusted
from schemas.words import AdjustmentKind, Pause, Result

SHORTFALL_MAX = 1_000_000_000
"""The largest shortfall, in units, that a waiting line can name."""


class Step(NamedTuple):
    """What a decision did to the record's own line, in units."""

    result: Result
    held: int = 0
    shortfall: int = 0
    delta: int = 0


REFUSED = Step(Result.REFUSED)
TOO_OLD = Step(Result.TOO_OLD)


def order(draft: Draft, record: OrderConfirmed, line: OrderOutcome | None, oldest: int) -> Step:
    """
    Apply a line's new state; `line` is its last outcome, which the caller has found to be older than the record.

    A line that was never decided is `too_old` when it was ordered before `oldest` (ms).  The same `qty` again decides
    nothing.  A SKU that was never stocked keeps its lines waiting under every policy: nobody has said yet that it
    exists.
    """
    if line is None or line.result is Result.TOO_OLD:
        if record.ordered_at < oldest:
            return TOO_OLD
        held, waited = 0, False
    elif line.qty == record.qty:
        return Step(Result.UNCHANGED, line.held, line.shortfall)
    else:
        held, waited = line.held, line.shortfall > 0
    delta = record.qty - held
    if draft.fits(delta):
        if waited:
            draft.queue.leave(record.order_id)
        draft.take(delta)
        return Step(Result.ACCEPTED, record.qty, 0, delta)
    draft.queue.join(record.order_id, delta, waited=waited)
    draft.short = draft.quantity is not None
    return Step(Result.INSUFFICIENT if draft.short else Result.UNSTOCKED, held, delta)


def adjust(draft: Draft, record: StockAdjusted, order_id: str) -> Step:
    """Apply an adjustment that stands as line `order_id`; with `if_version` only to that very version of the level."""
    if record.if_version is not None and record.if_version != draft.version:
        return REFUSED
    return _KINDS[record.kind](draft, record.qty, order_id)


def _set(draft: Draft, qty: int, _order_id: str) -> Step:
    delta = (draft.quantity or 0) - qty
    if (qty < 0 and not draft.backorder) or abs(delta) > QUANTITY_MAX:
        return REFUSED
    if draft.quantity is None:
        draft.short = True
    else:
        draft.closed = draft.queue.clear()
    draft.become(qty)
    return Step(Result.APPLIED, delta, 0, delta)


def _add(draft: Draft, qty: int, order_id: str) -> Step:
    unstocked = draft.quantity is None
    before = draft.quantity or 0
    asked = -qty
    delta = asked if draft.fits(asked) else max(before, 0)
    rest = asked - delta
    if rest > SHORTFALL_MAX or abs(before - delta) > QUANTITY_MAX:
        return REFUSED
    draft.take(delta)
    if rest:
        draft.queue.join(order_id, rest, waited=False)
    draft.short = draft.quantity is not None and (unstocked or rest > 0)
    return Step(Result.UNSTOCKED if draft.quantity is None and rest else Result.APPLIED, delta, rest, delta)


def _pause(draft: Draft, _qty: int, _order_id: str) -> Step:
    draft.paused = Pause.OPERATOR
    return Step(Result.APPLIED)


def _resume(draft: Draft, _qty: int, _order_id: str) -> Step:
    draft.paused = None
    return Step(Result.APPLIED)


_KINDS: dict[AdjustmentKind, Callable[[Draft, int, str], Step]] = {
    AdjustmentKind.SET: _set,
    AdjustmentKind.ADD: _add,
    AdjustmentKind.PAUSE: _pause,
    AdjustmentKind.RESUME: _resume,
}
