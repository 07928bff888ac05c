"""A SKU's level while one record is decided, before it is frozen into a record."""

from collections.abc import Callable
from typing import NamedTuple

from processor.waiting import Queue
from schemas.records import OrderOutcome, StockLevel, Waiting
from schemas.words import Pause, Policy

QUANTITY_MAX = 10**12
"""The largest level and change that a record can hold, either way; what would go beyond is refused, not wrapped."""


class Served(NamedTuple):
    """A waiting line that got its units, and the level right after."""

    line: OrderOutcome
    units: int
    quantity: int
    version: int


class Draft:
    """
    A SKU's level while one record is decided: changed in place, then frozen.

    `quantity` is None until the SKU is stocked for the first time.  `short` says that this decision found too little,
    so that lines left waiting pause the SKU.  `closed` are the lines that a count has ended,
    `start` is the version before.
    """

    __slots__ = ("_was", "backorder", "closed", "paused", "quantity", "queue", "short", "start", "version")

    def __init__(self, level: StockLevel | None, policy: Policy) -> None:
        """Start from the table's level; a SKU it does not know has version 0 and was never stocked."""
        self.quantity: int | None = None if level is None else level.quantity
        self.start = self.version = 0 if level is None else level.version
        self._was = self.paused = None if level is None else level.paused
        self.queue = Queue() if level is None else Queue(level.waiting, level.waiting_more)
        self.backorder = policy is Policy.BACKORDER
        self.closed: tuple[Waiting, ...] = ()
        self.short = False

    def fits(self, delta: int) -> bool:
        """Whether `delta` units can be taken; giving some back always can, even from below zero."""
        if delta <= 0:
            return True
        return self.quantity is not None and (self.backorder or delta <= self.quantity)

    def become(self, quantity: int) -> None:
        """Make the level `quantity`; a new version if that is a change."""
        if quantity != self.quantity:
            self.quantity = quantity
            self.version += 1

    def take(self, delta: int) -> None:
        """Lower the level by `delta` units; nothing to take leaves even an unstocked SKU as it is."""
        if delta:
            self.become((self.quantity or 0) - delta)

    def serve(self, find: Callable[[str], OrderOutcome | None]) -> list[Served]:
        """
        Give waiting lines their units, oldest first, and stop at the first whose whole shortfall does not fit.

        `find` looks a line up by order id.  One that the table has forgotten (it waited longer than the dedupe horizon)
        leaves the list and takes nothing, since nobody can say any more what it holds.
        """
        served: list[Served] = []
        done = 0
        for waiting in self.queue.lines:
            if not self.fits(waiting.shortfall) or (self.quantity or 0) - waiting.shortfall < -QUANTITY_MAX:
                break
            done += 1
            line = find(waiting.order_id)
            if line is not None:
                self.take(waiting.shortfall)
                served.append(Served(line, waiting.shortfall, self.quantity or 0, self.version))
        self.queue.drop(done)
        return served

    def settle_pause(self) -> bool:
        """
        End a pause by oversell when nothing waits, begin one when this decision fell short; an operator's stays.

        Returns whether this decision changed the pause and nothing else: then the pause makes the new version.  Where
        units moved as well, the last of those versions covers it.
        """
        if self.paused is not Pause.OPERATOR:
            if not self.queue:
                self.paused = None
            elif self.short:
                self.paused = Pause.OVERSELL
        alone = self.version == self.start and self.paused is not self._was
        self.version += alone
        return alone

    @property
    def changed(self) -> bool:
        """Whether the level has to be written: its version or its waiting lines are new."""
        return self.version != self.start or self.queue.changed
