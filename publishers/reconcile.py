"""
Reconciliation: which looks are made at a channel, and what each of them leads to.  Pure.

A run reads all that the channel shows (`Kind.sweep`).  What differs and cannot be judged yet is looked at once more
before the run ends; what shows less waits for the order poll beyond its end.  Accepted numbers are read back one by
one.  Whatever is found wrong goes into the book as it is, and is told by the same queue as everything else.
"""

from collections import deque
from collections.abc import Callable

from publishers.confirm import Agenda
from publishers.findings import Ask, Run, refusal
from publishers.flags import undo_of
from publishers.inspection import Inspection
from publishers.kind import Conversation, Sweep, Swept
from publishers.push import Answer, Rejected, Row, Shows
from publishers.readback import PASSED_MARGIN_MS, Look
from publishers.tasks import Tasks
from publishers.told import Place
from publishers.work import Call, Gate, Purpose, Setup
from schemas.channel_records import Listing

FIRST_MS = 10_000
"""
How long after a publisher has begun, or the channel was opened to it, the first run waits: work goes first.

A rehearsal's is shortened by `Setup.scale`.
"""
AGAIN_MS = 30_000
"""After a look that was not answered."""
ASKS_MAX = 16
"""Most runs that wait to be made."""


class Reconciler:
    """Says which looks are made, and when."""

    def __init__(self, setup: Setup, tasks: Tasks, position: Callable[[str], int]) -> None:
        """Work on these tasks' book; `position` says up to where a SKU's sales are heard."""
        self.setup = setup
        self.book = tasks.book
        self.tasks = tasks
        self.inspection = Inspection(setup, tasks, position)
        self.ended_at: int | None = None
        """When the last run ended that read all; at first, when the publisher began."""
        self._asks: deque[Ask] = deque()
        self._looking = False
        self._next_at = 0
        self._through = 0

    def begin(self, now: int, gate: Gate) -> None:
        """Make the first run soon: the channel has become ours, or its gate was moved."""
        self.inspection.gate = gate
        self._next_at = now + max(1, FIRST_MS * self.setup.scale // 1_000)
        self.ended_at = now if self.ended_at is None else self.ended_at

    def age(self, now: int) -> int:
        """Return how many ms ago the last run ended that read all, or the publisher began."""
        return max(0, now - (self.ended_at or now))

    def ask(self, ask: Ask, now: int) -> None:
        """Make a run as soon as the one under way has ended; beyond `ASKS_MAX` it is refused."""
        if len(self._asks) >= ASKS_MAX:
            self.tasks.out.append(refusal(self.setup.channel, ask, "too many runs are asked for", now))
        else:
            self._asks.append(ask)

    def refuse(self, why: str, now: int) -> None:
        """Answer those who asked that the channel is not read now."""
        self._end(now)
        while self._asks:
            self.tasks.out.append(refusal(self.setup.channel, self._asks.popleft(), why, now))

    def next(self, now: int, request_id: str, gate: Gate) -> Call | None:
        """Return the next call that reads, None when none is due."""
        self.inspection.gate = gate
        self._end(now)
        if not self._looking and (rows := self._rows(now)):
            self._looking = True
            return Call(request_id=request_id, rows=rows, at=now, since={}, purpose=Purpose.LOOK)
        if self.inspection.run is not None or (ask := self._due(now, request_id)) is None:
            return None
        self._next_at = now + self.setup.reconcile_every_ms
        keys = frozenset(self.setup.kind.key(listing) for listing in self.inspection.listings())
        self.inspection.run = Run(ask=ask, started_at=now, shadow=gate is not Gate.PUSH, keys=keys)
        return Call(request_id=request_id, rows=(), at=now, since={}, purpose=Purpose.SWEEP)

    def _due(self, now: int, request_id: str) -> Ask | None:
        if self._asks:
            return self._asks.popleft()
        by_clock = self.setup.reconcile_every_ms > 0 and now >= self._next_at
        return Ask(run_id=request_id, asked=False) if by_clock else None

    def _end(self, now: int) -> None:
        """Go on with the run, and end it when nothing of it is open, or when it has waited long enough."""
        run = self.inspection.run
        if run is not None:
            self.inspection.go_on(run, now)
        if run is None or run.ends_at is None or (run.open and now < run.ends_at):
            return
        self.inspection.close(run, now)
        self.inspection.run = None
        self.ended_at = now if run.err is None else self.ended_at

    def _rows(self, now: int) -> tuple[Row, ...]:
        """Return the rows of the next look, of one group."""
        self._wake(now)
        rows = self._batch(self.inspection.agenda, now)
        if rows or self.inspection.gate is not Gate.PUSH:
            return rows
        return self._batch(self.book.trail.confirmations.agenda, now)

    def _wake(self, now: int) -> None:
        """Look again at what the order poll has passed meanwhile."""
        through = self.book.through(now)
        if through == self._through or self.inspection.gate is not Gate.PUSH:
            return
        self._through = through
        for place, case in self.inspection.cases.items():
            if through >= case.first.at + PASSED_MARGIN_MS:
                self.inspection.agenda.put(place, now)

    def _batch(self, agenda: Agenda, now: int) -> tuple[Row, ...]:
        rows: list[Row] = []
        others: list[Place] = []
        while len(rows) < self.setup.kind.READ_BATCH and len(others) < self.setup.kind.READ_BATCH:
            place = agenda.take(now)
            if place is None:
                break
            listing = self.book.listings.get(place[0], {}).get(place[1])
            if listing is None:
                self._forget(place)
            elif rows and self.setup.kind.group(listing) != self.setup.kind.group(rows[0].listing):
                others.append(place)
            else:
                rows.append(self._row(listing))
        for place in others:
            agenda.put(place, now)
        return tuple(rows)

    def _row(self, listing: Listing) -> Row:
        level, expected = self.book.levels.get(listing.sku), self.book.expected(listing.sku, listing.listing_id)
        return Row(
            sku=listing.sku,
            listing=listing,
            quantity=expected or 0,
            version=level.version if level else 0,
            expected=expected,
            undo=undo_of(self.book, listing),
        )

    def _forget(self, place: Place) -> None:
        self.inspection.cases.pop(place, None)
        self.book.trail.end(place)
        if self.inspection.run is not None:
            self.inspection.run.open.discard(place)

    @property
    def busy(self) -> bool:
        """Whether there is more to judge at once."""
        return self.inspection.run is not None and self.inspection.run.left is not None

    def conversation(self, call: Call) -> Conversation | Sweep:
        """Return the conversation of a call of ours."""
        kind, account = self.setup.kind, self.setup.account
        if call.purpose is Purpose.LOOK:
            return kind.read(call.rows, account)
        return kind.sweep(account, tuple(self.inspection.listings()))

    def took(self, call: Call, ended: Answer | Swept, now: int) -> None:
        """Take up how a call of ours has ended."""
        run = self.inspection.run
        if isinstance(ended, Swept):
            if run is not None:
                run.requests = call.step + 1
                self.inspection.swept(run, ended, now)
            return
        self._looking = False
        for row, verdict in zip(call.rows, ended.verdicts, strict=True):
            if isinstance(verdict, Shows):
                self.inspection.looked(row.listing, Look(quantity=verdict.quantity, at=verdict.at or call.at), now)
            elif isinstance(verdict, Rejected):
                self.inspection.looked(row.listing, Look(quantity=None, at=call.at), now)
            else:
                self._unanswered((row.sku, row.listing.listing_id), now)

    def _unanswered(self, place: Place, now: int) -> None:
        run = self.inspection.run
        if place in self.inspection.cases or (run is not None and place in run.open):
            self.inspection.agenda.put(place, now + AGAIN_MS)
        else:
            self.book.trail.confirmations.later(place, now)
