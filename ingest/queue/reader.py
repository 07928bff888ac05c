"""
Messages out of one queue into Kafka: receive, sort, write, wait for the acknowledgement, delete.

Killed at any line it loses nothing: a message is deleted only after Kafka has acknowledged all its records, and one
that comes again says the same of the same lines.  Any number of processes may read one queue.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ingest import queue_metrics as metrics
from ingest.counts import count
from ingest.message import Message, Sender
from ingest.poll.pace import backoff_ms
from ingest.producer import Unavailable
from ingest.queue.sorting import Sorted
from ingest.queue.sqs import VISIBILITY_S, CredentialsRefused, Letter, Trouble

LOG = logging.getLogger(__name__)
BACKOFF_MS, BACKOFF_MAX_MS = 200, 60_000
KAFKA_MAX_MS = 5_000
KEEP_S = VISIBILITY_S / 3
DELETE_TRIES = 4


T = TypeVar("T")


class Source(Protocol):
    """A queue, as far as a reader needs it."""

    name: str

    async def receive(self) -> list[Letter]:
        """Return messages; raises `Trouble`."""

    async def delete(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete messages and return those that are still there; raises `Trouble`."""

    async def keep(self, letters: Sequence[Letter]) -> None:
        """Keep messages from others; raises `Trouble`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a reader works with; time and chance come from outside."""

    sender: Sender
    sort: Callable[[bytes], Sorted]
    now_ms: Callable[[], int]
    sleep_ms: Callable[[int], Coroutine[Any, Any, None]]
    luck: Callable[[], float]


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads one queue for one channel; `moved_at` is when it last did anything, milliseconds."""

    channel: str
    source: Source
    tools: Tools
    stopping: asyncio.Event
    denied: bool = False
    moved_at: int = 0
    _failures: int = field(default=0, init=False)

    async def run(self) -> None:
        """Take batch after batch until told to stop; what is in hand then is finished."""
        while not self.stopping.is_set():
            letters = await self._receive()
            self.moved_at = self.tools.now_ms()
            if letters:
                await self._settle(letters)

    async def _receive(self) -> list[Letter]:
        """Return messages, none where there were none or the queue is in trouble, which has been waited for then."""
        try:
            letters = await self._unless_stopped(self.source.receive(), [])
        except Trouble as trouble:
            await self._wait(trouble)
            return []
        self._well(letters)
        return letters

    async def _unless_stopped(self, work: Coroutine[Any, Any, T], otherwise: T) -> T:
        """Return what comes of the work; told to stop meanwhile, drop it: what it received comes again."""
        working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else otherwise
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    def _well(self, letters: Sequence[Letter]) -> None:
        labels = (self.channel, self.source.name)
        self._failures, self.denied = 0, False
        metrics.FAILURES.labels(*labels).set(0)
        metrics.DENIED.labels(*labels).set(0)
        oldest = min((letter.sent_at for letter in letters), default=self.tools.now_ms())
        metrics.LAG.labels(*labels).set(max(0, self.tools.now_ms() - oldest) / 1_000)

    async def _wait(self, trouble: Trouble) -> None:
        labels = (self.channel, self.source.name)
        self._failures += 1
        self.denied = isinstance(trouble, CredentialsRefused)
        metrics.FAILURES.labels(*labels).set(self._failures)
        metrics.DENIED.labels(*labels).set(self.denied)
        wait = backoff_ms(self._failures, BACKOFF_MS, BACKOFF_MAX_MS, self.tools.luck())
        what = "AWS refuses the credentials" if self.denied else "the queue does not answer"
        LOG.log(
            logging.ERROR if self.denied else logging.WARNING,
            "%s (%s); again in %d ms", what, trouble, wait,
            extra={"channel": self.channel, "queue": self.source.name},
        )  # fmt: skip
        await self._unless_stopped(self.tools.sleep_ms(wait), None)

    async def _settle(self, letters: Sequence[Letter]) -> None:
        """Write a batch, however long Kafka takes, then delete it; the messages stay ours meanwhile."""
        keeping = asyncio.create_task(self._keep(letters))
        try:
            found = [self.tools.sort(letter.body) for letter in letters]
            await self._write([record for one in found for record in one.records])
            self._count(found)
            await self._delete(letters)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, letters: Sequence[Letter]) -> None:
        while True:
            await self.tools.sleep_ms(round(KEEP_S * 1_000))
            try:
                await self.source.keep(letters)
            except Trouble as trouble:
                LOG.warning("messages may come again: %s", trouble, extra={"channel": self.channel})

    async def _write(self, records: Sequence[Message]) -> None:
        failures = 0
        while True:
            try:
                return await self.tools.sender.send(records)
            except Unavailable as error:
                failures += 1
                wait = backoff_ms(failures, BACKOFF_MS, KAFKA_MAX_MS, self.tools.luck())
                LOG.warning("Kafka has not acknowledged: %s; again in %d ms", error, wait)
            metrics.RETRIES.labels(self.channel).inc()
            self.moved_at = self.tools.now_ms()
            await self.tools.sleep_ms(wait)

    async def _delete(self, letters: Sequence[Letter]) -> None:
        """Delete what is in Kafka; what cannot be deleted comes again and changes nothing."""
        left = list(letters)
        for attempt in range(1, DELETE_TRIES + 1):
            try:
                left = await self.source.delete(left)
            except Trouble as trouble:
                LOG.warning("not deleted: %s", trouble, extra={"channel": self.channel, "queue": self.source.name})
            if not left:
                break
            await self.tools.sleep_ms(backoff_ms(attempt, BACKOFF_MS, BACKOFF_MAX_MS, self.tools.luck()))
        metrics.DELETED.labels(self.channel, self.source.name).inc(len(letters) - len(left))

    def _count(self, found: Sequence[Sorted]) -> None:
        for one in found:
            metrics.MESSAGES.labels(one.channel, self.source.name).inc()
            count(one.channel, "queue", one.reading, one.ready)
