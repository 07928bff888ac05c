"""The rule's results as records: outcomes of lines and the level of a SKU."""

from collections.abc import Mapping
from typing import NamedTuple

from processor.rule import Step
from processor.rule_draft import Draft, Served
from processor.velocity import raised
from schemas.compiled import maker
from schemas.records import Cause, OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import AdjustmentKind, CauseKind, Result

# Three records a decision: what they are made with is a good part of what a decision costs.
_outcome = maker(OrderOutcome)
_level = maker(StockLevel)
_cause = maker(Cause)


class Stamp(NamedTuple):
    """What every record of one decision shares: the input's position as `{topic id: offset}`, and the time (ms)."""

    source: Mapping[str, int]
    now: int


def own(
    record: OrderConfirmed | StockAdjusted,
    order_id: str,
    step: Step,
    quantity: int | None,
    version: int | None,
    stamp: Stamp,
) -> OrderOutcome:
    """
    Return the outcome of the record's own line, with the level's `quantity` right after it.

    An adjustment belongs to no channel, is revision 0 and was seen and ordered when it was received; pausing and
    resuming are about no units.
    """
    if isinstance(record, OrderConfirmed):
        channel, revision, seen_at, qty, ordered_at = (
            record.channel,
            record.revision,
            record.seen_at,
            record.qty,
            record.ordered_at,
        )
    else:
        channel, revision, seen_at, ordered_at = None, 0, record.received_at, record.received_at
        qty = record.qty if record.kind in (AdjustmentKind.SET, AdjustmentKind.ADD) else 0
    return _outcome(
        sku=record.sku,
        order_id=order_id,
        channel=channel,
        revision=revision,
        seen_at=seen_at,
        qty=qty,
        held=step.held,
        shortfall=step.shortfall,
        delta=step.delta,
        result=step.result,
        new_qty=quantity,
        version=version,
        ordered_at=ordered_at,
        timestamp=stamp.now,
        source=stamp.source,
    )


def settled(served: Served, stamp: Stamp) -> OrderOutcome:
    """Return the outcome of a waiting line that got its units: beside them its own facts stay."""
    line = served.line
    return _other(
        line, Step(Result.SETTLED, line.held + served.units, 0, served.units), served.quantity, served.version, stamp
    )


def closed(line: OrderOutcome, quantity: int | None, stamp: Stamp) -> OrderOutcome:
    """Return the outcome of a waiting line that a count has ended: it keeps what it held and waits no more."""
    return _other(line, Step(Result.CLOSED_BY_SET, line.held, 0, 0), quantity, None, stamp)


def _other(line: OrderOutcome, step: Step, quantity: int | None, version: int | None, stamp: Stamp) -> OrderOutcome:
    return _outcome(
        sku=line.sku,
        order_id=line.order_id,
        channel=line.channel,
        revision=line.revision,
        seen_at=line.seen_at,
        qty=line.qty,
        held=step.held,
        shortfall=step.shortfall,
        delta=step.delta,
        result=step.result,
        new_qty=quantity,
        version=version,
        ordered_at=line.ordered_at,
        timestamp=stamp.now,
        source=stamp.source,
    )


def move(draft: Draft, record: OrderConfirmed | StockAdjusted, step: Step, stamp: Stamp) -> None:
    """
    Note that `record` has moved the level that `draft` stands for.

    The velocity is the last one, decayed from the last cause's `receivedAt` to this one's, raised by what an order line
    took or, where that was too much, asked for in vain; so it follows from the record alone, on every replay alike.
    """
    demand = max(step.delta, 0) + step.shortfall if isinstance(record, OrderConfirmed) else 0
    received_at, before = record.received_at, draft.received_at
    draft.velocity = raised(draft.velocity, 0 if before is None else received_at - before, demand)
    draft.received_at = received_at
    draft.source = {**draft.source, **stamp.source}
    draft.moved = record, step, stamp.now


def level(draft: Draft) -> StockLevel:
    """Return the level that `draft` has become, because of the record that moved it last."""
    record, step, now = draft.moved
    return _level(
        sku=record.sku,
        quantity=draft.quantity,
        version=draft.version,
        paused=draft.paused,
        policy=draft.policy,
        waiting=draft.queue.lines,
        waiting_more=draft.queue.more,
        velocity=draft.velocity,
        cause=(_order_cause if isinstance(record, OrderConfirmed) else _adjustment_cause)(record, step),
        source=draft.source,
        updated_at=now,
    )


def _order_cause(record: OrderConfirmed, step: Step) -> Cause:
    return _cause(
        kind=CauseKind.ORDER,
        delta=step.delta,
        received_at=record.received_at,
        channel=record.channel,
        order_id=record.order_id,
        listing_sku=record.listing_sku,
        ordered_at=record.ordered_at,
    )


def _adjustment_cause(record: StockAdjusted, step: Step) -> Cause:
    return _cause(
        kind=CauseKind.ADJUSTMENT,
        delta=step.delta,
        received_at=record.received_at,
        adjustment_id=record.adjustment_id,
        actor=record.actor,
        reason=record.reason,
    )
