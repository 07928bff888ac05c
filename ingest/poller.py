"""
One channel's orders into Kafka, from the watermark on: ask, write, wait for the acknowledgement, move the watermark.

Killed at any line it loses nothing: what was not acknowledged is not behind the watermark and is read again.  Two
pollers of one channel do the same work twice and no harm: each moves the watermark only over what it has written
itself, and states that are written twice change nothing.

Orders that a webhook named are read by their numbers, before and between the pages of a search that may be far behind.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ingest import poll_metrics as metrics
from ingest.poll.ask import Asked, Asker
from ingest.poll.keep import Keeper
from ingest.poll.kind import Denied, Later, Page, Poll
from ingest.poll.tools import Tools
from ingest.poll.torn import Torn
from ingest.poll.wakes import PENDING_MAX, Batch, Wakes
from schemas.channel_records import Watermark
from schemas.settings import Channel

LOG = logging.getLogger(__name__)
NAMED_MS = 10_000
"""How long named orders may go first: webhooks that name orders faster than they can be read hold up no search."""
NAMED_TRIES = 3
"""Failures in a row after which named orders wait, and the search goes on."""


class Ended(StrEnum):
    """How a reading ended."""

    READ = "read"
    DENIED = "denied"
    GAVE_UP = "gave_up"


@dataclass(slots=True)
class _Reading:
    """One way through a channel's pages: the search from the watermark (`search`), or orders by their numbers."""

    state: Any
    search: bool
    tries: int | None
    failures: int = 0
    begun: int | None = None


class Poller:
    """Reads one channel."""

    def __init__(
        self, channel: Channel, kind: Poll[Any], tools: Tools, mark: int, stored: Watermark | None = None
    ) -> None:
        """Begin at `mark`, milliseconds of the channel's clock; `stored` is the watermark that Kafka holds."""
        self.channel, self.kind, self.tools = channel, kind, tools
        self.keeper = Keeper(channel, kind, tools, mark, stored)
        self._asker = Asker(channel, kind, tools)
        self._torn = Torn(channel.name)
        self._hopeless: dict[tuple[str, ...], Batch] = {}

    @property
    def asked_at(self) -> int:
        """Return when the channel was last asked, milliseconds."""
        return self._asker.asked_at

    @property
    def wakes(self) -> Wakes:
        """Return what webhooks have named and is not read yet."""
        return self.keeper.wakes

    async def read(self, tries: int | None = None) -> Ended:
        """
        Read what was named, then from the watermark to the end of what there is, then orders whose lines do not agree.

        Args:
            tries: give up after so many failures in a row; None never does.

        """
        self.take_wakes()
        upto, torn = self.keeper.wakes.position, self._torn_orders()
        self.keeper.open()
        await self._named()
        ended = await self._follow(_Reading(self.kind.start(self.keeper.mark), search=True, tries=tries))
        if ended is Ended.READ:
            await self.keeper.pass_quiet()
            await self._searched(upto)
            await self._follow(_Reading(torn, search=False, tries=NAMED_TRIES))
            metrics.FINISHED.labels(self.channel.name).set(self.tools.now_ms() / 1_000)
        return ended

    async def read_named(self) -> None:
        """Read the orders that webhooks named, by their numbers."""
        self.take_wakes()
        await self._named()

    def take_wakes(self) -> None:
        """Take up what webhooks have named since, as long as there is room."""
        wakes = self.keeper.wakes
        if self.tools.wakes is not None and len(wakes) < PENDING_MAX:
            wakes.take(*self.tools.wakes(), self.tools.now_ms())

    def _torn_orders(self) -> Any:
        """Return the state that reads the orders whose lines have not agreed for a while, None where there are none."""
        torn = self.tools.index.torn()
        metrics.TORN.labels(self.channel.name).set(len(torn))
        numbers = self._torn.due(torn, self.tools.now_ms())
        return self.kind.some(numbers) if numbers else None

    async def _named(self) -> None:
        """
        Read named orders that are due, for a while; those that cannot be read wait, and hold up nothing else.

        A refusal of one order is not taken for one of the credentials: it may be another account's.  The search tells.
        """
        wakes, until = self.keeper.wakes, self.tools.now_ms() + NAMED_MS
        while (now := self.tools.now_ms()) < until and (batch := wakes.due(now, self.kind.AT_ONCE)) is not None:
            shown: set[str] = set()
            reading = _Reading(self.kind.some(batch.orders), search=False, tries=NAMED_TRIES)
            ended = await self._follow(reading, shown)
            now = self.tools.now_ms()
            if ended is not Ended.READ:
                wakes.later(batch, now)
                self._hopeless[batch.orders] = batch
                break
            self._lost(wakes.done(batch, shown, now))
            await self.keeper.note_wakes()
            self.take_wakes()
        metrics.NAMED.labels(self.channel.name).set(len(wakes))

    async def _searched(self, upto: int) -> None:
        """Take note of a search that came to its end: the channel answers, so what it did not answer is at fault."""
        wakes, now = self.keeper.wakes, self.tools.now_ms()
        for batch in self._hopeless.values():
            self._lost(wakes.failed(batch, now))
        self._hopeless.clear()
        wakes.searched(upto)
        await self.keeper.note_wakes()

    def _lost(self, orders: Sequence[str]) -> None:
        for order in orders:
            metrics.NEVER_SHOWN.labels(self.channel.name).inc()
            LOG.error("order %s: a webhook named it and the channel does not show it", order)

    async def _follow(self, reading: _Reading, shown: set[str] | None = None) -> Ended:
        while reading.state is not None:
            asked = await self._asker.ask(reading.state)
            verdict = asked.verdict
            # An order that comes in pieces is as old as the first of them, however long the others took.
            seen_at = asked.at if reading.begun is None else reading.begun
            if isinstance(verdict, Page):
                seen = Asked(verdict=verdict, at=seen_at, answer=asked.answer)
                verdict = await self.keeper.keep(verdict, seen, search=reading.search) or verdict
            metrics.CALLS.labels(self.channel.name, type(verdict).__name__.lower()).inc()
            if isinstance(verdict, Denied):
                return self._denied(verdict, reading)
            if isinstance(verdict, Later):
                reading.failures += 1
                if reading.tries is not None and reading.failures >= reading.tries:
                    LOG.error("gave up: %s", verdict.why)
                    return Ended.GAVE_UP
                metrics.FAILURES.labels(self.channel.name).set(reading.failures)
                await self._asker.again(verdict, reading.failures)
                continue
            metrics.FAILURES.labels(self.channel.name).set(0)
            reading.failures, reading.state = 0, verdict.next
            if isinstance(verdict, Page):
                reading.begun = seen_at if verdict.part else None
                await self._after(verdict, reading, shown)
        return Ended.READ

    async def _after(self, page: Page[Any], reading: _Reading, shown: set[str] | None) -> None:
        """Between two pages: note what was shown, and let what webhooks named go first."""
        metrics.DENIED.labels(self.channel.name).set(0)
        if shown is not None:
            shown |= {order.number for order in page.orders} | {refused.order for refused in page.refused}
        if reading.search and reading.state is not None:
            self.take_wakes()
            await self._named()

    def _denied(self, verdict: Denied, reading: _Reading) -> Ended:
        told = {"channel": self.channel.name}
        if reading.search:
            metrics.DENIED.labels(self.channel.name).set(1)
            LOG.error("polling stops: %s", verdict.why, extra=told)
        else:
            LOG.warning("orders are refused that were asked for by number: %s", verdict.why, extra=told)
        return Ended.DENIED
