"""
The publisher's head: inputs in, calls and records out.  Pure; the shell makes its calls and writes its records.

The order is always: `plan` gives a call and leaves intents in `tasks.out`; the shell commits them, makes the call and
hands the response to `answer`, which leaves the results there.  One call is open at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from publishers import circuit, fold, limiter, push, retry
from publishers.answers import hidden_units, log_rows
from publishers.book import Book
from publishers.hearing import Hearing
from publishers.picking import Picker
from publishers.tasks import Tasks
from publishers.work import GATES, Call, Gate, Setup
from schemas.channel_records import ChannelLevel, Listing, PublisherCommand, Watermark
from schemas.records import OrderOutcome, StockLevel
from schemas.words import Command, Status

IDLE_MS = 1_000
"""How long to wait when there is nothing to do; an input ends the wait."""

REPEAT_CALLS = 2
"""After how many time-outs a call is too old to be repeated (the channel was stopped meanwhile)."""


class Controller:
    """Decides what the channel is told next and what an answer means."""

    def __init__(self, setup: Setup, book: Book, now: int) -> None:
        """Start as a standby: tables are kept, nothing is queued."""
        self.setup = setup
        self.book = book
        self.hearing = Hearing(book, setup.partitions)
        self.tasks = Tasks(setup, book)
        self.picker = Picker(setup, self.tasks, self.hearing.position)
        self.budget = limiter.full(setup.windows, now)
        self.circuit = circuit.Circuit()
        self.gate = setup.gate
        self.refused: str | None = None
        self.active = False
        self._unanswered: Call | None = None

    def activate(self, now: int) -> None:
        """Become the one that tells: everything that differs is work."""
        self.active = True
        self.hearing.begin()
        self.tasks.index(now)
        # The observed ones too: what was in trouble when its listing ended is in step, and no probe.
        for sku in {**self.book.listings, **self.book.observed}:
            self.tasks.touch(sku, now)
        self._note(self.book.observed)
        self._end_hidden(now)

    def _note(self, skus: Iterable[str]) -> None:
        """Write which listings are retired, where there is no call that says so; a channel in shadow writes nothing."""
        if self.active and self.gate is Gate.PUSH:
            self.tasks.note_retired([*skus])

    def level(self, record: StockLevel, now: int) -> None:
        """Take up a level."""
        changed = self.hearing.level(record)
        if not self.active:
            return
        if changed is not None and self.gate is Gate.PUSH:
            self.tasks.store(replace(changed, at=now))
        self.tasks.newer(record.sku, now)

    def listing(self, listing_id: str, record: Listing | None, partition: int, now: int) -> None:
        """Take up a listing or its end from a partition; a dead SKU is tried again with it."""
        skus = self.book.put_listing(listing_id, record, partition)
        if self.active:
            self.tasks.replay(skus, "its listing has changed", now)
            self._note(skus)

    def observed(self, record: ChannelLevel) -> None:
        """Take up what the active publisher wrote; the active one knows it already."""
        if not self.active:
            self.book.put_observed(record)

    def outcome(self, record: OrderOutcome, offset: int, now: int) -> None:
        """Take up a decision about an order of this channel, read at `offset`: it may be a sale that was hidden."""
        changed = self.hearing.outcome(record, offset)
        if self.active and changed:
            self._changed(record.sku, now)
        elif self.active and record.channel == self.setup.channel:
            self.tasks.touch(record.sku, now)

    def watermark(self, record: Watermark, now: int) -> None:
        """Take up how far the channel's orders have been read; hidden sales before that have arrived or never were."""
        if record.channel == self.setup.channel:
            self.book.polled(record.through, now)

    def _end_hidden(self, now: int) -> None:
        for sku in self.book.passed(now):
            self._changed(sku, now)

    def _changed(self, sku: str, now: int) -> None:
        if self.gate is Gate.PUSH:
            self.tasks.store(replace(self.book.observed[sku], at=now))
        self.tasks.touch(sku, now)

    def command(self, record: PublisherCommand, now: int) -> None:
        """Do what an operator asks for; opening the gate or a replay also ends a stop by refused credentials."""
        self.gate = GATES.get(record.command, self.gate)
        if record.command in (Command.ENABLE, Command.REPLAY):
            self.refused = None
            self._note(self.book.observed)
        if record.command is Command.REPLAY and self.active:
            dead = self.tasks.troubled[Status.DEAD] | self.tasks.troubled[Status.RETRYING]
            self.tasks.replay(dead if record.sku is None else [record.sku], "replay", now)

    def secrets_changed(self) -> None:
        """Try again with new secrets."""
        self.refused = None

    def plan(self, now: int, request_id: str) -> Call | int:
        """Return the next call, its intents in `tasks.out`, or for how many ms to wait."""
        if not self.active:
            return IDLE_MS
        self._end_hidden(now)
        if self.refused is not None or self.gate is not Gate.PUSH:
            return IDLE_MS
        if self.circuit.is_open and circuit.wait(self.circuit, now):
            self.tasks.climb(push.ChannelDown(self.circuit.err), self._moment(now))
        elif self.circuit.is_open:
            self.tasks.wake_one(now)
        due = now if self._unanswered else self.tasks.queue.due_at(now)
        if due is None:
            return IDLE_MS
        wait = max(due - now, circuit.wait(self.circuit, now), limiter.wait(self.budget, self.picker.cost, now))
        if wait > 0:
            return min(wait, IDLE_MS)
        probe = self.circuit.is_open
        picked = self._repeat(now) or self.picker.pick(now, request_id, probe=probe)
        if picked is None:
            return 0
        call = replace(picked, probe=probe)
        self.budget = limiter.spent(self.budget, self.picker.cost, now)
        if not call.reads:
            self._intend(call)
        return call

    def _repeat(self, now: int) -> Call | None:
        call, self._unanswered = self._unanswered, None
        if call is None:
            return None
        if now - call.at <= REPEAT_CALLS * self.setup.call_timeout_ms:
            return replace(call, at=now, again=True)
        for sku, since in call.since.items():
            self.tasks.touch(sku, now, since=since)
        return None

    def renew(self, call: Call, now: int) -> Call:
        """Return the call with fresh intents in `tasks.out`: too much time went by between them and the call."""
        renewed = replace(call, at=now)
        if not call.reads:
            self._intend(renewed)
        return renewed

    def _intend(self, call: Call) -> None:
        for sku, since in call.since.items():
            old, rows = self.book.observed.get(sku), [row for row in call.rows if row.sku == sku]
            self.tasks.store(fold.intent(old, rows, call.request_id, call.at, since))

    def answer(self, call: Call, response: push.Response, now: int) -> push.Answer:
        """Take up a call's response; the results stand in `tasks.out`."""
        return self._take_up(call, self._judge(call, response), response, now)

    def withheld(self, call: Call, reason: str, now: int) -> push.Answer:
        """Take up that a call could not be made, because its secrets are missing."""
        unsent = push.Response(status=0, err=reason, unsent=True)
        return self._take_up(call, push.all_rows(push.Credentials(reason), call.rows), unsent, now)

    def _take_up(self, call: Call, answer: push.Answer, response: push.Response, now: int) -> push.Answer:
        self.picker.learn(call, answer)
        self._weather(answer, now)
        self.tasks.out.extend(log_rows(self.setup.channel, self.book.levels, call, answer, response, now))
        if self._try_once_more(call, response):
            self._unanswered = call
            return answer
        judged = list(zip(call.rows, answer.verdicts, strict=True))
        for sku in call.since:
            self._result(call, sku, [pair for pair in judged if pair[0].sku == sku], now)
        if response.status and not any(isinstance(verdict, push.ChannelDown) for verdict in answer.verdicts):
            self._back(now)
        return answer

    def _judge(self, call: Call, response: push.Response) -> push.Answer:
        back = self.setup.kind.READ_BACK
        classify = back.classify if back is not None and call.reads else self.setup.kind.classify
        return classify(call.rows, response)

    def _weather(self, answer: push.Answer, now: int) -> None:
        """Let the answer correct the limits, the circuit and the gate."""
        verdict = answer.verdicts[0]
        if answer.available is not None:
            self.budget = limiter.corrected(self.budget, answer.available, now)
        if isinstance(verdict, push.Throttled):
            self.budget = limiter.blocked(self.budget, now + verdict.after_ms)
        if isinstance(verdict, push.ChannelDown):
            self.circuit = circuit.failed(self.circuit, verdict.reason, now, self.setup.scale)
        if isinstance(verdict, push.Credentials):
            self.refused = verdict.reason

    def _try_once_more(self, call: Call, response: push.Response) -> bool:
        """
        Return whether to send the same body once more: it was not answered, and its key makes that harmless.

        Only at once: as the probe of an open circuit it would tell an old number.
        """
        harmless = self.setup.kind.READ_BACK is not None and not call.reads and not self.circuit.is_open
        return harmless and not call.again and response.status == 0 and not response.unsent

    def _result(self, call: Call, sku: str, judged: Sequence[tuple[push.Row, push.Verdict]], now: int) -> None:
        old = self.book.observed.get(sku) or ChannelLevel(sku=sku, status=Status.SENDING, at=now)
        judged = [(row, self.tasks.patience(row, verdict)) for row, verdict in judged]
        record = fold.result(old, judged, self._moment(now, call))
        for row, verdict in judged:
            if isinstance(verdict, push.Shows):
                record = replace(record, hidden=record.hidden + hidden_units(self.book, row, verdict.quantity))
            if isinstance(verdict, push.Delivered):
                self.book.sales.settle(sku, call.sales.get(sku, ()))
                record = replace(record, heard=max(record.heard, call.heard.get(sku, 0)))
        if any(isinstance(verdict, push.Shows) for _, verdict in judged):
            self.book.sales.settle(sku, self.book.sales.known(sku))
            record = replace(record, heard=max(record.heard, self.hearing.position(sku)))
        if record.hidden > old.hidden:
            self.book.hiding[sku] = now
        self.tasks.store(record)
        self.tasks.touch(sku, now, since=call.since[sku])

    def _back(self, now: int) -> None:
        failures, self.circuit = self.circuit.failures, circuit.Circuit()
        if failures:
            self.tasks.channel_is_back(now)

    def _moment(self, now: int, call: Call | None = None) -> fold.Moment:
        def due(attempt: int) -> int | None:
            delay = retry.delay(self.setup.ladder, attempt, self.setup.draw())
            return None if delay is None else now + delay

        probe, reads = (call.probe, call.reads) if call else (False, False)
        return fold.Moment(now=now, due=due, counts=not probe, reads=reads)
