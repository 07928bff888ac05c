"""One life of a publisher in virtual time: the real controller, driven as the shell drives it, over a journal."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from publishers.book import Book
from publishers.brake import Brake
from publishers.controller import Controller
from publishers.intake import ONCE
from publishers.push import Account, Response
from publishers.work import Call, Gate, Purpose, Setup
from schemas.channel_records import ChannelLevel, PublisherCommand
from schemas.records import DeadLetter

if TYPE_CHECKING:
    from tests.weather.world import World

COMMIT_MS = (3, 40)
CALL_MS = 10_000
FRESH_MS = 5_000
"""As the shell: an intent older than half a call is written again."""
IDLE_MS, PATIENT, OVERSLEPT_MS = 1_000, 20, 15_000
ACCOUNT = Account(
    api_version="2026-10",
    location="gid://shopify/Location/1",
    alias="SELLER1",
    marketplaces=("M",),
    renew_sold_out=True,
)


@dataclass
class Journal:
    """What the publishers' transactions have written; only the owner's are taken."""

    owner: int = 0
    levels: dict[str, ChannelLevel] = field(default_factory=dict)
    open_letters: dict[str, DeadLetter] = field(default_factory=dict)
    executed: int = 0
    written: int = 0

    def commit(self, owner: int, records: Sequence[object], done: int | None) -> bool:
        """Write; returns False where another has become the owner."""
        if owner != self.owner:
            return False
        for record in records:
            self.written += 1
            if isinstance(record, ChannelLevel):
                self.levels[record.sku] = record
            elif isinstance(record, DeadLetter) and record.resolves is None:
                self.open_letters[record.dead_letter_id] = record
            elif isinstance(record, DeadLetter):
                self.open_letters.pop(record.resolves or "", None)
        self.executed = self.executed if done is None else max(self.executed, done)
        return True


class Life:
    """A process: it loads, takes over, works, and ends when it is killed or fenced."""

    def __init__(self, world: "World", number: int) -> None:
        """Begin at the world's time; the channel is taken from whoever has it."""
        self.world, self.number, self.clock, self.dice = world, number, world.clock, world.dice_for(f"life{number}")
        kind = world.kind
        setup = Setup(
            channel=world.name,
            kind=kind,
            account=ACCOUNT,
            limits=kind.LIMITS,
            ladder=kind.LADDER,
            call_timeout_ms=CALL_MS,
            gate=Gate.PUSH,
            partitions=1,
            draw=lambda: self.dice.randint(0, 1_000),
            reconcile_every_ms=world.settings.reconcile_every_ms,
        )
        book = Book(world.name, world.settings.rules_for, kind, Brake(world.settings.brake_percent))
        self.controller = Controller(setup, book, self.now())
        self.alive, self.active, self.stalled_until = True, False, 0
        self.answered: deque[tuple[Call, Response]] = deque()
        self._cursor = {"level": 0, "outcome": 0, "listing": 0, "command": 0, "mark": 0}
        self._done: int | None = None
        self._once: list[tuple[int, PublisherCommand]] = []
        self._at: int | None = None
        self._rules = world.settings
        self._number = 0
        self._committing = False
        self._idle = 0
        world.journal.owner = number
        self._outcome_end = len(world.hub.outcome_topic.records)
        seen_at = [topic.records[-1][0] for topic in (world.hub.outcome_topic, world.hub.level_topic) if topic.records]
        self._later(max([self.clock.now + self.dice.randint(100, 3_000), *seen_at]), self._take_over)

    def now(self) -> int:
        """Return what this process's clock says."""
        return self.clock.now + self.world.skew

    def _later(self, at: int, what: Callable[[], None]) -> None:
        """Let this process do something at `at`, or when it is no longer stopped; a dead one does nothing."""

        def run() -> None:
            if self.alive and self.clock.now < self.stalled_until:
                self.clock.at(self.stalled_until, run)
            elif self.alive:
                what()

        self.clock.at(at, run)

    def _take_over(self) -> None:
        now, world = self.now(), self.world
        self._take_in(now, ("level", "listing", "command", "mark"))
        for record in world.journal.levels.values():
            self.controller.observed(record)
        self._cursor["outcome"] = self.controller.hearing.listen_from({0: self._outcome_end})[0]
        self._take_in(now, ("outcome",))
        self.controller.activate(now)
        for offset, command in self._once:
            if offset >= world.journal.executed:
                self.controller.command(command, now)
                self._done = offset + 1
        self.active = True
        self.wake(self.clock.now)

    def _take_in(self, now: int, names: tuple[str, ...]) -> None:
        for name in names:
            topic = self.world.topics[name]
            for record in topic.since(self._cursor[name], self.clock.now):
                offset = self._cursor[name]
                self._cursor[name] += 1
                self._hand(name, record, offset, now)

    def _hand(self, name: str, record: object, offset: int, now: int) -> None:
        controller = self.controller
        if name == "level":
            controller.level(record, now)  # type: ignore[arg-type] # the topic's own type
        elif name == "outcome":
            controller.outcome(record, offset, now)  # type: ignore[arg-type] # the topic's own type
        elif name == "mark":
            controller.watermark(record, now)  # type: ignore[arg-type] # the topic's own type
        elif name == "listing":
            controller.listing(*record, now)  # type: ignore[call-arg,misc] # the topic's own type
        elif isinstance(record, PublisherCommand):
            self._command(record, offset, now)

    def _command(self, command: PublisherCommand, offset: int, now: int) -> None:
        if not self.active and command.command in ONCE:
            self._once.append((offset, command))
            return
        self.controller.command(command, now)
        if self.active:
            self._done = offset + 1

    def wake(self, at: int) -> None:
        """Take a step at `at`, or earlier."""
        if self.active and not self._committing and (self._at is None or at < self._at):
            self._at = at
            self._later(at, lambda: self._step(at))

    def _step(self, at: int) -> None:
        if self._at != at or self._committing:
            return
        self._at = None
        now = self.now()
        if self._rules is not self.world.settings:
            self._rules = self.world.settings
            self.controller.rules(self._rules, now)
        names = ["level", "outcome", "listing", "command", "mark"]
        self.dice.shuffle(names)
        self._take_in(now, tuple(names))
        while self.answered:
            self.controller.answer(*self.answered.popleft(), now)
        self._number += 1
        step = self.controller.plan(now, f"r{self.number}-{self._number}")
        records, done, self.controller.tasks.out, self._done = self.controller.tasks.out, self._done, [], None
        if not records and done is None:
            self._next(step)
            return
        self._committing = True
        commit_at = self.clock.now + self.dice.randint(*COMMIT_MS)
        self._later(commit_at, lambda: self._commit(records, done, step))

    def _commit(self, records: Sequence[object], done: int | None, step: Call | int) -> None:
        self._committing = False
        if not self.world.journal.commit(self.number, records, done):
            self.end("is fenced")
            return
        self._next(step)

    def _next(self, step: Call | int) -> None:
        if isinstance(step, Call):
            self._send(step)
        if isinstance(step, Call) or self.answered:
            self._idle, step = 0, 0
        self._idle = self._idle + 1 if step >= IDLE_MS else 0
        # Who has had nothing to do for long may oversleep: hours of calm are shorter so.
        self.wake(self.clock.now + (OVERSLEPT_MS if self._idle > PATIENT else step))

    def _send(self, call: Call) -> None:
        now = self.now()
        if now - call.at > FRESH_MS:
            if call.purpose is Purpose.TELL:
                call = self.controller.renew(call, now)
            records, self.controller.tasks.out = self.controller.tasks.out, []
            if not self.world.journal.commit(self.number, records, None):
                self.end("is fenced before a call")
                return
        spent = now - call.at if call.purpose is Purpose.TELL else 0
        self.world.note_call(self, call)
        self.world.sky.send(call.request, max(1, CALL_MS - spent), lambda answer: self._heard(call, answer, now))

    def _heard(self, call: Call, answer: Response, began: int) -> None:
        if self.alive:
            self.answered.append((call, replace(answer, at=began)))
            self.world.note_answer(self, call, answer)
            self.wake(self.clock.now)

    def end(self, why: str) -> None:
        """Be gone; what has not been written is lost, and what is on its way arrives."""
        self.world.say(f"life {self.number} {why}")
        self.alive = self.active = False
