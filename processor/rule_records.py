"""The rule's results as records: outcomes of lines and the level of a SKU."""

from collections.abc import Mapping
from typing import NamedTuple

from processor.rule import Step
from processor.rule_draft import Draft, Served
from processor.velocity import raised
from schemas.records import Cause, OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import AdjustmentKind, CauseKind, Policy, Result


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
    return OrderOutcome(
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
    return OrderOutcome(
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


def level(
    record: OrderConfirmed | StockAdjusted,
    before: StockLevel | None,
    draft: Draft,
    policy: Policy,
    step: Step,
    stamp: Stamp,
) -> StockLevel:
    """
    Return the level that `draft` has become, because of `record`.

    Its velocity is the last one, decayed from the last cause's `receivedAt` to this one's, raised by what an order line
    took or, where that was too much, asked for in vain; so it follows from the record alone, on every replay alike.
    """
    if isinstance(record, OrderConfirmed):
        cause, demand = _order_cause(record, step), max(step.delta, 0) + step.shortfall
    else:
        cause, demand = _adjustment_cause(record, step), 0
    elapsed = 0 if before is None else record.received_at - before.cause.received_at
    return StockLevel(
        sku=record.sku,
        quantity=draft.quantity,
        version=draft.version,
        paused=draft.paused,
        policy=policy,
        waiting=draft.queue.lines,
        waiting_more=draft.queue.more,
        velocity=raised(0 if before is None else before.velocity, elapsed, demand),
        cause=cause,
        source=stamp.source if before is None else {**before.source, **stamp.source},
        updated_at=stamp.now,
    )


def _order_cause(record: OrderConfirmed, step: Step) -> Cause:
    return Cause(
        kind=CauseKind.ORDER,
        delta=step.delta,
        received_at=record.received_at,
        channel=record.channel,
        order_id=record.order_id,
        listing_sku=record.listing_sku,
        ordered_at=record.ordered_at,
    )


def _adjustment_cause(record: StockAdjusted, step: Step) -> Cause:
    return Cause(
        kind=CauseKind.ADJUSTMENT,
        delta=step.delta,
        received_at=record.received_at,
        adjustment_id=record.adjustment_id,
        actor=record.actor,
        reason=record.reason,
    )
