"""A hub in memory: the rule's two tables as dictionaries, and short names for the records that tests feed it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from processor.stock import Decided, Ignored, Position, Settings, Verdict, decide
from schemas.ids import line_key
from schemas.records import OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import AdjustmentKind, Policy

DAY = 86_400_000
NOW = 1_790_000_000_000


@dataclass
class Hub:
    """Applies every verdict at once; `log` keeps all outcomes, in order."""

    settings: Settings = field(
        default_factory=lambda: Settings(default_policy=Policy.REJECT, policies={}, since={}, horizon_ms=90 * DAY)
    )
    levels: dict[str, StockLevel] = field(default_factory=dict)
    lines: dict[bytes, OrderOutcome] = field(default_factory=dict)
    log: list[OrderOutcome] = field(default_factory=list)
    offset: int = -1
    now: int = NOW + 1_000

    def level(self, sku: str) -> StockLevel | None:
        """Return the table's level."""
        return self.levels.get(sku)

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return the table's outcome."""
        return self.lines.get(key)

    def feed(self, record: OrderConfirmed | StockAdjusted, at: Position | None = None) -> Verdict:
        """Decide one record, at the next offset unless a position is given, and keep what it changes."""
        self.offset += 1
        at = at or Position(topic_id="T", offset=self.offset)
        verdict = decide(record, at, self.now, self, self.settings)
        if isinstance(verdict, Decided):
            self.keep(verdict)
        return verdict

    def keep(self, verdict: Decided) -> None:
        """Store what a verdict changes."""
        if verdict.level is not None:
            self.levels[verdict.level.sku] = verdict.level
        for outcome in verdict.outcomes:
            self.lines[line_key(outcome.order_id, outcome.sku)] = outcome
            self.log.append(outcome)

    def decided(self, record: OrderConfirmed | StockAdjusted) -> Decided:
        """Feed a record that must be decided."""
        verdict = self.feed(record)
        assert isinstance(verdict, Decided), verdict
        return verdict

    def ignored(self, record: OrderConfirmed | StockAdjusted) -> str:
        """Feed a record that must be ignored; return why."""
        verdict = self.feed(record)
        assert isinstance(verdict, Ignored), verdict
        return verdict.reason

    def sell(self, order_id: str, qty: int, **facts: Any) -> Decided:
        """Feed an order line."""
        return self.decided(order(order_id, qty, **facts))

    def adjust(self, kind: str, qty: int = 0, **facts: Any) -> Decided:
        """Feed an adjustment, with an id of its own unless one is given."""
        facts.setdefault("adjustment_id", f"a{self.offset + 1}")
        return self.decided(adjustment(kind, qty, **facts))

    @staticmethod
    def rows(decided: Decided) -> list[tuple[Any, ...]]:
        """Return `(order id, result, held, shortfall, delta, new quantity, version)` of every outcome."""
        return [
            (o.order_id, o.result.value, o.held, o.shortfall, o.delta, o.new_qty, o.version) for o in decided.outcomes
        ]

    def state(self, sku: str = "MUG") -> tuple[int | None, int, str | None, list[tuple[str, int]], int]:
        """Return `(quantity, version, paused, waiting, waiting_more)` of a SKU that the table knows."""
        level = self.levels[sku]
        return level.quantity, level.version, level.paused, names(level), level.waiting_more


def names(level: StockLevel) -> list[tuple[str, int]]:
    return [(line.order_id, line.shortfall) for line in level.waiting]


def order(order_id: str, qty: int, **facts: Any) -> OrderConfirmed:
    given: dict[str, Any] = {
        "sku": "MUG",
        "channel": "shop",
        "revision": 1,
        "seen_at": NOW,
        "ordered_at": NOW,
        "received_at": NOW,
        **facts,
    }
    return OrderConfirmed(order_id=order_id, qty=qty, **{"listing_sku": given["sku"], **given})


def adjustment(kind: str, qty: int = 0, **facts: Any) -> StockAdjusted:
    given: dict[str, Any] = {"sku": "MUG", "adjustment_id": "a", "received_at": NOW, **facts}
    return StockAdjusted(kind=AdjustmentKind(kind), qty=qty, **given)


@pytest.fixture(scope="session")
def new_hub() -> Callable[..., Hub]:
    """Return the maker of hubs (for tests that need many); `policy` and `since` shape its settings."""

    def make(policy: str = "reject", **facts: Any) -> Hub:
        given = {"policies": {}, "since": {}, "horizon_ms": 90 * DAY, **facts}
        return Hub(settings=Settings(default_policy=Policy(policy), **given))

    return make


@pytest.fixture
def hub(new_hub: Callable[..., Hub]) -> Hub:
    """Return an empty hub under `reject`."""
    return new_hub()


@pytest.fixture
def backorder_hub(new_hub: Callable[..., Hub]) -> Hub:
    """Return an empty hub under `backorder`."""
    return new_hub("backorder")


@pytest.fixture(scope="session")
def make_order() -> Callable[..., OrderConfirmed]:
    """Return the maker of order lines: `make_order("shop_1_1", 2, revision=3)`."""
    return order


@pytest.fixture(scope="session")
def make_adjustment() -> Callable[..., StockAdjusted]:
    """Return the maker of adjustments: `make_adjustment("add", 5, adjustment_id="a1")`."""
    return adjustment
