"""
The publisher's head: inputs in, calls and records out.  Pure; the shell makes its calls and writes its records.

The order is always: `plan` gives a request and leaves intents in `tasks.out`; the shell commits them, makes the request
and hands the response to `answer`, which leaves the results there.  Meanwhile it may ask `plan` for more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

from publishers import push
from publishers.book import Book
from publishers.calling import IDLE_MS, Calling
from publishers.ended import forget
from publishers.findings import asked
from publishers.flags import note_moved, note_retired
from publishers.hearing import Hearing
from publishers.kind import Swept
from publishers.reconcile import Reconciler
from publishers.tasks import Tasks
from publishers.work import ASIDE, GATES, Call, Gate, Purpose, Setup
from schemas.channel_records import ChannelLevel, Listing, PublisherCommand, Watermark
from schemas.records import OrderOutcome, StockLevel
from schemas.settings import Channel
from schemas.words import Command, Status

SLICE = 500
"""So many SKUs are looked at anew at once: answers must be taken up meanwhile, however many there are."""

SAMPLE = 10
"""How many SKUs that differ are named in the log."""


class Controller:
    """Decides what the channel is told next and what an answer means."""

    def __init__(self, setup: Setup, book: Book, now: int) -> None:
        """Start as a standby: tables are kept, nothing is queued."""
        self.setup = setup
        self.book = book
        self.hearing = Hearing(book, setup.partitions)
        self.tasks = Tasks(setup, book)
        self.calling = Calling(setup, self.tasks, self.hearing, now)
        self.reconciler = Reconciler(setup, self.tasks, self.hearing.position)
        self.gate = setup.gate
        self.active = False
        self.draining = False
        self._anew: Iterator[str] | None = None
        """SKUs that have not been looked at since we began, or since the rules changed."""

    def activate(self, now: int) -> None:
        """Become the one that tells: everything that differs is work, found some at a time before the first call."""
        self.active = True
        self.book.trail.confirmations.applied.clear()  # an owner before us has measured those
        self.hearing.begin()
        self.tasks.index(now)
        self._note({**self.book.observed, **self.book.listings})
        # The observed ones too: what was in trouble when its listing ended is in step, and no probe.
        self._anew = iter({**self.book.listings, **self.book.observed})
        self._look_anew(now)
        self._end_hidden(now)
        self.reconciler.begin(now, self.gate)

    def _note(self, skus: Iterable[str]) -> None:
        """Write what no call says: which listings are retired, or sell another SKU; in shadow nothing is written."""
        if self.active and self.gate is Gate.PUSH:
            note_moved(self.tasks, some := [*skus])
            note_retired(self.tasks, some)

    def level(self, record: StockLevel, now: int) -> None:
        """Take up a level."""
        changed = self.hearing.level(record)
        self.tasks.demand.note(record)
        if not self.active:
            return
        if changed is not None and self.gate is Gate.PUSH:
            self.tasks.store(replace(changed, at=now))
        for sku in (record.sku, *self.book.bundles.of(record.sku)):
            self.tasks.newer(sku, now)

    def listing(self, listing_id: str, record: Listing | None, partition: int, now: int) -> None:
        """
        Take up a listing or its end from a partition; a dead SKU is tried again with it.

        One that sells another SKU than before, or comes back, shows what nobody knows: its record here is an old one.
        """
        before, skus = self.book.sku_of(listing_id), self.book.put_listing(listing_id, record, partition)
        for one in skus:
            forget(self.tasks, one, listing_id)
        if self.active:
            if (sku := self.book.sku_of(listing_id)) not in (None, before):
                self.book.unknown.add((sku, listing_id))
            self._note(skus)
            self.tasks.replay(skus, "its listing has changed", now)

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
        before, self.gate = self.gate, GATES.get(record.command, self.gate)
        if self.gate is not before:
            self.reconciler.begin(now, self.gate)
            self._note({**self.book.observed, **self.book.listings})
        if self.gate is not Gate.PUSH:
            self.calling.abandon(now)
        if record.command in (Command.ENABLE, Command.REPLAY):
            self.calling.refused = None
        if record.command is Command.RECONCILE and self.active:
            self.reconciler.ask(asked(self.setup.channel, record), now)
        if self.active:
            self._do(record, now)

    def _do(self, record: PublisherCommand, now: int) -> None:
        """Do what is done once.  A letter that a person has closed is tried again only by its SKU's name."""
        # Replay and discard come by the thousand, a command for each SKU: none looks at all that there are.
        letters = self.tasks.letters.values() if record.sku is None else ()
        if record.command is Command.REPLAY:
            all_of = set[str]().union(*letters, self.tasks.troubled[Status.RETRYING])
            self.tasks.replay([record.sku] if record.sku is not None else all_of, "replay", now)
        elif record.command is Command.DISCARD:
            meant = [record.sku] if record.sku is not None else set[str]().union(*letters)
            self.tasks.discard(meant, record.actor, record.reason, now)
        elif record.command is Command.BRAKE_RELEASE:
            while self._anew is not None:  # what is not found yet is meant too
                self._look_anew(now)
            for sku in self.book.brake.release():
                self.tasks.touch(sku, now)

    def rules(self, channel: Channel, now: int) -> None:
        """Take up what of a channel's settings may change while it is told (`publishers.watch.LIVE`)."""
        every = channel.reconcile_every_ms
        self.reconciler.setup = replace(self.reconciler.setup, reconcile_every_ms=every)
        self.tasks.demand.turn(channel.order, self.book.levels.values())
        self.book.rules_for, self.book.brake.percent = channel.rules_for, channel.brake_percent
        self.book.brake.rules(self.book.levels, channel.rules_for)
        if self.active:
            self._anew = chain(self._anew or (), [*self.book.listings])
            self._look_anew(now)

    def _look_anew(self, now: int) -> None:
        """
        Look at some of the SKUs that a takeover, other rules or the brake may have changed.

        No call is begun before all were looked at: the brake judges them as one change.
        """
        some = [*islice(self._anew or (), SLICE)]
        for sku in some:
            self.tasks.touch(sku, now)
        if self._anew is not None and len(some) < SLICE:
            self._anew = None
            self.book.brake.ease()
        for _ in range(min(SLICE, len(self.book.brake.moved))):
            self.tasks.touch(self.book.brake.moved.pop(), now)

    def secrets_changed(self) -> None:
        """Try again with new secrets."""
        self.calling.refused = None

    def sample(self) -> list[str]:
        """Return some of the differences in words, for the log of a channel in shadow."""
        rows = (row for sku in islice(self.tasks.queue, SAMPLE) for row in self.book.rows(sku))
        return [f"{row.sku}: {row.expected} -> {row.quantity}" for row in rows]

    def plan(self, now: int, request_id: str) -> Call | int:
        """Return the next request to make, its intents in `tasks.out`, or for how many ms to wait."""
        if not self.active:
            return IDLE_MS
        self._end_hidden(now)
        self.book.brake.at(now)
        self._look_anew(now)
        if self.calling.refused is not None or self.gate is Gate.STOPPED:
            self.reconciler.refuse(self.calling.refused or "the channel is stopped", now)
            return IDLE_MS
        if not self.draining:
            self._read(now, f"read-{request_id}")
        tells = self.gate is Gate.PUSH
        wait = self.calling.go_on(now, tells=tells)
        if isinstance(wait, Call):
            return wait
        if self.reconciler.busy or self._anew is not None or self.book.brake.moved:
            wait = 0
        step = self.calling.tell(now, request_id) if tells and not self.draining and self._anew is None else wait
        if isinstance(step, Call):
            return step
        return self.calling.probe(now, tells=tells) or min(step, wait)

    def _read(self, now: int, request_id: str) -> None:
        """Begin what is to be read beside the work; its requests are made as the limit for reading allows."""
        call = self.reconciler.next(now, request_id, self.gate)
        if call is None:
            return
        try:
            self.calling.talks.begin(call, self.reconciler.conversation(call), now)
        except StopIteration as end:  # it needs no request
            self.reconciler.took(call, end.value, now)

    def renew(self, call: Call, now: int) -> Call:
        """Return the call with fresh intents in `tasks.out`: too much time went by between them and the call."""
        renewed = replace(call, at=now)
        self.calling.talks.sent(renewed)
        self.calling.results.intend(renewed)
        return renewed

    def withheld(self, call: Call, reason: str, now: int) -> push.Answer:
        """Take up that a request could not be made, because its secrets are missing."""
        answer = self.calling.withheld(call, reason, now)
        if call.purpose in ASIDE:
            swept = Swept(seen=(), err=reason)
            self.reconciler.took(call, swept if call.purpose is Purpose.SWEEP else answer, now)
        self.calling.abandon(now)
        return answer

    def answer(self, call: Call, response: push.Response, now: int) -> push.Answer | Swept | None:
        """Take up a response: how its call has ended, the results in `tasks.out`; None where the call goes on."""
        ended = self.calling.answer(call, response, now)
        if ended is not None and call.purpose in ASIDE:
            self.reconciler.took(call, ended, now)
        if self.calling.refused is not None or self.gate is not Gate.PUSH:
            self.calling.abandon(now)
        return ended
