"""
One life of a publisher: load the tables, stand by, own the channel, tell it, until the ownership or the process ends.

A life never repairs itself: when it has lost the channel, or does not know, it ends, and the next one loads anew.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from confluent_kafka import KafkaException

from publishers import spent_before
from publishers.alarm import Alarm
from publishers.answers import lags
from publishers.clock import Steps
from publishers.controller import Controller
from publishers.credentials import Access, WithheldError
from publishers.intake import Intake
from publishers.journal import Journal, LostError
from publishers.membership import Membership
from publishers.metrics import Metrics
from publishers.push import Answer
from publishers.reader import Place, Reader
from publishers.sending import Answered, Sending, monotonic_ms
from publishers.work import Call, Gate, Purpose
from schemas.cluster import now_ms
from schemas.settings import Config
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL, SYNC_INCIDENT, channel_level

FRESH_MS = 2_000
"""
An intent older than this and than half a call is written again before its call: a process that was paused finds out
that it is fenced.  A new owner waits for a whole call, and a slow commit must not lead to ever more intents.
"""
WRITTEN_AT_ONCE = 20_000
"""Most records of a transaction: a million of them would not be written before it is timed out."""
SLICE = 2_000
"""Records that are taken up before the loop looks up again."""
STANDBY_S = 1.0
SHADOW_LOG_MS = 10_000
log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a life is made of; the process keeps them, each life gets fresh ones."""

    config: Config
    channel: str
    controller: Controller
    reader: Reader
    membership: Membership
    access: Access
    metrics: Metrics
    alarm: Alarm
    wake: asyncio.Event
    stop: asyncio.Event


