"""
The one rule that decides every order line and every adjustment; pure: no clock, no I/O.

`decide` takes one record and the two tables as they are, and returns what changes; `fold` does so for a batch.  A
line's record is its whole state, so the rule takes the difference to what the line holds already: a duplicate, a
redelivery or a cancel that overtakes its order cannot count twice.

What always holds afterwards, for every SKU: its quantity is minus the sum of `held` over all its lines, adjustments
included (an adjustment holds the units that it took, so one that brought units in holds a negative number); the
versions that its outcomes name are 1, 2, 3, ... without a gap; and under `reject` its level never falls below zero.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from processor import rule, rule_records
from processor.rule_draft import QUANTITY_MAX, Draft
from schemas.ids import adjustment_order_id, line_key
from schemas.records import OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import Policy, Result

Input = OrderConfirmed | StockAdjusted
Find = Callable[[str], OrderOutcome | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decides: policies by SKU, when each channel was connected (ms), the dedupe horizon (ms)."""

    default_policy: Policy
    policies: Mapping[str, Policy]
    since: Mapping[str, int]
    horizon_ms: int


class Position(NamedTuple):
    """Where an input record stands in the log."""

    topic_id: str
    offset: int


class Tables(Protocol):
    """What the rule reads: the newest level of a SKU and the newest outcome of a line, None where there is none."""

    def level(self, sku: str) -> StockLevel | None:
        """Return the SKU's level."""

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return the outcome under `line_key(order_id, sku)`."""


class IgnoredReason(StrEnum):
    """Why a record writes nothing: a closed list, used as a metric label; `out_of_range` is for the dead letters."""

    DUPLICATE = "duplicate"
    STALE = "stale"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """The record changes nothing and nothing is written."""

    reason: IgnoredReason


class Decided(NamedTuple):
    """
    What a record changes: the SKU's level (None where it stays as written) and the outcomes, all of them, in order.

    The first outcome is the record's own line, the others are lines that it served or closed; each belongs under
    `line_key(outcome.order_id, outcome.sku)`.  A level is written when its version or its waiting lines change, and
    only then: whoever reads `stock.level` sees versions that never fall, and the same version twice only where the
    second names other waiting lines; `source`, `velocity` and `cause` are those of the last record that was written.
    """

    level: StockLevel | None
    outcomes: tuple[OrderOutcome, ...]


Verdict = Decided | Ignored
DUPLICATE = Ignored(reason=IgnoredReason.DUPLICATE)
STALE = Ignored(reason=IgnoredReason.STALE)
OUT_OF_RANGE = Ignored(reason=IgnoredReason.OUT_OF_RANGE)
_INERT = frozenset({Result.UNCHANGED, Result.TOO_OLD, Result.REFUSED})
"""Results that touch nothing but the line's own record; whoever waits is not served by them either."""


@dataclass(slots=True)
class _Overlay:
    """The tables as they are after the records decided so far; what lies below is only read."""

    below: Tables
    drafts: dict[str, Draft] = field(default_factory=dict)
    lines: dict[bytes, OrderOutcome] = field(default_factory=dict)

    def draft(self, sku: str, settings: Settings) -> Draft:
        """Return the SKU's level, to be changed by one decision more."""
        draft = self.drafts.get(sku)
        if draft is None:
            policy = settings.policies.get(sku, settings.default_policy)
            draft = self.drafts[sku] = Draft(self.below.level(sku), policy)
        else:
            draft.begin()
        return draft

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return the line's newest outcome."""
        return self.lines.get(key) or self.below.line(key)


def decide(record: Input, at: Position, now: int, tables: Tables, settings: Settings) -> Verdict:
    """
    Return what `record`, read at position `at`, changes at time `now` (ms).

    `out_of_range` is the answer to a line whose units would carry the level beyond what a record can hold.
    """
    drafts: dict[str, Draft] = {}
    found = _decide(record, at, now, _Overlay(tables, drafts=drafts), settings)
    if isinstance(found, Ignored):
        return found
    draft = drafts[record.sku]
    return Decided(level=rule_records.level(draft) if draft.moved else None, outcomes=found)


