"""Which rows make up the next call.  Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from publishers.push import Answer, Request, Row, Split
from publishers.tasks import Tasks
from publishers.work import Call, Setup
from schemas.words import CauseKind

HOT_MS = 60_000
"""A SKU that an order moved this recently is hot: the channel may be selling it at this moment."""
READ_MAX = 50
"""Most rows in a read-back; a query's cost grows with its rows and is bounded by the channel."""


@dataclass(frozen=True, slots=True)
class Class:
    """What rows must have in common to share a call."""

    group: str
    reads: bool
    hot: bool


class Picker:
    """Takes work out of the queue in calls that the channel accepts."""

    def __init__(self, setup: Setup, tasks: Tasks, position: Callable[[str], int]) -> None:
        """Start with the kind's own batch size and cost; `position` says up to where a SKU's sales are heard."""
        self.setup = setup
        self.tasks = tasks
        self.position = position
        self.cap = setup.kind.BATCH
        self.cost = setup.kind.COST

    def pick(self, now: int, request_id: str, *, probe: bool) -> Call | None:
        """Return the most urgent call, None when the most urgent SKU turned out to need none; a probe has one SKU."""
        taken = self.tasks.queue.take(now, 1, lambda _: True)
        head = [row for sku, _ in taken for row in self.tasks.book.rows(sku)]
        if not head:
            return None
        shared = self._class(head[0], now)
        limit = 1 if probe else self._limit(shared)
        rows = [row for row in head if self._class(row, now) == shared]
        if len(rows) < limit:
            taken += self.tasks.queue.take(now, limit - len(rows), lambda sku: self._fits(sku, shared, now))
            rows += [
                row for sku, _ in taken[1:] for row in self.tasks.book.rows(sku) if self._class(row, now) == shared
            ]
        return self._call(tuple(rows[:limit]), dict(taken), shared, now, request_id)

    def _call(self, rows: tuple[Row, ...], since: dict[str, int], shared: Class, now: int, request_id: str) -> Call:
        told = {row.sku: since[row.sku] for row in rows}
        for sku in since.keys() - told.keys():
            self.tasks.touch(sku, now, since=since[sku])
        return Call(
            request=self._request(rows, request_id, reads=shared.reads),
            request_id=request_id,
            rows=rows,
            at=now,
            since=told,
            sales={sku: self.tasks.book.sales.known(sku) for sku in told},
            heard={sku: self.position(sku) for sku in told},
            reads=shared.reads,
        )

    def _request(self, rows: tuple[Row, ...], request_id: str, *, reads: bool) -> Request:
        back = self.setup.kind.READ_BACK
        if reads and back is not None:
            return back.request(rows, self.setup.account)
        return self.setup.kind.request(rows, self.setup.account, request_id)

    def _class(self, row: Row, now: int) -> Class:
        cause = self.tasks.book.levels[row.sku].cause
        hot = cause.kind is CauseKind.ORDER and cause.received_at > now - HOT_MS
        return Class(group=self.setup.kind.group(row.listing), reads=self._must_read(row), hot=hot)

    def _must_read(self, row: Row) -> bool:
        """Return whether the number is not known well enough to be told from: never told, unanswered, or stale."""
        if self.setup.kind.READ_BACK is None:
            return False
        name = row.listing.listing_id
        unanswered = self.tasks.book.shown(row.sku, name).request_id is not None
        return row.expected is None or unanswered or (row.sku, name) in self.tasks.unknown

    def _limit(self, shared: Class) -> int:
        own = READ_MAX if shared.reads else self.setup.kind.HOT_BATCH if shared.hot else self.setup.kind.BATCH
        return min(own, self.cap)

    def _fits(self, sku: str, shared: Class, now: int) -> bool:
        return any(self._class(row, now) == shared for row in self.tasks.book.rows(sku))

    def learn(self, call: Call, answer: Answer) -> None:
        """Take up what an answer says of cost and size: a call that must be split halves the next ones."""
        if answer.cost is not None:
            largest = min((w.burst for w in self.setup.windows if w.points), default=answer.cost)
            self.cost = min(max(self.setup.kind.COST, answer.cost), largest)
        if any(isinstance(verdict, Split) for verdict in answer.verdicts):
            self.cap = max(1, len(call.rows) // 2)
        else:
            self.cap = min(self.setup.kind.BATCH, self.cap * 2)
