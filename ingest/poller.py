"""
One channel's orders into Kafka, from the watermark on: ask, write, wait for the acknowledgement, move the watermark.

Killed at any line it loses nothing: what was not acknowledged is not behind the watermark and is read again.  Two
pollers of one channel do the same work twice and no harm: each moves the watermark only over what it has written
itself, and states that are written twice change nothing.
"""

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import unquote

from ingest import poll_metrics as metrics
from ingest.message import Arrival, Message
from ingest.poll.held import Known, LineKey
from ingest.poll.kind import Answer, Denied, Instead, Later, Page, Poll, Request
from ingest.poll.pace import Pace, backoff_ms
from ingest.poll.records import Memory, due, letter_id, outgoing
from ingest.poll.watermark import channel_now, moved
from ingest.producer import Unavailable
from schemas.channel_records import Watermark
from schemas.codec import encode
from schemas.events import headers
from schemas.records import OrderConfirmed
from schemas.settings import Channel
from schemas.topics import INGEST_WATERMARK

LOG = logging.getLogger(__name__)
SEND_MAX = 1_000
"""Records that are acknowledged together."""
BACKOFF_MS = 1_000
BACKOFF_MAX_MS = 60_000
ASKED_MAX_MS = 600_000
"""The longest wait that a channel may ask for."""
TORN_AFTER_MS = 30_000
"""How long the processor has to come to a line before its order is read again."""
TORN_AT_ONCE = 20
TORN_TRIES = 3
LETTERS_MAX = 10_000


class Sender(Protocol):
    """Kafka, as far as a poller needs it."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Return once every record is acknowledged; raises `Unavailable`."""


class Index(Protocol):
    """What is known of the channel's lines."""

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return the newest states of an order's lines."""

    def newest(self, keys: Iterable[LineKey]) -> Mapping[LineKey, Known]:
        """Return the newest known states of those lines that are known."""

    def tell(self, records: Iterable[OrderConfirmed]) -> None:
        """Remember what was acknowledged."""

    def torn(self) -> list[str]:
        """Return the orders to be read again."""