class Life:
    """Runs one life; `progressed_at` and `ready` are for the health endpoints."""

    def __init__(self, parts: Parts) -> None:
        """Take the parts; nothing starts before `run`."""
        self.parts = parts
        self.controller = parts.controller
        self.ready = False
        self.progressed_at = now_ms()
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._journal: Journal | None = None
        self.intake = Intake(parts.controller, parts.channel, parts.alarm.load)
        self._steps, self._shadow_logged, self._rules = Steps(), 0, 0
        self.sending = Sending(parts.access, parts.wake)

    async def run(self) -> None:
        """Live; returns when the process stops, raises `LostError` when the channel is lost."""
        self.parts.reader.start()
        self.parts.membership.start()
        try:
            await self._stand_by()
            if not self.parts.stop.is_set():
                await self._take_over()
                await self._work()
        finally:
            self.controller.active = False
            await asyncio.gather(self.sending.end(), self.parts.alarm.end(), return_exceptions=True)
            await asyncio.to_thread(self.parts.membership.close)
            await asyncio.to_thread(self.parts.reader.close)
            self._threads.shutdown(wait=True)

    async def _stand_by(self) -> None:
        """Keep the tables until they are loaded and the channel is ours."""
        while not self.parts.stop.is_set():
            loaded = self.parts.reader.loaded()
            await self._take_in()
            self.ready = loaded
            if loaded and self.parts.membership.owned:
                return
            await self._sleep(STANDBY_S)

    async def _take_over(self) -> None:
        """Fence the previous owner, read what it wrote last, and begin."""
        parts = self.parts
        self._journal = await self._in_thread(lambda: Journal(parts.config, parts.channel))
        try:
            # In this order: the level of every outcome before that end is then among the levels.
            outcomes = await asyncio.to_thread(parts.reader.ends, ORDER_OUTCOME)
            for name in (STOCK_LEVEL, channel_level(parts.channel), SYNC_INCIDENT):
                await self._pass(await asyncio.to_thread(parts.reader.ends, name))
            await asyncio.to_thread(spent_before.remember, parts.config, self.controller, now_ms())
        except (KafkaException, TimeoutError) as error:
            raise LostError(f"the end of the tables is not known: {error}") from None
        self.intake.executed = parts.membership.executed
        parts.reader.hear(self.controller.hearing.listen_from({place[1]: end for place, end in outcomes.items()}))
        await self._pass(outcomes)
        parts.alarm.begin(self.controller)
        self.controller.activate(now_ms())
        self.intake.begin()
        log.info("active", extra={"channel": parts.channel, "skus": len(self.controller.book.listings)})

    async def _pass(self, ends: Mapping[Place, int]) -> None:
        """Take in what stands before these offsets."""
        while not self.parts.reader.passed(ends) and not self.parts.stop.is_set():
            await self._take_in()
            await self._sleep(STANDBY_S)
        await self._take_in()

    async def _work(self) -> None:
        while not self.parts.stop.is_set() and self.parts.membership.owned:
            await self._step()
        if not self.parts.stop.is_set():
            raise LostError("another member owns the channel now")
        await self._drain()

    async def _drain(self) -> None:
        """Finish what is under way, no longer than a call may take; a feed is read back by the next life."""
        self.controller.draining = True
        ends_at = now_ms() + self.controller.setup.call_timeout_ms
        while self.controller.calling.talks.busy(now_ms()) and now_ms() < ends_at and self.parts.membership.owned:
            await self._step()
        await self._commit()

    async def _step(self) -> None:
        """Take in, decide, write, and send or wait; raises `LostError` where the clock was set back."""
        if lost := self._steps.back(now_ms(), monotonic_ms()):
            raise LostError(f"the clock was set back by {lost} ms")
        await self._take_in()
        for answered in self.sending.drain():
            self._take_up(answered)
        step = self.controller.plan(now_ms(), uuid.uuid4().hex)
        self.parts.alarm.look(self.controller, now_ms())
        await self._commit()
        self.parts.alarm.offer(now_ms())
        if isinstance(step, Call):
            await self._send(step)
        elif not self.sending.answered:
            self._look_around()
            await self._sleep(step / 1_000)

    async def _send(self, call: Call) -> None:
        """Let a request go out, not without having been the owner a moment ago: a paused process finds out here."""
        fresh = max(FRESH_MS, self.controller.setup.call_timeout_ms // 2)
        sure_at = call.at
        while now_ms() - sure_at > fresh:
            sure_at = now_ms()
            if call.purpose is Purpose.TELL:
                call = self.controller.renew(call, sure_at)
                await self._commit()
            else:
                await self._prove()
        # A new owner waits for a whole call from the intent on: nothing of this one may come later.
        spent = now_ms() - call.at if call.purpose is Purpose.TELL else 0
        self.sending.start(call, max(1, self.controller.setup.call_timeout_ms - spent))

    async def _prove(self) -> None:
        """Write that the commands are executed as far as they are, as only the owner can."""
        if self._journal is not None:
            journal, done = self._journal, self.intake.executed
            await self._in_thread(lambda: journal.commit([], done, lambda: self.parts.membership.group))

    def _take_up(self, answered: Answered) -> None:
        now, call, outcome = now_ms(), answered.call, answered.outcome
        before = self.controller.calling.refused
        if isinstance(outcome, WithheldError):
            self.controller.withheld(call, str(outcome), now)
        else:
            self.parts.metrics.requested(call, outcome, now - answered.began)
            ended = self.controller.answer(call, outcome, now)
            if isinstance(ended, Answer):
                self.parts.metrics.called(call, ended, lags(self.controller.book.levels, call, ended, now))
        refused, names = self.controller.calling.refused, self.parts.access.names
        if refused is None or before is not None:
            return
        if not isinstance(outcome, WithheldError):  # which has noted it
            self.parts.access.refused(outcome.epoch)
        log.error("the channel refuses us, nothing is told", extra={"reason": refused, "secrets": names})

    def _look_around(self) -> None:
        """Look at what changes without a record: secrets that were rotated, and the diff while in shadow."""
        if self.controller.calling.refused is not None and self.parts.access.rotated():
            self.controller.secrets_changed()
            log.info("other secrets: the channel is tried again", extra={"channel": self.parts.channel})
        now = now_ms()
        if self.controller.gate is Gate.SHADOW and now - self._shadow_logged > SHADOW_LOG_MS:
            self._shadow_logged = now
            differ = len(self.controller.tasks.queue)
            log.info("shadow", extra={"differ": differ, "rows": self.controller.sample()})

    async def _commit(self) -> None:
        records, done = self.controller.tasks.out, self.intake.done
        journal = self._journal
        if journal is None or (not records and done is None):
            return
        self.controller.tasks.out, self.intake.done = [], None
        while len(records) > WRITTEN_AT_ONCE:
            first, records = records[:WRITTEN_AT_ONCE], records[WRITTEN_AT_ONCE:]
            await self._in_thread(partial(journal.commit, first, None, lambda: self.parts.membership.group))
        await self._in_thread(partial(journal.commit, records, done, lambda: self.parts.membership.group))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _sleep(self, seconds: float) -> None:
        """Wait for an input, but no longer than this."""
        self.progressed_at = now_ms()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.parts.wake.wait(), seconds)
        self.parts.wake.clear()

    async def _take_in(self) -> None:
        self.progressed_at = now_ms()
        for failed in (self.parts.reader.failed, self.parts.membership.failed):
            if failed is not None:
                raise LostError(f"reading from Kafka ended: {failed}")
        now, watcher = now_ms(), self.parts.alarm.watcher
        if watcher is not None and watcher.taken > self._rules:
            self._rules = watcher.taken
            self.controller.rules(watcher.channel, now)
        for number, item in enumerate(self.parts.reader.drain(), start=1):
            self.intake.take(item, now)
            if number % SLICE == 0:
                await asyncio.sleep(0)
