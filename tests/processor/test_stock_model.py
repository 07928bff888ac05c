"""
The rule against a slow model that shares no code with it.

The model keeps every line it ever saw, derives the level as minus the sum of what they hold, and numbers versions
afterwards, by looking at what changed; the rule keeps none of that.  Both read the same random sequences.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

NOW = 1_790_000_000_000
HORIZON = 90 * 86_400_000
SINCE = {"woo": NOW - 50}
SEQUENCES = 400
LENGTH = 40


@dataclass
class Line:
    """All there is to know about a line, in plain values."""

    pair: tuple[int, int] = (-1, -1)
    qty: int = 0
    held: int = 0
    short: int = 0
    decided: bool = False
    ticket: int | None = None


@dataclass
class Model:
    """One SKU."""

    policy: str = "reject"
    lines: dict[str, Line] = field(default_factory=dict)
    stocked: bool = False
    operator: bool = False
    oversell: bool = False
    version: int = 0
    tickets: int = 0
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def quantity(self) -> int | None:
        """Minus everything held; None before the first stock."""
        return -sum(line.held for line in self.lines.values()) if self.stocked else None

    @property
    def paused(self) -> str | None:
        """The stronger of the two pauses."""
        return "operator" if self.operator else "oversell" if self.oversell else None

    @property
    def queue(self) -> list[tuple[str, int]]:
        """Who waits, by the ticket that each drew when it began to."""
        waiting = [(line.ticket, name, line.short) for name, line in self.lines.items() if line.ticket is not None]
        return [(name, short) for _, name, short in sorted(waiting)]

    def room(self) -> float:
        """How many units a line may ask for."""
        if self.quantity is None:
            return 0
        return float("inf") if self.policy == "backorder" else max(self.quantity, 0)

    def wait(self, line: Line, short: int) -> None:
        """Let a line wait; one that waits already keeps its ticket."""
        line.short = short
        if line.ticket is None:
            self.tickets += 1
            line.ticket = self.tickets

    def note(self, name: str, result: str, moved: int) -> None:
        """Put down what happened to a line, without a version yet."""
        line = self.lines[name]
        self.rows.append((name, result, line.held, line.short, moved, self.quantity))

    def feed(self, record: Any) -> str | list[tuple[Any, ...]]:
        """Return "duplicate", "stale", or a row for every outcome."""
        self.rows = []
        quantity, paused = self.quantity, self.paused
        verdict = self.adjusted(record) if hasattr(record, "adjustment_id") else self.ordered(record)
        return verdict or self.number(quantity, paused)

    def number(self, quantity: int | None, paused: str | None) -> list[tuple[Any, ...]]:
        """Give the rows their versions: one for each change of quantity; the pause has its own only where none has."""
        numbered = []
        before = self.version
        for row in self.rows:
            moved = row[5] != quantity
            quantity = row[5]
            self.version += moved
            numbered.append((*row, self.version if moved else None))
        if self.version == before and self.paused != paused:
            self.version += 1
            numbered[0] = (*numbered[0][:6], self.version)
        return numbered

    def after(self, *, fell_short: bool) -> None:
        """Serve the queue and bring the pause up to date."""
        while self.queue and self.quantity is not None and self.queue[0][1] <= self.room():
            name, short = self.queue[0]
            line = self.lines[name]
            line.held, line.short, line.ticket = line.held + short, 0, None
            self.note(name, "settled", short)
        self.oversell = bool(self.queue) and (fell_short or self.oversell)

    def ordered(self, record: Any) -> str | None:
        """Take an order line."""
        line = self.lines.setdefault(record.order_id, Line())
        pair = (record.revision, record.seen_at)
        if pair <= line.pair:
            return "duplicate" if pair == line.pair else "stale"
        line.pair = pair
        limit = max(SINCE.get(record.channel, 0), record.received_at - HORIZON)
        if not line.decided and record.ordered_at < limit:
            self.note(record.order_id, "too_old", 0)
            return None
        if line.decided and line.qty == record.qty:
            self.note(record.order_id, "unchanged", 0)
            return None
        line.decided, line.qty = True, record.qty
        wanted = record.qty - line.held
        if wanted <= 0 or wanted <= self.room():
            line.held, line.short, line.ticket = record.qty, 0, None
            self.note(record.order_id, "accepted", wanted)
            self.after(fell_short=False)
        else:
            self.wait(line, wanted)
            self.note(record.order_id, "insufficient" if self.stocked else "unstocked", 0)
            self.after(fell_short=self.stocked)
        return None

    def adjusted(self, record: Any) -> str | None:
        """Take an adjustment."""
        name = f"adj_{record.adjustment_id}"
        if name in self.lines:
            return "duplicate"
        line = self.lines[name] = Line()
        moves = record.if_version in (None, self.version)
        if not moves or (record.kind == "set" and record.qty < 0 and self.policy == "reject"):
            self.note(name, "refused", 0)
            return None
        handler: Callable[[str, Line, int], None] = getattr(self, f"kind_{record.kind}")
        handler(name, line, record.qty)
        return None

    def kind_set(self, name: str, line: Line, qty: int) -> None:
        """Count."""
        first, closing = not self.stocked, [] if not self.stocked else self.queue
        before = self.quantity or 0
        self.stocked = True
        line.held = before - qty
        for other, _ in closing:
            self.lines[other].short, self.lines[other].ticket = 0, None
        self.note(name, "applied", before - qty)
        for other, _ in closing:
            self.note(other, "closed_by_set", 0)
        self.after(fell_short=first)

    def kind_add(self, name: str, line: Line, qty: int) -> None:
        """Receive or remove."""
        first = not self.stocked and qty > 0
        self.stocked = self.stocked or first
        line.held = -qty if qty >= 0 else int(min(-qty, self.room()))
        if -qty > line.held:
            self.wait(line, -qty - line.held)
        self.note(name, "applied" if self.stocked or qty == 0 else "unstocked", line.held)
        self.after(fell_short=first or (self.stocked and line.short > 0))

    def kind_pause(self, name: str, _line: Line, _qty: int) -> None:
        """Pause."""
        self.note(name, "applied", 0)
        self.operator = True
        self.after(fell_short=False)

    def kind_resume(self, name: str, _line: Line, _qty: int) -> None:
        """Resume."""
        self.note(name, "applied", 0)
        self.operator = self.oversell = False
        self.after(fell_short=False)


def any_record(random: Random, make_order: Any, make_adjustment: Any) -> Any:
    """Return a record of one SKU that often repeats, overtakes, oversells and collides with others."""
    received_at = NOW + random.randrange(100)
    if random.random() < 0.3:
        kind = random.choice(("set", "add", "add", "add", "pause", "resume"))
        qty = random.randrange(-4, 9) if kind == "add" else random.randrange(-1, 9)
        if_version = random.randrange(6) if random.random() < 0.1 else None
        number = random.randrange(40)
        return make_adjustment(kind, qty, adjustment_id=f"{number}", if_version=if_version, received_at=received_at)
    channel, line = random.choice(("shop", "woo")), random.randrange(6)
    return make_order(
        f"{channel}_{line}_1",
        random.choice((0, 1, 2, 2, 3, 5)),
        channel=channel,
        revision=random.randrange(8),
        seen_at=NOW + random.randrange(3),
        ordered_at=random.choice((NOW, NOW, NOW, NOW, NOW - 60, NOW - HORIZON)),
        received_at=received_at,
    )


@pytest.mark.parametrize("policy", ["reject", "backorder", "changing"])
@pytest.mark.parametrize("part", range(2))
def test_the_rule_agrees_with_the_model(
    new_hub: Any, make_order: Any, make_adjustment: Any, policy: str, part: int
) -> None:
    """Outcome by outcome and level by level, over random sequences, under either policy and while it changes."""
    for seed in range(part * SEQUENCES, (part + 1) * SEQUENCES):
        random = Random(f"{policy} {seed}")
        hubs = {name: new_hub(name, since=SINCE).settings for name in ("reject", "backorder")}
        hub, model = new_hub(since=SINCE), Model()
        for _ in range(LENGTH):
            model.policy = random.choice(("reject", "backorder")) if policy == "changing" else policy
            hub.settings = hubs[model.policy]
            record = any_record(random, make_order, make_adjustment)
            verdict = hub.feed(record)
            ours = str(verdict.reason) if hasattr(verdict, "reason") else hub.rows(verdict)
            assert ours == model.feed(record), (seed, record)
            if "MUG" in hub.levels:
                expected = (model.quantity, model.version, model.paused, model.queue, 0)
                assert hub.state() == expected, (seed, record)
