"""
The calls of a channel: which request is made next, and what the answers change.  Pure.

Several calls may be under way; a SKU is in one at most, and so is a group where the kind is serial.
"""

from collections import deque
from dataclasses import replace

from publishers import circuit, push
from publishers.answers import log_rows
from publishers.hearing import Hearing
from publishers.kind import Conversation, Swept, limited
from publishers.limiter import Limiter
from publishers.picking import Picker
from publishers.results import Results
from publishers.talks import Talk, Talks
from publishers.tasks import Tasks
from publishers.work import Call, Purpose, Setup

IDLE_MS = 1_000
"""How long to wait when there is nothing to do; an input or an answer ends the wait."""
BULK_LOOK_MS = 1_000
"""Between two looks whether enough SKUs wait for a bulk."""
SERVER_ERROR = 500
"""An answer below this shows that the channel works, whatever it says."""
REPEAT_CALLS = 2
"""After how many time-outs a call is too old to be repeated (the channel was stopped meanwhile)."""


class Calling:
    """Makes calls out of what differs, inside the limits, and takes up their answers."""

    def __init__(self, setup: Setup, tasks: Tasks, hearing: Hearing, now: int) -> None:
        """Start with full buckets, a closed circuit and nothing under way."""
        self.setup = setup
        self.tasks = tasks
        self.limiter = Limiter(setup.limits, now)
        self._by_listing = any(window.per_listing for window in setup.limits[push.TELL])
        self.circuit = circuit.Circuit()
        self.picker = Picker(setup, tasks, hearing.position)
        self.talks = Talks(setup.scale)
        self.results = Results(setup, tasks, hearing)
        self.refused: str | None = None
        self.answered = False
        """Whether the channel has answered a call of ours since we began."""
        self._unanswered: deque[Call] = deque()
        self._bulk_at = 0

    def go_on(self, now: int, *, tells: bool) -> Call | int:
        """Return the next request of a call under way, or for how many ms there is none; without `tells` reads only."""
        soonest = IDLE_MS
        for talk in self.talks:
            if talk.due is None:
                continue
            wait = max(talk.due - now, self._wait(talk.call.request, now))
            if talk.until is not None and now + max(0, wait) > talk.until:
                self._drop(talk, now)
                continue
            if (self.circuit.is_open and not talk.call.probe) or not (tells or talk.call.reads):
                continue
            if wait <= 0:
                return self._send(talk.call, now)
            soonest = min(soonest, wait)
        return soonest

    def probe(self, now: int, *, tells: bool) -> Call | None:
        """Return the next request of a call under way as the probe of an open circuit, where no SKU is one."""
        if not self.circuit.is_open or circuit.wait(self.circuit, now) or self._lanes_taken(now):
            return None
        for talk in self.talks:
            due = talk.due is not None and talk.due <= now and (tells or talk.call.reads)
            if due and not self._wait(talk.call.request, now):
                return self._send(replace(talk.call, probe=True), now)
        return None

    def tell(self, now: int, request_id: str) -> Call | int:
        """Return the first request of a new call, its intents in `tasks.out`, or for how many ms to wait."""
        if self.circuit.is_open and circuit.wait(self.circuit, now):
            self.tasks.climb(push.ChannelDown(self.circuit.err), self.results.moment(now))
        elif self.circuit.is_open:
            self.tasks.wake_one(now)
        elif (found := self._tell_bulk(now, request_id)) is not None:
            return found
        due = now if self._unanswered else self.tasks.queue.due_at(now)
        if due is None or self._lanes_taken(now):
            return IDLE_MS
        cost = self.limiter.cost(push.TELL, self.setup.kind.COST)
        wait = max(due - now, circuit.wait(self.circuit, now), self.limiter.wait(push.TELL, cost, now))
        if wait > 0:
            return min(wait, IDLE_MS)
        before = self.tasks.queue.count(now)
        call = self._repeat(now) or self._picked(now, request_id)
        if call is None:
            return 0 if self.tasks.queue.count(now) < before else IDLE_MS  # fewer are due: the next one's turn
        return self._begin(replace(call, probe=self.circuit.is_open), now)

    def _lanes_taken(self, now: int) -> bool:
        if self.circuit.is_open:
            return any(talk.call.probe and (talk.due is None or talk.due <= now) for talk in self.talks)
        return self.talks.busy(now) >= self.setup.kind.LANES

    def _tell_bulk(self, now: int, request_id: str) -> Call | int | None:
        bulk = self.setup.kind.BULK
        if bulk is None or any(talk.call.purpose is Purpose.BULK for talk in self.talks):
            return None
        if now < self._bulk_at or self.limiter.wait(bulk.bucket, 1, now):
            return None
        call = self.picker.pick_bulk(now, request_id)
        if call is None:
            self._bulk_at = now + BULK_LOOK_MS
            return None
        return self._begin(call, now)

    def _picked(self, now: int, request_id: str) -> Call | None:
        """Return the most urgent call, without the rows whose listings have used up limits of their own."""
        scarce = self.limiter.reserved(push.TELL, now)
        call = self.picker.pick(now, request_id, probe=self.circuit.is_open, urgent=scarce)
        if call is None or call.reads or not self._by_listing:
            return call
        named, left = list[str](), dict(call.since)
        for sku, since in call.since.items():
            # Together with those before it: several rows of a call may be one listing's.
            own = [limited(row.listing) for row in call.rows if row.sku == sku]
            wait = self.limiter.wait(push.TELL, 0, now, [*named, *own])
            if not wait and not scarce and self.limiter.reserved(push.TELL, now, own):
                wait = self.picker.spares(sku, now)
            if wait > 0:
                self.tasks.postpone(sku, since, now + wait, now)
                del left[sku]
            else:
                named += own
        rows = tuple(row for row in call.rows if row.sku in left)
        return replace(call, rows=rows, since=left) if rows else None

    def _begin(self, call: Call, now: int) -> Call | int:
        """Begin a call; its first request may have to wait for another limit than the one that was asked."""
        begun = self.talks.begin(call, self._conversation(call), now)
        self.tasks.begin(begun)
        if not begun.reads:
            self.results.intend(begun)
        wait = self._wait(begun.request, now)
        return min(wait, IDLE_MS) if wait > 0 else self._send(begun, now)

    def _conversation(self, call: Call) -> Conversation:
        kind, account = self.setup.kind, self.setup.account
        if call.purpose is Purpose.READ:
            return kind.read(call.rows, account)
        if call.purpose is Purpose.BULK and kind.BULK is not None:
            return kind.BULK.tell(call.rows, account, call.request_id)
        return kind.tell(call.rows, account, call.request_id)

    def _wait(self, request: push.Request, now: int) -> int:
        cost = self.limiter.cost(request.bucket, request.cost)
        return self.limiter.wait(request.bucket, cost, now, request.listings)

    def _send(self, call: Call, now: int) -> Call:
        request = call.request
        self.limiter.spend(request.bucket, self.limiter.cost(request.bucket, request.cost), now, request.listings)
        self.talks.sent(call)
        return call

    def _repeat(self, now: int) -> Call | None:
        while self._unanswered:
            call = self._unanswered.popleft()
            if now - call.at <= REPEAT_CALLS * self.setup.call_timeout_ms:
                return replace(call, at=now, again=True)
            self.tasks.end(call)
            for sku, since in call.since.items():
                self.tasks.touch(sku, now, since=since)
        return None

    def abandon(self, now: int) -> None:
        """End the calls that tell now, with no request on its way; a bulk that is only asked after goes on later."""
        for talk in self.talks:
            made = talk.call.purpose is Purpose.BULK and talk.call.request.method == "GET"
            if talk.due is not None and not (made or talk.call.reads):
                self._drop(talk, now)

    def _drop(self, talk: Talk, now: int) -> None:
        """End a call between two of its requests; its rows are told again."""
        self.talks.drop(talk.call)
        self.results.take(talk.call, push.all_rows(push.Again(unsure=talk.call.wrote), talk.call.rows), now)

    def answer(self, call: Call, response: push.Response, now: int) -> push.Answer | Swept | None:
        """Take up a response: how the call has ended, its results in `tasks.out`, or None where it goes on."""
        ended = self.talks.answered(call, response, now)
        halfway = call.purpose is not Purpose.TELL and not isinstance(ended, push.Answer)
        if call.probe and halfway and 0 < response.status < SERVER_ERROR:
            self._back(now)
        if isinstance(ended, Call):
            if ended.request.throttled:
                self.limiter.throttled(ended.request.bucket, ended.request.after_ms, now)
            return None
        self.limiter.learn(ended.hints, now)
        if isinstance(ended, push.Answer):
            self._take_up(call, ended, response, now)
        elif ended.credentials:
            self.refused = ended.err
        return ended

    def withheld(self, call: Call, reason: str, now: int) -> push.Answer:
        """Take up that a request could not be made, because its secrets are missing."""
        self.talks.drop(call)
        self.refused = reason
        answer = push.all_rows(push.Credentials(reason), call.rows)
        if call.rows:
            self._take_up(call, answer, push.Response(status=0, err=reason, unsent=True), now)
        return answer

    def _take_up(self, call: Call, answer: push.Answer, response: push.Response, now: int) -> None:
        looks = call.purpose is Purpose.LOOK
        if not looks:
            self.picker.learn(call, answer)
        self._weather(call, answer, now)
        self.tasks.out.extend(log_rows(self.setup.channel, self.tasks.book.levels, call, answer, response, now))
        if self._try_once_more(call, response):
            self._unanswered.append(call)
            return
        if not looks:
            self.results.take(call, answer, now)
        if response.status and not any(isinstance(verdict, push.ChannelDown) for verdict in answer.verdicts):
            self._back(now)

    def _weather(self, call: Call, answer: push.Answer, now: int) -> None:
        """Let the answer correct the limits, the circuit and the gate."""
        for verdict in {type(verdict): verdict for verdict in answer.verdicts}.values():
            if isinstance(verdict, push.Throttled):
                self.limiter.throttled(call.request.bucket, verdict.after_ms, now)
            if isinstance(verdict, push.ChannelDown):
                self.circuit = circuit.failed(self.circuit, verdict.reason, now, self.setup.scale)
            if isinstance(verdict, push.Credentials):
                self.refused = verdict.reason

    def _try_once_more(self, call: Call, response: push.Response) -> bool:
        """
        Return whether to send the same body once more: it was not answered, and its key makes that harmless.

        Only at once: as the probe of an open circuit it would tell an old number.
        """
        harmless = self.setup.kind.COMPARES and call.purpose is Purpose.TELL and not self.circuit.is_open
        first = not call.again and call.step == 0
        return harmless and first and response.status == 0 and not response.unsent

    def _back(self, now: int) -> None:
        self.answered = True
        was, self.circuit = self.circuit, circuit.Circuit()
        if was.failures:
            self.tasks.channel_is_back(now, outage=was.is_open)