def _decide(
    record: Input, at: Position, now: int, tables: _Overlay, settings: Settings
) -> tuple[OrderOutcome, ...] | Ignored:
    """Return the outcomes of a record, and change the draft of its SKU's level accordingly."""
    order_id = line_of(record)
    line = _remembered(tables.line(line_key(order_id, record.sku)), record, settings)
    if line is not None and (known := _known(record, line)) is not None:
        return known
    draft = tables.draft(record.sku, settings)
    if isinstance(record, StockAdjusted):
        step = rule.adjust(draft, record, order_id)
    else:
        step = rule.order(draft, record, line, _oldest(record, settings))
    if draft.quantity is not None and not -QUANTITY_MAX <= draft.quantity <= QUANTITY_MAX:
        draft.undo()
        return OUT_OF_RANGE
    stamp = rule_records.Stamp({at.topic_id: at.offset}, now)
    if step.result in _INERT:
        return (rule_records.own(record, order_id, step, draft.quantity, None, stamp),)

    def find(waiting: str) -> OrderOutcome | None:
        return _remembered(tables.line(line_key(waiting, record.sku)), record, settings)

    outcomes = _finish(record, order_id, step, draft, stamp, find)
    if draft.changed:
        rule_records.move(draft, record, step, stamp)
    return outcomes


def line_of(record: Input) -> str:
    """Return the order id of the record's own line."""
    return adjustment_order_id(record.adjustment_id) if isinstance(record, StockAdjusted) else record.order_id


def _remembered(line: OrderOutcome | None, record: Input, settings: Settings) -> OrderOutcome | None:
    """
    Return the line, unless it was decided more than a horizon before the record was received: then it is unknown.

    The topic and the tables forget such lines, sooner or later; the decision must not depend on when.  An update of one
    is `too_old`, since its order is older still, and what it held stays taken; one that waits gets nothing any more.
    """
    return None if line is not None and line.timestamp < record.received_at - settings.horizon_ms else line


def _known(record: Input, line: OrderOutcome) -> Ignored | None:
    if isinstance(record, StockAdjusted):
        return DUPLICATE
    theirs, ours = (record.revision, record.seen_at), (line.revision, line.seen_at)
    if theirs > ours:
        return None
    return DUPLICATE if theirs == ours else STALE


def _oldest(record: OrderConfirmed, settings: Settings) -> int:
    return max(settings.since.get(record.channel, 0), record.received_at - settings.horizon_ms)


def _finish(
    record: Input, order_id: str, step: rule.Step, draft: Draft, stamp: rule_records.Stamp, find: Find
) -> tuple[OrderOutcome, ...]:
    """Serve who waits, settle the pause, and return the outcomes: the record's own line first."""
    quantity, version = draft.quantity, draft.version
    others = _others(draft, stamp, find) if draft.queue or draft.closed else ()
    if draft.settle_pause():
        version = draft.version
    own = rule_records.own(record, order_id, step, quantity, version if version != draft.start else None, stamp)
    return (own, *others)


def _others(draft: Draft, stamp: rule_records.Stamp, find: Find) -> tuple[OrderOutcome, ...]:
    """Return the outcomes of the lines that this decision serves or has closed; `find` looks one up by order id."""
    quantity = draft.quantity
    served = draft.serve(find)
    closed = [line for waiting in draft.closed if (line := find(waiting.order_id)) is not None]
    return (
        *(rule_records.settled(done, stamp) for done in served),
        *(rule_records.closed(line, quantity, stamp) for line in closed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """
    What a batch changes: the newest level of every SKU it moved, and every outcome, in order, with its key.

    A line may stand several times among the outcomes, once for each decision; the last is its state.  `ignored` are
    the records that write nothing, each with its position and the reason.
    """

    levels: Mapping[str, StockLevel]
    outcomes: tuple[tuple[bytes, OrderOutcome], ...]
    ignored: tuple[tuple[Input, Position, IgnoredReason], ...]


def fold(inputs: Iterable[tuple[Input, Position]], now: int, tables: Tables, settings: Settings) -> Changes:
    """Decide a batch in order, each record on what the ones before it left, without touching `tables`."""
    overlay = _Overlay(tables)
    outcomes: list[tuple[bytes, OrderOutcome]] = []
    ignored: list[tuple[Input, Position, IgnoredReason]] = []
    for record, at in inputs:
        found = _decide(record, at, now, overlay, settings)
        if isinstance(found, Ignored):
            ignored.append((record, at, found.reason))
            continue
        for outcome in found:
            key = line_key(outcome.order_id, outcome.sku)
            overlay.lines[key] = outcome
            outcomes.append((key, outcome))
    # A level is written once, as the batch leaves it: only then is it made.
    levels = {sku: rule_records.level(draft) for sku, draft in overlay.drafts.items() if draft.moved}
    return Changes(levels=levels, outcomes=tuple(outcomes), ignored=tuple(ignored))
