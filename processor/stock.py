"""
The one rule that decides every order line and every adjustment; pure: no clock, no I/O.

`decide` takes one record and the two tables as they are, and returns what changes; `fold` does so for a batch.  A
line's record is its whole state, so the rule takes the difference to what the line holds already: a duplicate, a
redelivery or a cancel that overtakes its order cannot count twice.

What always holds afterwards, for every SKU: its quantity is minus the sum of `held` over all its lines, adjustments
included (an adjustment holds the units that it took, so one that brought units in holds a negative number); the
versions that its outcomes name are 1, 2, 3, ... without a gap; and under `reject` its level never falls below zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from processor import rule, rule_records
from processor.rule_draft import QUANTITY_MAX, Draft
from schemas.ids import adjustment_order_id, line_key
from schemas.records import OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import Policy, Result

Input = OrderConfirmed | StockAdjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator decides: policies by SKU, when each channel was connected (ms), the dedupe horizon (ms)."""

    default_policy: Policy
    policies: Mapping[str, Policy]
    since: Mapping[str, int]
    horizon_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
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


def decide(record: Input, at: Position, now: int, tables: Tables, settings: Settings) -> Verdict:
    """
    Return what `record`, read at position `at`, changes at time `now` (ms).

    `out_of_range` is the answer to a line whose units would carry the level beyond what a record can hold.
    """
    order_id = adjustment_order_id(record.adjustment_id) if isinstance(record, StockAdjusted) else record.order_id
    line = tables.line(line_key(order_id, record.sku))
    if line is not None and (known := _known(record, line)) is not None:
        return known
    before = tables.level(record.sku)
    policy = settings.policies.get(record.sku, settings.default_policy)
    draft = Draft(before, policy)
    if isinstance(record, StockAdjusted):
        step = rule.adjust(draft, record, order_id)
    else:
        step = rule.order(draft, record, line, _oldest(record, settings))
    if draft.quantity is not None and abs(draft.quantity) > QUANTITY_MAX:
        return OUT_OF_RANGE
    stamp = rule_records.Stamp({at.topic_id: at.offset}, now)
    if step.result in _INERT:
        own = rule_records.own(record, order_id, step, draft.quantity, None, stamp)
        return Decided(level=None, outcomes=(own,))
    outcomes = _finish(record, order_id, step, draft, stamp, tables)
    level = rule_records.level(record, before, draft, policy, step, stamp) if draft.changed else None
    return Decided(level=level, outcomes=outcomes)


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
    record: Input, order_id: str, step: rule.Step, draft: Draft, stamp: rule_records.Stamp, tables: Tables
) -> tuple[OrderOutcome, ...]:
    """Serve who waits, settle the pause, and return the outcomes: the record's own line first."""

    def find(waiting: str) -> OrderOutcome | None:
        return tables.line(line_key(waiting, record.sku))

    quantity, version = draft.quantity, draft.version
    served = draft.serve(find)
    if draft.settle_pause():
        version = draft.version
    own = rule_records.own(record, order_id, step, quantity, version if version != draft.start else None, stamp)
    if not served and not draft.closed:
        return (own,)
    closed = [line for waiting in draft.closed if (line := find(waiting.order_id)) is not None]
    return (
        own,
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


@dataclass(slots=True)
class _Overlay:
    """The tables as they are after the records decided so far; what lies below is only read."""

    below: Tables
    levels: dict[str, StockLevel] = field(default_factory=dict)
    lines: dict[bytes, OrderOutcome] = field(default_factory=dict)

    def level(self, sku: str) -> StockLevel | None:
        return self.levels.get(sku) or self.below.level(sku)

    def line(self, key: bytes) -> OrderOutcome | None:
        return self.lines.get(key) or self.below.line(key)


def fold(inputs: Iterable[tuple[Input, Position]], now: int, tables: Tables, settings: Settings) -> Changes:
    """Decide a batch in order, each record on what the ones before it left, without touching `tables`."""
    overlay = _Overlay(tables)
    outcomes: list[tuple[bytes, OrderOutcome]] = []
    ignored: list[tuple[Input, Position, IgnoredReason]] = []
    for record, at in inputs:
        verdict = decide(record, at, now, overlay, settings)
        if isinstance(verdict, Ignored):
            ignored.append((record, at, verdict.reason))
            continue
        if verdict.level is not None:
            overlay.levels[record.sku] = verdict.level
        decided = [(line_key(outcome.order_id, outcome.sku), outcome) for outcome in verdict.outcomes]
        overlay.lines.update(decided)
        outcomes += decided
    return Changes(levels=overlay.levels, outcomes=tuple(outcomes), ignored=tuple(ignored))
