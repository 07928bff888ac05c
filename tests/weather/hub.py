"""The hub in virtual time: the processor's own rule, and its two topics as logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from processor.stock import Input, Position, Settings, fold
from schemas.ids import line_key
from schemas.records import OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import AdjustmentKind, Policy
from tests.scale.clock import Clock

DAY_MS = 86_400_000
RULE = Settings(default_policy=Policy.REJECT, policies={}, since={}, horizon_ms=90 * DAY_MS)
FLUSH_MS = (5, 900)
"""How long the processor gathers what it decides in one transaction."""


@dataclass
class Topic:
    """A log: each record with the time from which on readers see it; they see them in order."""

    records: list[tuple[int, Any]] = field(default_factory=list)

    def append(self, record: object, at: int) -> int:
        """Append a record; returns when it is seen."""
        seen_at = max(at, self.records[-1][0] if self.records else 0)
        self.records.append((seen_at, record))
        return seen_at

    def since(self, cursor: int, now: int) -> Sequence[Any]:
        """Return the records from an offset on that are seen by now."""
        end = cursor
        while end < len(self.records) and self.records[end][0] <= now:
            end += 1
        return [record for _, record in self.records[cursor:end]]


@dataclass
class Hub:
    """Levels and lines; several inputs are decided in one transaction, of which a level's newest state is written."""

    clock: Clock
    dice: Random
    levels: dict[str, StockLevel] = field(default_factory=dict)
    lines: dict[bytes, OrderOutcome] = field(default_factory=dict)
    level_topic: Topic = field(default_factory=Topic)
    outcome_topic: Topic = field(default_factory=Topic)
    late: tuple[int, int] = (30, 400)
    """How long a record is on its way to a reader."""

    def __post_init__(self) -> None:
        """Start empty."""
        self._waiting: list[Input] = []
        self._count = 0
        self.wakes: list[Any] = []

    def level(self, sku: str) -> StockLevel | None:
        """Return a SKU's level."""
        return self.levels.get(sku)

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return a line's outcome."""
        return self.lines.get(key)

    def adjust(self, sku: str, kind: AdjustmentKind, qty: int = 0) -> None:
        """Take up an adjustment."""
        self._count += 1
        now = self.clock.now
        self._put(
            StockAdjusted(
                sku=sku, kind=kind, qty=qty, adjustment_id=f"a{self._count}", reason="", actor="x", received_at=now
            )
        )

    def order(self, order_id: str, skus: Mapping[str, int], line: Mapping[str, Any]) -> None:
        """Take up an order's line, of each component where it is a bundle's."""
        for sku, qty in skus.items():
            self._put(OrderConfirmed(sku=sku, qty=qty, order_id=order_id, received_at=self.clock.now, **line))

    def _put(self, record: Input) -> None:
        if not self._waiting:
            self.clock.at(self.clock.now + self.dice.randint(*FLUSH_MS), self.flush)
        self._waiting.append(record)

    def flush(self) -> None:
        """Decide what waits."""
        now, waiting, self._waiting = self.clock.now, self._waiting, []
        inputs = []
        for record in waiting:
            self._count += 1
            topic = "adjusted" if isinstance(record, StockAdjusted) else "confirmed"
            inputs.append((record, Position(topic, self._count)))
        changes = fold(inputs, now, self, RULE)
        for _, outcome in changes.outcomes:
            self.lines[line_key(outcome.order_id, outcome.sku)] = outcome
            self._publish(self.outcome_topic, outcome)
        for sku, level in changes.levels.items():
            self.levels[sku] = level
            self._publish(self.level_topic, level)

    def _publish(self, topic: Topic, record: object) -> None:
        seen_at = topic.append(record, self.clock.now + self.dice.randint(*self.late))
        for wake in self.wakes:
            wake(seen_at)
