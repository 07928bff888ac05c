"""
The brake: a change that would empty much of a channel's shop at once waits for a person.  Pure.

What an order has sold out, what was oversold and what an operator has paused always passes: only zeros that come from
a count, from the rules or from retired listings are held.  A change that arrives record by record is told until it
proves to be large, so before it is held at most `percent` of the listings are emptied, or nine.

A zero is a listing that is to show 0 and shows more by all that we know; of a listing that was never told nothing is
known, and shadow mode shows what would happen to it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from publishers.rules import PERCENT, number
from schemas.records import StockLevel
from schemas.settings import Rules
from schemas.words import CauseKind

WINDOW_MS = 60_000
"""Zeros within this time count as one change."""
LEAST = 10
"""Fewer zeros than this are nobody's accident worth waiting for."""
HELD = "brake: 0 is held until it is released"
"""How a record says that its listing's 0 waits."""

Place = tuple[str, str]
"""SKU and listing."""
RulesFor = Callable[[str], Rules]


def ordered(before: StockLevel | None, after: StockLevel) -> bool:
    """
    Return whether an order was among what moved a level between these two records.

    A level carries the newest cause only; that more than one topic has moved it shows that there was another.
    """
    if after.cause.kind is CauseKind.ORDER:
        return True
    known = before.source if before is not None else after.source
    return sum(known.get(topic) != offset for topic, offset in after.source.items()) > 1


class Brake:
    """
    Counts a channel's zeros and says which of them may be told.

    `engaged` says that some are held; `moved` are the SKUs for which that has changed since it was last emptied.
    """

    def __init__(self, percent: int) -> None:
        """Hold what would empty more than `percent` of the listings; `listings` says how many there are."""
        self.percent = percent
        self.listings = 0
        self.engaged = False
        self.moved: set[str] = set()
        self._now = 0
        self._base = 0
        self._sold_out: set[str] = set()
        self._pending: set[Place] = set()
        self._told: dict[Place, int] = {}
        self._released: set[Place] = set()

    @property
    def held(self) -> Collection[Place]:
        """Return the listings whose 0 waits."""
        return self._pending if self.engaged else ()

    @property
    def zeros(self) -> int:
        """Return how many listings the change would empty, those that have been told included."""
        return max(self._base, len(self._pending) + len(self._told))

    def level(self, before: StockLevel | None, after: StockLevel, rules: Rules, *, by_order: bool) -> None:
        """Take up a level and (None: unknown) the one before it; `by_order` is what `ordered` says of them."""
        if number(after, rules) != 0:
            self._sold_out.discard(after.sku)
        elif by_order and _offered(before, after, rules):
            self._sold_out.add(after.sku)

    def rules(self, levels: Mapping[str, StockLevel], rules_for: RulesFor) -> None:
        """Take up new rules: what they offer again was not sold out but ruled out."""
        back = [sku for sku in self._sold_out if sku in levels and number(levels[sku], rules_for(sku))]
        self._sold_out.difference_update(back)

    def at(self, now: int) -> None:
        """Let time pass: what was told long ago belongs to another change, unless one is held."""
        self._now = now
        while self._told and not self.engaged and next(iter(self._told.values())) <= now - WINDOW_MS:
            del self._told[next(iter(self._told))]

    def above(self, place: Place) -> None:
        """Note that a listing is to show more than 0, or is gone: it belongs to no change any more."""
        if place in self._pending or place in self._told or place in self._released:
            self._pending.discard(place)
            self._told.pop(place, None)
            self._released.discard(place)
            self.ease()

    def zero(self, place: Place, level: StockLevel, *, shows: int | None, sending: bool) -> bool:
        """
        Return whether a listing may be told 0.

        Args:
            place: the listing.
            level: the level of its SKU.
            shows: what it shows by all that we know.
            sending: whether a call that tells it 0 is open: then it may show it already.

        """
        if sending or shows is None or shows <= 0:
            self._tell(place, sure=not sending)
            return True
        if place in self._released or level.paused is not None or level.sku in self._sold_out:
            if place in self._pending:  # else nothing has changed: a new owner does not know yet what is held
                self._pending.discard(place)
                self.ease()
            return True
        self._told.pop(place, None)
        self._pending.add(place)
        if not self.engaged and self._large():
            self.engaged = True
            self.moved.update(sku for sku, _ in self._pending)
        return not self.engaged

    def release(self) -> list[str]:
        """Let all that is held now be told, and count anew; returns its SKUs."""
        skus = sorted({sku for sku, _ in self.held})
        self._released.update(self.held)
        self._pending.clear()
        self._told.clear()
        self.engaged, self._base = False, 0
        return skus

    def resume(self, zeros: int) -> None:
        """Go on where another process held a change of so many zeros: what is left of it stays held."""
        self.engaged, self._base = True, zeros

    def _tell(self, place: Place, *, sure: bool) -> None:
        if place in self._pending:
            self._pending.discard(place)
            self._told[place] = self._now
            self.ease()
        if sure:
            self._released.discard(place)

    def _large(self) -> bool:
        return self.zeros >= LEAST and self.zeros * PERCENT > self.percent * self.listings

    def ease(self) -> None:
        """Let go what is left of a change once it is small, or when nothing is left of it."""
        if self.engaged and (not self._pending or not self._large()):
            self.engaged, self._base = False, 0
            self.moved.update(sku for sku, _ in self._pending)


def _offered(before: StockLevel | None, after: StockLevel, rules: Rules) -> bool:
    """Return whether something was offered before the orders between two levels; by the last order where unknown."""
    left = after.quantity or 0
    if before is not None:
        return bool(number(before, rules)) or (before.quantity or 0) > 0 >= left
    taken = replace(after, quantity=left + max(0, after.cause.delta), paused=None)
    return left <= 0 or bool(number(taken, rules))
