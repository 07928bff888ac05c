"""A SKU's level while records are decided, before it is frozen into a record."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from processor.waiting import Queue
from schemas.records import OrderOutcome, StockLevel, Waiting
from schemas.words import Pause, Policy

QUANTITY_MAX = 10**12
"""The largest level and change that a record can hold, either way; what would go beyond is refused, not wrapped."""
_NOWHERE: Mapping[str, int] = MappingProxyType({})


class Served(NamedTuple):
    """A waiting line that got its units, and the level right after."""

    line: OrderOutcome
    units: int
    quantity: int
    version: int


class Draft:
    """
    A SKU's level while records are decided, one after the other: changed in place, then frozen.

    `quantity` is None until the SKU is stocked for the first time.  Of the decision under way: `short` says that it
    found too little, so that lines left waiting pause the SKU; `closed` are the lines that a count has ended; `start`
    is the version before.  `velocity`, `received_at` and `source` go on from the table's level; `moved` is what moved
    the level last, as `processor.rule_records` keeps it, None while it is as in the table.
    """

    __slots__ = (
        "_saved", "backorder", "closed", "moved", "paused", "policy", "quantity", "queue", "received_at",
        "short", "source", "start", "velocity", "version",
    )  # fmt: skip

    def __init__(self, level: StockLevel | None, policy: Policy) -> None:
        """Start from the table's level; a SKU it does not know has version 0 and was never stocked."""
        self.quantity: int | None = None
        self.version, self.paused, self.velocity = 0, None, 0
        self.received_at: int | None = None
        self.source: Mapping[str, int] = _NOWHERE
        if level is None:
            self.queue = Queue()
        else:
            self.quantity, self.version, self.paused = level.quantity, level.version, level.paused
            self.queue = Queue(level.waiting, level.waiting_more)
            self.velocity, self.received_at, self.source = level.velocity, level.cause.received_at, level.source
        self.policy = policy
        self.backorder = policy is Policy.BACKORDER
        self.moved: Any = None
        self.begin()

    def begin(self) -> None:
        """Begin a decision."""
        queue = self.queue
        self._saved = self.quantity, self.version, self.paused, queue.lines, queue.more
        self.start = self.version
        self.closed: tuple[Waiting, ...] = ()
        self.short = queue.changed = False

    def undo(self) -> None:
        """Be as at the beginning of the decision."""
        self.quantity, self.version, self.paused, self.queue.lines, self.queue.more = self._saved

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
        alone = self.version == self.start and self.paused is not self._saved[2]
        self.version += alone
        return alone

    @property
    def changed(self) -> bool:
        """Whether the level has to be written: its version or its waiting lines are new."""
        return self.version != self.start or self.queue.changed