class Ended(StrEnum):
    """How a reading ended."""

    READ = "read"
    DENIED = "denied"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a poller works with; time and chance come from outside."""

    call: Callable[[Request], Any]
    sender: Sender
    index: Index
    find: Callable[[str, str], Any]
    secrets: Callable[[], Sequence[str]]
    now_ms: Callable[[], int]
    sleep_ms: Callable[[int], Any]


class Poller:
    """Reads one channel."""

    def __init__(self, channel: Channel, kind: Poll[Any], tools: Tools, mark: int, stored: int | None) -> None:
        """Begin at `mark`, milliseconds of the channel's clock; `stored` is the watermark that Kafka holds."""
        self.channel, self.kind, self.tools = channel, kind, tools
        self.mark = mark
        self.written = stored
        self.moved_at = tools.now_ms()
        self._pace = Pace(channel.orders_limit or kind.LIMIT, tools.now_ms())
        self._letters: dict[str, None] = {}
        self._torn: dict[str, tuple[int, int]] = {}
        self._opened: int | None = None

    async def read(self, tries: int | None = None) -> Ended:
        """
        Read from the watermark to the end of what there is, then the orders whose lines do not agree.

        Args:
            tries: give up after so many failures in a row; None never does.

        """
        torn, self._opened = self._torn_orders(), None
        ended = await self._follow(self.kind.start(self.mark), tries)
        if ended is Ended.READ:
            await self._pass_quiet()
            ended = await self._follow(torn, tries)
        if ended is not Ended.READ:
            return ended
        metrics.FINISHED.labels(self.channel.name).set(self.tools.now_ms() / 1_000)
        return Ended.READ

    async def _follow(self, state: Any, tries: int | None) -> Ended:
        failures, begun = 0, None
        while state is not None:
            verdict, asked_at, answer = await self._ask(state)
            # An order that comes in pieces is as old as the first of them, however long the others took.
            seen_at = asked_at if begun is None else begun
            if isinstance(verdict, Page):
                verdict = await self._keep(verdict, seen_at, answer)
            metrics.CALLS.labels(self.channel.name, type(verdict).__name__.lower()).inc()
            if isinstance(verdict, Denied):
                return self._denied(verdict)
            if isinstance(verdict, Later):
                failures += 1
                if tries is not None and failures >= tries:
                    LOG.error("gave up: %s", verdict.why)
                    return Ended.GAVE_UP
                await self._wait(verdict, failures)
                continue
            failures = 0
            begun = seen_at if isinstance(verdict, Page) and not verdict.orders else None
            metrics.FAILURES.labels(self.channel.name).set(0)
            state = verdict.next
            if isinstance(verdict, Page) and state is not None and verdict.pause_ms:
                await self.tools.sleep_ms(verdict.pause_ms)
        return Ended.READ

    async def _ask(self, state: Any) -> tuple[Page[Any] | Later | Instead[Any] | Denied, int, Answer]:
        while wait := self._pace.take(self.tools.now_ms()):
            await self.tools.sleep_ms(wait)
        request = self.kind.request(self.channel, self.tools.secrets(), state)
        self.moved_at = asked_at = self.tools.now_ms()
        answer: Answer = await self.tools.call(request)
        return self.kind.read(state, answer), asked_at, answer

    def _denied(self, verdict: Denied) -> Ended:
        metrics.DENIED.labels(self.channel.name).set(1)
        LOG.error("polling stops: %s", verdict.why)
        return Ended.DENIED

    async def _wait(self, verdict: Later, failures: int) -> None:
        own = backoff_ms(failures, BACKOFF_MS, BACKOFF_MAX_MS, random.random())  # noqa: S311 - jitter is no secret
        wait = own if verdict.after_ms is None else min(max(verdict.after_ms, 1), ASKED_MAX_MS)
        LOG.warning("%s; again in %d ms", verdict.why, wait)
        metrics.FAILURES.labels(self.channel.name).set(failures)
        await self.tools.sleep_ms(wait)

    async def _keep(self, page: Page[Any], asked_at: int, answer: Answer) -> Page[Any] | Later:
        """Write what a page gives, wait for Kafka, and only then move the watermark."""
        self._opened = channel_now(asked_at, answer.headers) if self._opened is None else self._opened
        arrival = Arrival(
            channel=self.channel.name, received_at=self.tools.now_ms(), hold_pending=self.channel.hold_pending
        )
        memory = Memory(find=self.tools.find, newest=self.tools.index.newest, lines=self.tools.index.lines)
        found = due(self.kind, page, arrival, asked_at, memory)
        outgoing_now = outgoing(found, arrival, self._letters.__contains__)
        try:
            for at in range(0, len(outgoing_now), SEND_MAX):
                await self.tools.sender.send(outgoing_now[at : at + SEND_MAX])
            self.tools.index.tell((*found.changed, *found.gone))
            await self._move(moved(self.mark, page.through, asked_at, answer.headers))
        except Unavailable as error:
            return Later(why=f"Kafka has not acknowledged: {error}")
        self._count(page, len(found.changed), len(found.gone), [letter_id(message) for message in found.dead])
        return page

    def _count(self, page: Page[Any], some: int, left: int, letters: Sequence[str]) -> None:
        name = self.channel.name
        metrics.ORDERS.labels(name).inc(len(page.orders))
        metrics.LINES.labels(name, "changed").inc(some)
        metrics.LINES.labels(name, "gone").inc(left)
        metrics.DENIED.labels(name).set(0)
        new = [letter for letter in letters if letter not in self._letters]
        metrics.DEAD_LETTERS.labels(name).inc(len(new))
        self._letters.update(dict.fromkeys(new))
        while len(self._letters) > LETTERS_MAX:
            del self._letters[next(iter(self._letters))]

    async def _pass_quiet(self) -> None:
        """Move the watermark over a time without orders, now that everything was read to its end."""
        try:
            await self._move(max(self.mark, (self._opened or 0) - self.channel.search_lag_ms))
        except Unavailable as error:
            LOG.warning("the watermark stays: %s", error)

    async def _move(self, mark: int) -> None:
        if self.written is not None and mark <= self.written:
            self.mark = mark  # read again from before the watermark, which stays
            return
        name = self.channel.name
        record = Watermark(channel=name, through=mark, at=self.tools.now_ms())
        told = headers(INGEST_WATERMARK, f"{name}@{mark}", f"/ingest/{name}", name, record.at)
        message = Message(topic=INGEST_WATERMARK, key=name.encode(), value=encode(record), headers=told)
        await self.tools.sender.send([message])
        self.mark = self.written = mark
        metrics.WATERMARK.labels(name).set(mark / 1_000)

    def _torn_orders(self) -> Any:
        """Return the state that reads the orders whose lines have not agreed for a while, None where there are none."""
        now, torn = self.tools.now_ms(), self.tools.index.torn()
        metrics.TORN.labels(self.channel.name).set(len(torn))
        self._torn = {order: self._torn.get(order, (now, 0)) for order in torn}
        ready = [
            order
            for order, (since, tries) in self._torn.items()
            if tries < TORN_TRIES and now - since >= TORN_AFTER_MS * 2**tries
        ][:TORN_AT_ONCE]
        for order in ready:
            self._torn[order] = (now, self._torn[order][1] + 1)
        numbers = [unquote(order.removeprefix(f"{self.channel.name}_").removesuffix("_")) for order in ready]
        return self.kind.some(numbers) if numbers else None
