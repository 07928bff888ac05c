"""The SKUs that differ and what was written about them: the book, the queue and the records on their way out.  Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from publishers import fold, ladder
from publishers.book import Book, told_version
from publishers.brake import HELD
from publishers.comeback import Comeback
from publishers.demand import Demand
from publishers.overtaking import Overtaking
from publishers.push import Accepted, ChannelDown, Delivered, Retry, Row, Shows, Stale, Verdict
from publishers.queue import WorkQueue
from publishers.refusals import STALE_MAX, Refusals
from publishers.urgency import HOT
from publishers.work import Call, Out, Purpose, Setup
from schemas.channel_records import ChannelLevel, Listing, Shown
from schemas.words import Reason, Status

INTENT_MARGIN_MS = 500
"""How much older than the call timeout an open intent must be before a new owner tells its SKU again."""
CLIMB = 500
"""Most rungs that are taken at once while the circuit is open."""


class Tasks:
    """Keeps the queue equal to the difference, and collects the records that say so."""

    def __init__(self, setup: Setup, book: Book) -> None:
        """Start with nothing to do."""
        self.setup = setup
        self.book = book
        self.queue = WorkQueue()
        self.demand = Demand(setup.order)
        self.out: list[Out] = []
        self.troubled: dict[Status, set[str]] = {Status.RETRYING: set(), Status.DEAD: set()}
        self.letters: dict[str, set[str]] = {Reason.REJECTED: set(), Reason.LADDER_EXHAUSTED: set()}
        self.busy: set[str] = set()
        self.overtaking = Overtaking()
        self.groups: set[str] = set()
        self.refusals = Refusals()
        self.haste = ladder.Haste()
        self.not_before: dict[str, int] = {}
        self._comeback = Comeback()
        self._began, self._theirs = 0, set[str | None]()

    def begin(self, call: Call) -> None:
        """Note that a call is under way: its SKUs and the mates of its groups wait for its end, but not a bulk's."""
        self.overtaking.begin(call)
        self.haste.begin(call.rows)
        if call.purpose is not Purpose.BULK:
            self.busy.update(call.since)
            self.groups.update(self.turn(row.listing) for row in call.rows)

    def end(self, call: Call) -> None:
        """Note that a call has ended; its SKUs must be touched now."""
        self.overtaking.end(call)
        if call.purpose is not Purpose.BULK:
            self.busy.difference_update(call.since)
            self.groups.difference_update(self.turn(row.listing) for row in call.rows)

    def turn(self, listing: Listing) -> str:
        """Return of what only one call may be under way: a serial group, or a listing that may move to another SKU."""
        return self.setup.kind.group(listing) if self.setup.kind.SERIAL else listing.listing_id

    def postpone(self, sku: str, since: int, until: int, now: int) -> None:
        """Put a SKU back whose listing has used up a limit of its own."""
        self.not_before[sku] = until
        self.touch(sku, now, since=since)

    def index(self, now: int) -> None:
        """Find the troubled SKUs among what was loaded; its open intents are another owner's."""
        self._began = now
        self._theirs = {one.request_id for record in self.book.observed.values() for one in record.listings.values()}
        for sku, record in self.book.observed.items():
            self.book.observed[sku] = ladder.within(record, self.setup.ladder, now)
            self._sort(record)

    def _sort(self, record: ChannelLevel) -> None:
        self._comeback.note(record)
        for status, skus in self.troubled.items():
            (skus.add if status is record.status else skus.discard)(record.sku)
        reason = fold.word(record) if record.status is Status.DEAD else ""
        for word, skus in self.letters.items():
            (skus.add if word == reason else skus.discard)(record.sku)

    def store(self, record: ChannelLevel) -> None:
        """Keep a record and write it; a SKU that has just died gets its dead letter."""
        before = self.book.observed.get(record.sku)
        dies = record.status is Status.DEAD
        if dies and before is not None and before.status is Status.DEAD:
            dies, record = False, replace(record, at=before.at)  # the time is a part of the letter's name
        self.book.put_observed(record)
        self.out.append(record)
        self._sort(record)
        if dies:
            self.out.append(fold.dead_letter(self.setup.channel, record))

    def patience(self, row: Row, verdict: Verdict) -> Verdict:
        """Note whose number has to be read, and send a row that was stale again and again to the ladder."""
        place = (row.sku, row.listing.listing_id)
        self.refusals.note(row, verdict)
        if isinstance(verdict, Shows | Delivered | Accepted):
            self.book.unknown.discard(place)
        if not isinstance(verdict, Stale):
            return verdict
        self.book.unknown.add(place)
        often = self.refusals.again(place)
        return Retry(f"another number than expected {STALE_MAX} times in a row") if often else verdict

    def touch(self, sku: str, now: int, *, at_once: bool = False, since: int | None = None) -> None:
        """Put a SKU into the queue or take it out, as the difference says; `at_once` waits for no ladder."""
        if sku in self.busy:
            return
        observed = self.book.observed.get(sku)
        rows = [*self.book.rows(sku)]
        if not rows:
            self.queue.discard(sku)
            self.haste.end(sku)
            if observed is not None:
                self._rest(observed, now)
            return
        if observed is not None and observed.status is Status.DEAD:
            others = self._others(observed, rows)
            if not self._newer(observed) and not others:
                return
            observed = self.revive(observed, "other listings wait" if others else "the level has changed", now)
        waits = since or self.queue.since(sku) or (observed.dirty_since if observed else None) or now
        if at_once:
            self.haste.hurry(observed, rows)
        due = 0 if observed is None else self._due(observed, rows)
        if (later := self.not_before.pop(sku, 0)) > now:
            self.not_before[sku] = later
            due = max(due, later)
        urgency = max(self.demand.danger(row, self.book.levels[sku], now) for row in rows)
        if sku in self.overtaking.fed and urgency < HOT and all(row.quantity > 0 for row in rows):
            return
        self.queue.offer(sku, urgency, waits, due, self.setup.kind.group(rows[0].listing))

    def _newer(self, observed: ChannelLevel) -> bool:
        """Return whether the level has changed since it was last told."""
        return self.book.levels[observed.sku].version > told_version(observed)

    def moved(self, sku: str, waits: int) -> int:
        """Return when what a SKU is to be told changed: its level, or (known since) a rule or the channel's number."""
        level, observed = self.book.levels[sku], self.book.observed.get(sku)
        seen = observed is not None and (observed.at >= level.updated_at or not self._newer(observed))
        return max(waits, level.updated_at) if seen else level.updated_at

    def _others(self, dead: ChannelLevel, rows: Sequence[Row]) -> bool:
        """Return whether there are rows of other listings than those that a dead SKU has died of."""
        exhausted = fold.word(dead) == Reason.LADDER_EXHAUSTED and ladder.partial(dead, rows)
        return exhausted or (fold.word(dead) == Reason.REJECTED and self.refusals.partial(rows))

    def _due(self, observed: ChannelLevel, rows: Iterable[Row]) -> int:
        due = min(self.haste.until(observed, row) for row in rows)
        if observed.status is Status.RETRYING:
            return due
        # Our own calls have ended, a dead owner's may still be on its way.
        opened = [shown.sent_at or 0 for shown in observed.listings.values() if self.inherited(shown)]
        theirs = self.setup.call_timeout_ms + INTENT_MARGIN_MS
        return max(due, min(max(opened), self._began) + theirs if opened else 0)

    def inherited(self, shown: Shown) -> bool:
        """Return whether a listing was told by an owner before us who got no answer."""
        return shown.request_id is not None and shown.request_id in self._theirs

    def _rest(self, observed: ChannelLevel, now: int) -> None:
        """Write that nothing is to be told of a SKU: it is in step again, or the brake holds its 0."""
        if self.book.holds(observed.sku):
            if observed.status is not Status.DEAD and observed.err != HELD:
                self.store(fold.held(observed, now))
        elif observed.status is not Status.IN_STEP:
            self._resolve(observed, "in step again", now)
            self.store(fold.in_step(observed, now))

    def _resolve(self, dead: ChannelLevel, words: str, now: int) -> None:
        """Close a dead SKU's letter, unless a person has closed it."""
        if any(dead.sku in skus for skus in self.letters.values()):
            self.out.append(fold.resolution(self.setup.channel, dead, words, now))

    def discard(self, skus: Iterable[str], actor: str, reason: str, now: int) -> None:
        """Close the letters of these SKUs for good: they are told again when their levels or listings change."""
        for sku in [sku for sku in skus if any(sku in dead for dead in self.letters.values())]:
            dead = self.book.observed[sku]
            self._resolve(dead, f"discarded by {actor or 'unknown'}: {reason}"[: fold.ERR_MAX], now)
            self.store(fold.discarded(dead, actor, reason))

    def revive(self, dead: ChannelLevel, why: str, now: int) -> ChannelLevel:
        """Try a dead SKU again: its letter is resolved, its ladder starts anew."""
        self._resolve(dead, f"tried again: {why}", now)
        alive = replace(fold.anew(dead), status=Status.SENDING, at=now)
        self.store(alive)
        return alive

    def replay(self, skus: Iterable[str], why: str, now: int) -> None:
        """Try these SKUs again at once, the dead ones included."""
        for sku in list(skus):
            observed = self.book.observed.get(sku)
            if observed is not None and observed.status is Status.DEAD:
                self.revive(observed, why, now)
            self.touch(sku, now, at_once=True)

    def channel_is_back(self, now: int, *, outage: bool) -> None:
        """Try again at once what failed only because the channel was down; `outage` is what `Comeback.again` takes."""
        self.replay(self._comeback.again(self.troubled, self.book.observed, outage=outage), "the channel is back", now)

    def newer(self, sku: str, now: int) -> None:
        """A level or a listing changed: what waits only because the channel was down is not made to wait longer."""
        observed = self.book.observed.get(sku)
        down = observed is not None and (observed.status, fold.word(observed)) == (Status.RETRYING, fold.CHANNEL_DOWN)
        self.touch(sku, now, at_once=down)

    def wake_one(self, now: int) -> None:
        """Make one SKU due for a probe: while the circuit is open, all there are may be on the ladder or given up."""
        if self.queue.due_at(now) == now:
            return
        gave_up = self.letters[Reason.LADDER_EXHAUSTED]
        sku = min(self.troubled[Status.RETRYING], default=None) or next(iter(gave_up), None)
        if sku is not None:
            self.replay([sku], "a probe", now)

    def climb(self, verdict: ChannelDown, moment: fold.Moment) -> None:
        """
        Let the rungs that are due take the probe's last answer: no call is made for them.

        A level that has changed meanwhile is in the queue at once, but takes no rung before its time: else a hot SKU
        would run through its whole ladder in an outage of seconds.
        """

        def due(sku: str) -> bool:
            observed = self.book.observed.get(sku)
            retrying = observed is not None and observed.status is Status.RETRYING and observed.attempt > 0
            return retrying and observed is not None and (observed.next_attempt_at or 0) <= moment.now

        for sku, since in self.queue.take(moment.now, CLIMB, due):
            self.store(fold.failed(self.book.observed[sku], verdict, moment))
            self.touch(sku, moment.now, since=since)
