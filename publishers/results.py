"""What a call leaves with its SKUs: intents before it, then records, hidden sales, and what comes next.  Pure."""

from collections.abc import Sequence
from dataclasses import replace

from publishers import fold, push, retry
from publishers.answers import hidden_units
from publishers.flags import note_moved, undone
from publishers.hearing import Hearing
from publishers.tasks import Tasks
from publishers.work import Call, Purpose, Setup
from schemas.channel_records import ChannelLevel
from schemas.words import Status


class Results:
    """Takes calls and their answers up into the records of their SKUs."""

    def __init__(self, setup: Setup, tasks: Tasks, hearing: Hearing) -> None:
        """Write into these tasks; `hearing` says up to where sales are heard."""
        self.setup = setup
        self.tasks = tasks
        self.hearing = hearing

    def intend(self, call: Call) -> None:
        """Leave the intents of a call in `tasks.out`."""
        by_sku: dict[str, list[push.Row]] = {}
        for row in call.rows:
            by_sku.setdefault(row.sku, []).append(row)
        for sku, rows in by_sku.items():
            old = self.tasks.book.observed.get(sku)
            self.tasks.store(fold.intent(old, rows, call.request_id, call.at, call.since[sku]))

    def take(self, call: Call, answer: push.Answer, now: int) -> None:
        """End a call: each of its SKUs gets its record, and its place in the queue if there is more to tell."""
        self.tasks.end(call)
        judged: dict[str, list[tuple[push.Row, push.Verdict]]] = {}
        for row, verdict in zip(call.rows, answer.verdicts, strict=True):
            judged.setdefault(row.sku, []).append((row, verdict))
        for sku, pairs in judged.items():
            if call.purpose is not Purpose.BULK or sku not in self.tasks.overtaking:
                self._result(call, sku, pairs, now)
            if sku not in self.tasks.busy and self.tasks.overtaking.over(sku):
                self._tell_again(sku, call.since[sku], now)

    def _tell_again(self, sku: str, since: int, now: int) -> None:
        """A bulk may have put an older number over the one that the SKU was told meanwhile."""
        self.tasks.book.unknown.update((sku, name) for name in self.tasks.book.listings.get(sku, ()))
        self.tasks.touch(sku, now, since=since)

    def _result(self, call: Call, sku: str, judged: Sequence[tuple[push.Row, push.Verdict]], now: int) -> None:
        book = self.tasks.book
        old = book.observed.get(sku) or ChannelLevel(sku=sku, status=Status.SENDING, at=now)
        judged = [(row, self.tasks.patience(row, verdict)) for row, verdict in judged]
        record = fold.result(old, judged, self.moment(now, call))
        for row, verdict in judged:
            if isinstance(verdict, push.Shows):
                record = replace(record, hidden=record.hidden + hidden_units(book, row, verdict.quantity))
            if isinstance(verdict, push.Delivered | push.Accepted):
                book.sales.settle(sku, call.sales.get(sku, ()))
                record = replace(record, heard=max(record.heard, call.heard.get(sku, 0)))
        if any(isinstance(verdict, push.Shows) for _, verdict in judged):
            book.sales.settle(sku, book.sales.known(sku))
            record = replace(record, heard=max(record.heard, self.hearing.position(sku)))
        if record.hidden > old.hidden:
            book.hiding[sku] = now
        self.tasks.store(record)
        self._clear_undo(judged)
        owners = {book.sku_of(row.listing.listing_id) for row, _ in judged}
        note_moved(self.tasks, [owner for owner in owners if owner not in (None, sku)])
        self.tasks.touch(sku, now, since=call.since[sku])

    def _clear_undo(self, judged: Sequence[tuple[push.Row, push.Verdict]]) -> None:
        """Take back what a serial group's other SKUs say of an undo that has been done: it is the group's."""
        for row, verdict in judged:
            if self.setup.kind.SERIAL and row.undo and isinstance(verdict, push.Delivered) and verdict.undo is None:
                undone(self.tasks, row.listing)

    def moment(self, now: int, call: Call | None = None) -> fold.Moment:
        """Return when it is, and when the next attempt after the n-th failure would be."""

        def due(attempt: int) -> int | None:
            delay = retry.delay(self.setup.ladder, attempt, self.setup.draw())
            return None if delay is None else now + delay

        if call is None:
            return fold.Moment(now=now, due=due)
        return fold.Moment(
            now=now, due=due, counts=not call.probe, again=call.again, reads=call.reads, wrote=call.wrote
        )
