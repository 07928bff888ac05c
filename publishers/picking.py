"""Which rows make up the next call.  Pure."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from publishers.flags import undo_of
from publishers.push import Answer, Row, Split, Stale
from publishers.tasks import Tasks
from publishers.urgency import HOT
from publishers.work import Call, Purpose, Setup

SCARCE_MS = 5_000
"""When to look again at a SKU whose listing's last calls of the day are kept: it may have become urgent."""

PERHAPS = "a 0 that was not answered"
"""How a serial group's pause is undone that is known by nothing else."""


@dataclass(frozen=True, slots=True)
class Class:
    """What rows must have in common to share a call."""

    group: str
    reads: bool
    hot: bool
    pauses: bool


class Picker:
    """Takes work out of the queue in calls that the channel accepts."""

    def __init__(self, setup: Setup, tasks: Tasks, position: Callable[[str], int]) -> None:
        """Start with the kind's own batch size; `position` says up to where a SKU's sales are heard."""
        self.setup = setup
        self.tasks = tasks
        self.position = position
        self.cap = setup.kind.BATCH
        self.hot_cap = setup.kind.HOT_BATCH

    def pick(self, now: int, request_id: str, *, probe: bool, urgent: bool = False) -> Call | None:
        """
        Return the most urgent call that may be made beside those under way; a probe has one SKU.

        With `urgent` the channel's calls of the day are scarce, and only SKUs that may be oversold are told.
        None when there is none: the most urgent SKU turned out to need none, or its group is taken.
        """
        waits = self._can_wait if urgent else lambda _sku, _now: False
        taken = self.tasks.queue.take(now, 1, lambda sku: self._free(sku, now) and not waits(sku, now))
        head = [row for sku, _ in taken for row in self._rows(sku, now)]
        if not head:
            self._give_back(dict(taken), (), now)
            return None
        shared = self._class(head[0], now)
        limit = 1 if probe else self._limit(shared)
        rows = [row for row in head if self._class(row, now) == shared]
        if len(rows) < limit:
            more = limit - len(rows)
            taken += self.tasks.queue.mates(now, more, lambda sku: self._fits(sku, shared, now), shared.group)
            rows += [row for sku, _ in taken[1:] for row in self._rows(sku, now) if self._class(row, now) == shared]
        purpose = Purpose.READ if shared.reads else Purpose.TELL
        return self._call(tuple(rows[:limit]), dict(taken), purpose, now, request_id)

    def pick_bulk(self, now: int, request_id: str) -> Call | None:
        """Return the call that tells many SKUs at once, the calm ones; None when there are too few of them."""
        bulk = self.setup.kind.BULK
        if bulk is None or self.tasks.queue.count(now, HOT) < bulk.least:
            return None
        taken = self.tasks.queue.take_calm(now, bulk.most, lambda sku: self._calm(sku, now))
        rows = tuple(row for sku, _ in taken for row in self._ripe(sku, now))[: bulk.most]
        if len(rows) < bulk.least:
            self._give_back(dict(taken), (), now)
            return None
        return self._call(rows, dict(taken), Purpose.BULK, now, request_id)

    def _call(
        self, rows: tuple[Row, ...], since: Mapping[str, int], purpose: Purpose, now: int, request_id: str
    ) -> Call:
        told = {row.sku: since[row.sku] for row in rows}
        self._give_back(since, told, now)
        return Call(
            request_id=request_id,
            rows=self._with_undo(rows),
            at=now,
            since=told,
            purpose=purpose,
            moved={sku: self.tasks.moved(sku, waits) for sku, waits in told.items()},
            sales={sku: self.tasks.book.sales.known(sku) for sku in told},
            heard={sku: self.position(sku) for sku in told},
        )

    def _give_back(self, since: Mapping[str, int], told: Container[str], now: int) -> None:
        for sku, waits in since.items():
            if sku not in told:
                self.tasks.touch(sku, now, since=waits)

    def _with_undo(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """
        Let each row of a serial group know how its pause is undone, whichever of its SKUs' records says it.

        A 0 that was never answered may have switched the group off: that goes on record with the next call's intent.
        """
        if not self.setup.kind.SERIAL:
            return rows
        undo = undo_of(self.tasks.book, rows[0].listing)
        undo = undo or (PERHAPS if any(row.unanswered == 0 for row in rows) else None)
        return tuple(replace(row, undo=undo) for row in rows)

    def _rows(self, sku: str, now: int) -> list[Row]:
        return [row for row in self._due(sku, now) if not self._taken(row)]

    def _due(self, sku: str, now: int) -> Sequence[Row]:
        return self.tasks.refusals.first(self._ripe(sku, now))

    def _ripe(self, sku: str, now: int) -> Sequence[Row]:
        """Return the SKU's rows without those whose listings wait on their ladders."""
        return self.tasks.haste.due(self.tasks.book.observed.get(sku), [*self.tasks.book.rows(sku)], now)

    def _taken(self, row: Row) -> bool:
        return self.tasks.turn(row.listing) in self.tasks.groups

    def _free(self, sku: str, now: int) -> bool:
        """Return whether the SKU has a row that may be told now, or none at all (then it is taken out)."""
        rows = self._due(sku, now)
        return not rows or not all(self._taken(row) for row in rows)

    def spares(self, sku: str, now: int) -> int:
        """Return for how many ms a SKU is put off whose listing's calls of the day are scarce; 0 where it is not."""
        known = all(row.expected is not None for row in self.tasks.book.rows(sku))
        return SCARCE_MS if known and self._can_wait(sku, now) else 0

    def _can_wait(self, sku: str, now: int) -> bool:
        """Return whether nothing is likely to be oversold while the SKU is not told; a 0 is always urgent."""
        rows, level = [*self.tasks.book.rows(sku)], self.tasks.book.levels.get(sku)
        if level is None or not rows or any(row.quantity == 0 for row in rows):
            return False
        return max(self.tasks.demand.danger(row, level, now) for row in rows) < HOT

    def _class(self, row: Row, now: int) -> Class:
        return Class(
            group=self.setup.kind.group(row.listing),
            reads=self._must_read(row),
            hot=self._hot(row.sku, now),
            pauses=self.setup.kind.PAUSES and (row.paused or row.undo is not None),
        )

    def _hot(self, sku: str, now: int) -> bool:
        """Return whether the SKU needs a smaller call; where a kind has none, what sells goes with the others."""
        smaller = self.setup.kind.HOT_BATCH < self.setup.kind.BATCH
        return smaller and self.tasks.demand.hot(self.tasks.book.levels[sku], now)

    def _calm(self, sku: str, now: int) -> bool:
        slow = self.tasks.demand.slow(self.tasks.book.levels[sku], now)
        return slow and not self._fails(sku) and not any(map(self._must_read, self.tasks.book.rows(sku)))

    def _fails(self, sku: str) -> bool:
        """Return whether the SKU has failed more than once, and not because the channel was down: it goes by itself."""
        observed = self.tasks.book.observed.get(sku)
        return observed is not None and observed.attempt > 1 and (observed.err or "").startswith("retry:")

    def _must_read(self, row: Row) -> bool:
        """
        Return whether to ask for the number before telling another.

        Where the channel compares: when it was never told, is unanswered, or was stale.  Elsewhere when an owner before
        us told it and got no answer: what has arrived need not be told again.  A serial kind's call reads by itself.
        """
        kind, name = self.setup.kind, row.listing.listing_id
        shown = self.tasks.book.shown(row.sku, name)
        if not kind.COMPARES:
            return not kind.APPLIES_MS and not kind.SERIAL and self.tasks.inherited(shown)
        return row.expected is None or shown.request_id is not None or (row.sku, name) in self.tasks.book.unknown

    def _limit(self, shared: Class) -> int:
        kind = self.setup.kind
        own = kind.READ_BATCH if shared.reads else self.hot_cap if shared.hot else kind.BATCH
        return min(own, self.cap)

    def _fits(self, sku: str, shared: Class, now: int) -> bool:
        return any(self._class(row, now) == shared for row in self._rows(sku, now))

    def learn(self, call: Call, answer: Answer) -> None:
        """
        Take up what an answer says of size: a call that must be split halves the next ones.

        So does one that failed for a row that was sold meanwhile, for the hot ones; one that did not adds a row.
        """
        if self.setup.kind.COMPARES and len(call.rows) <= self.hot_cap and not call.reads:
            stale = any(isinstance(verdict, Stale) for verdict in answer.verdicts)
            self.hot_cap = max(1, len(call.rows) // 2) if stale else min(self.setup.kind.HOT_BATCH, self.hot_cap + 1)
        if any(isinstance(verdict, Split) for verdict in answer.verdicts):
            self.cap = max(1, len(call.rows) // 2)
        else:
            self.cap = min(self.setup.kind.BATCH, self.cap * 2)
