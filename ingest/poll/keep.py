"""What was read into Kafka, and only then the watermark: the durable half of a poller."""

import logging
from collections.abc import Iterable
from typing import Any

from ingest import poll_metrics as metrics
from ingest.counts import ignored
from ingest.message import Arrival, Message
from ingest.poll.ask import Asked
from ingest.poll.kind import Later, Page, Poll
from ingest.poll.records import Due, Memory, due, letter_id, outgoing
from ingest.poll.tools import Tools
from ingest.poll.wakes import Wakes
from ingest.poll.watermark import channel_now, moved
from ingest.producer import Unavailable
from schemas.channel_records import Watermark
from schemas.codec import encode
from schemas.events import headers
from schemas.settings import Channel
from schemas.topics import INGEST_WATERMARK

LOG = logging.getLogger(__name__)
SEND_MAX = 1_000
"""Records that are acknowledged together."""
SAID_MAX = 10_000


class Keeper:
    """Writes one channel's lines and its watermark."""

    def __init__(self, channel: Channel, kind: Poll[Any], tools: Tools, mark: int, stored: Watermark | None) -> None:
        """Begin at `mark`, milliseconds of the channel's clock; `stored` is the watermark that Kafka holds."""
        self.mark = mark
        self.written = None if stored is None else stored.through
        self.wakes = Wakes(0 if stored is None else stored.woken)
        self.counts = {"orders": 0, "changed": 0, "gone": 0, "dead": 0}
        self._channel, self._kind = channel, kind
        self._sender, self._index, self._now = tools.sender, tools.index, tools.now_ms
        self._memory = Memory(find=tools.find, newest=tools.index.newest, lines=tools.index.lines)
        self._woken = self.wakes.woken
        self._said: dict[str, None] = {}
        self._opened: int | None = None

    def open(self) -> None:
        """Begin a reading: the end of it proves what stood in the channel at its first page."""
        self._opened = None

    async def keep(self, page: Page[Any], asked: Asked, *, search: bool) -> Later | None:
        """
        Write what a page gives, wait for Kafka, and only then move the watermark.

        Args:
            page: the orders.
            asked: when they were asked for, and the answer.
            search: whether the page follows the watermark; named orders prove nothing about others.

        """
        if search and self._opened is None:
            self._opened = channel_now(asked.at, asked.answer.headers)
        held = self._channel.hold_pending
        arrival = Arrival(channel=self._channel.name, received_at=self._now(), hold_pending=held)
        found = due(self._kind, page, arrival, asked.at, self._memory)
        messages = outgoing(found, arrival, self._said.__contains__)
        try:
            for at in range(0, len(messages), SEND_MAX):
                await self._sender.send(messages[at : at + SEND_MAX])
            self._index.tell((*found.changed, *found.gone))
            if search:
                await self._move(moved(self.mark, page.through, asked.at, asked.answer.headers))
        except Unavailable as error:
            return Later(why=f"Kafka has not acknowledged: {error}")
        self._count(page, found)
        return None

    def _count(self, page: Page[Any], found: Due) -> None:
        name, new = self._channel.name, self._new_letters(found)
        for what, number in (("orders", page.orders), ("changed", found.changed), ("gone", found.gone), ("dead", new)):
            self.counts[what] += len(number)
        metrics.ORDERS.labels(name).inc(len(page.orders))
        metrics.LINES.labels(name, "changed").inc(len(found.changed))
        metrics.LINES.labels(name, "gone").inc(len(found.gone))
        metrics.DEAD_LETTERS.labels(name).inc(len(new))
        self._uncounted(found)

    def _uncounted(self, found: Due) -> None:
        for one in found.ignored:
            said = f"{one.order}@{one.modified}"
            if said not in self._said:
                self._remember([said])
                ignored(self._channel.name, one.order, one.reasons)

    def _new_letters(self, found: Due) -> list[str]:
        letters = [letter_id(message) for message in found.dead]
        new = [letter for letter in letters if letter not in self._said]
        self._remember(new)
        return new

    def _remember(self, what: Iterable[str]) -> None:
        """Note what was said, so that a page that is read again does not say it again; the oldest is forgotten."""
        self._said.update(dict.fromkeys(what))
        while len(self._said) > SAID_MAX:
            del self._said[next(iter(self._said))]

    async def pass_quiet(self) -> None:
        """Move the watermark over a time without orders, now that everything was read to its end."""
        try:
            await self._move(max(self.mark, (self._opened or 0) - self._channel.search_lag_ms))
        except Unavailable as error:
            LOG.warning("the watermark stays: %s", error)

    async def note_wakes(self) -> None:
        """Make durable that what was named has been read; without Kafka it is read again after a restart."""
        if self.wakes.woken == self._woken:
            return
        try:
            await self._write(self.mark if self.written is None else max(self.mark, self.written))
        except Unavailable as error:
            LOG.warning("named orders will be read again after a restart: %s", error)

    async def _move(self, mark: int) -> None:
        if self.written is None or mark > self.written:
            await self._write(mark)
        self.mark = mark  # below `written`: read again from before the watermark, which stays

    async def _write(self, through: int) -> None:
        name, woken = self._channel.name, self.wakes.woken
        record = Watermark(channel=name, through=through, at=self._now(), woken=woken)
        told = headers(INGEST_WATERMARK, f"{name}@{through}.{woken}", f"/ingest/{name}", name, record.at)
        message = Message(topic=INGEST_WATERMARK, key=name.encode(), value=encode(record), headers=told)
        await self._sender.send([message])
        self.written, self._woken = through, woken
        metrics.WATERMARK.labels(name).set(through / 1_000)
