"""
The oracle's own idea of the rule, written from its description: what one SKU's lines must become (pure).

Each function takes the state and an input record, changes the state, and returns what the outcome must say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HORIZON_MS = 90 * 86_400_000
WAITING_MAX = 1_000
Expected = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Line:
    """A line as its last outcome left it; `rank` is its revision and the time at which it was seen."""

    rank: tuple[int, int]
    qty: int
    held: int = 0
    shortfall: int = 0
    too_old: bool = False


@dataclass(slots=True)
class Shelf:
    """
    One SKU: `at` maps versions to quantities, `waiting` is oldest first, `closing` are lines that a count ends.

    A thousand lines wait by name; of those that come then there is only the number, `more`.
    """

    quantity: int | None = None
    version: int = 0
    operator: bool = False
    lines: dict[str, Line] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    more: int = 0
    closing: list[str] = field(default_factory=list)
    at: dict[int, int | None] = field(default_factory=lambda: {0: None})

    def fits(self, units: int) -> bool:
        """Whether `units` can be taken."""
        return units <= 0 or (self.quantity is not None and units <= self.quantity)

    def take(self, units: int) -> None:
        """Lower the level; nothing taken leaves even an unstocked SKU as it is."""
        if units:
            self.quantity = (self.quantity or 0) - units

    def join(self, own: str, units: int, *, waited: bool) -> None:
        """Let a line wait, at its old place if it has one."""
        if waited and own not in self.waiting:
            self.more = max(self.more - 1, 0)
        if own in self.waiting or len(self.waiting) < WAITING_MAX:
            self.waiting[own] = units
        else:
            self.more += 1

    def leave(self, own: str) -> None:
        """Let a line that waited go."""
        if self.waiting.pop(own, None) is None:
            self.more = max(self.more - 1, 0)

    @property
    def owed(self) -> bool:
        """Whether the oldest waiting line could be served."""
        return any(self.fits(units) for units in list(self.waiting.values())[:1])

    @property
    def held(self) -> int:
        """Return what all lines hold; an adjustment that brought units in holds a negative number."""
        return sum(line.held for line in self.lines.values())


def rank(record: Mapping[str, Any]) -> tuple[int, int]:
    """Return a record's place among the states of its line; an adjustment is decided once."""
    return record.get("revision", 0), record.get("seenAt", record["receivedAt"])


def name(record: Mapping[str, Any]) -> str:
    """Return the line that a record is about."""
    return f"adj_{record['adjustmentId']}" if "adjustmentId" in record else str(record["orderId"])


def known(shelf: Shelf, record: Mapping[str, Any]) -> bool:
    """Whether nothing is to be decided: the line has seen this state or a newer one."""
    line = shelf.lines.get(name(record))
    return line is not None and ("adjustmentId" in record or rank(record) <= line.rank)


def decide(shelf: Shelf, record: Mapping[str, Any]) -> Expected:
    """Decide a record that is not known yet."""
    return _adjust(shelf, record) if "adjustmentId" in record else _order(shelf, record)


def _order(shelf: Shelf, record: Mapping[str, Any]) -> Expected:
    own, qty = name(record), record["qty"]
    line = shelf.lines.get(own) or Line(rank=(-1, -1), qty=-1, too_old=True)
    shelf.lines[own], line.rank = line, rank(record)
    if line.too_old:
        line.too_old = record["orderedAt"] < record["receivedAt"] - HORIZON_MS
        if line.too_old:
            line.qty = qty
            return _said(shelf, "too_old", line, 0)
    elif line.qty == qty:
        return _said(shelf, "unchanged", line, 0)
    line.qty, delta = qty, qty - line.held
    if shelf.fits(delta):
        if line.shortfall:
            shelf.leave(own)
        shelf.take(delta)
        line.held, line.shortfall = qty, 0
        return _said(shelf, "accepted", line, delta)
    shelf.join(own, delta, waited=line.shortfall > 0)
    line.shortfall = delta
    return _said(shelf, "unstocked" if shelf.quantity is None else "insufficient", line, 0)


def _adjust(shelf: Shelf, record: Mapping[str, Any]) -> Expected:
    line = shelf.lines[name(record)] = Line(rank=rank(record), qty=record["qty"])
    if record["ifVersion"] is not None and record["ifVersion"] != shelf.version:
        return _said(shelf, "refused", line, 0)
    return _KINDS[record["kind"]](shelf, record, line)


def _set(shelf: Shelf, record: Mapping[str, Any], line: Line) -> Expected:
    qty: int = record["qty"]
    if qty < 0:
        return _said(shelf, "refused", line, 0)
    delta = (shelf.quantity or 0) - qty
    if shelf.quantity is not None:
        shelf.closing, shelf.waiting, shelf.more = list(shelf.waiting), {}, 0
    shelf.quantity, line.held = qty, delta
    return _said(shelf, "applied", line, delta)


def _add(shelf: Shelf, record: Mapping[str, Any], line: Line) -> Expected:
    units: int = record["qty"]
    taken = -units if shelf.fits(-units) else max(shelf.quantity or 0, 0)
    shelf.take(taken)
    line.held, line.shortfall = taken, -units - taken
    if line.shortfall:
        shelf.join(name(record), line.shortfall, waited=False)
    unstocked = shelf.quantity is None and line.shortfall
    return _said(shelf, "unstocked" if unstocked else "applied", line, taken)


def _pause(shelf: Shelf, record: Mapping[str, Any], line: Line) -> Expected:
    shelf.operator = record["kind"] == "pause"
    return _said(shelf, "applied", line, 0)


_KINDS = {"set": _set, "add": _add, "pause": _pause, "resume": _pause}


def settle(shelf: Shelf) -> tuple[str, Expected]:
    """Serve the oldest waiting line; returns its name."""
    own = next(iter(shelf.waiting))
    units = shelf.waiting.pop(own)
    shelf.take(units)
    line = shelf.lines[own]
    line.held, line.shortfall = line.held + units, 0
    return own, _said(shelf, "settled", line, units)


def close(shelf: Shelf) -> tuple[str, Expected]:
    """End the next line of those that a count has closed; returns its name."""
    own = shelf.closing.pop(0)
    line = shelf.lines[own]
    line.shortfall = 0
    return own, _said(shelf, "closed_by_set", line, 0)


def _said(shelf: Shelf, result: str, line: Line, delta: int) -> Expected:
    return {
        "result": result,
        "held": line.held,
        "shortfall": line.shortfall,
        "delta": delta,
        "newQty": shelf.quantity,
        "qty": line.qty,
        "revision": line.rank[0],
        "seenAt": line.rank[1],
    }
