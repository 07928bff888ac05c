"""A poller's life: load what is known, read, wait, read again, until told to stop."""

import asyncio
import random
from time import monotonic

from aiohttp import web

from ingest.poll.endpoint import Status, build
from ingest.poll.parts import Parts, PollJob, load, watchdog
from ingest.poll.progress import Place, show
from ingest.poll.report import Reading
from ingest.poll.turns import DEBOUNCE_MS, Turns
from ingest.poller import Ended, Poller
from ingest.process import announce, serving, told_to_stop, until
from schemas.cluster import now_ms

STILL_MS = 900_000
"""A loop that has asked nothing for so long, waits asked for by a channel included, stands still."""
ONCE_TRIES = 5
DENIED_MS = 300_000
"""How long refused credentials are believed: a firewall before a shop answers 403 too, and thinks better of it."""


async def once(job: PollJob) -> Reading:
    """
    Read one time, showing how far it has come; gives up after `ONCE_TRIES` failures in a row.

    SIGTERM and SIGINT end it between two steps: what it has read is in Kafka.  Raises `Unreachable`.
    """
    begun, stop = now_ms(), told_to_stop()
    parts = Parts.start(job, ring=lambda: None)
    demand = Demand(job, begun)
    showing = asyncio.ensure_future(show(job.channel.name, demand.place))
    try:
        await until(stop, demand.read(parts))
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        await parts.close()
    return demand.reading(now_ms())


class Demand:
    """A reading on demand."""

    def __init__(self, job: PollJob, begun: int) -> None:
        """Begin at the present, milliseconds."""
        self._job, self._begun = job, begun
        self._poller: Poller | None = None
        self._since = 0
        self._ended = "stopped"

    async def read(self, parts: Parts) -> None:
        """Load what is known and read; raises `Unreachable`."""
        self._poller = await load(self._job, parts)
        self._since = self._poller.keeper.mark
        self._ended = (await self._poller.read(ONCE_TRIES)).value

    def place(self) -> Place:
        """Return where the reading stands."""
        if self._poller is None:
            return Place(doing="loading what is known")
        keeper = self._poller.keeper
        return Place(
            doing="reading",
            orders=keeper.counts["orders"],
            since=self._since,
            reached=keeper.mark,
            until=self._begun,
        )

    def reading(self, now: int) -> Reading:
        """Return what it came to."""
        counts = {} if self._poller is None else self._poller.keeper.counts
        return Reading(
            channel=self._job.channel.name,
            ended=self._ended,
            since=self._since,
            reached=self._since if self._poller is None else self._poller.keeper.mark,
            orders=counts.get("orders", 0),
            changed=counts.get("changed", 0),
            gone=counts.get("gone", 0),
            dead=counts.get("dead", 0),
            took_ms=now - self._begun,
        )


async def serve(job: PollJob) -> None:
    """Read again and again until SIGTERM; raises whatever ends the loop otherwise."""
    loop, stop = asyncio.get_running_loop(), told_to_stop()
    status = Status(alive=lambda: True, tokens=job.tokens)
    parts = Parts.start(job, ring=lambda: _ring(loop, status))
    status.alive = lambda: parts.alive
    try:
        async with serving(build(status), job.host, job.port) as runner:
            await until(stop, _work(job, parts, status, runner))
    finally:
        await parts.close()


def _ring(loop: asyncio.AbstractEventLoop, status: Status) -> None:
    """Tell the loop, from another thread, that a webhook wants something to be read."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(status.rung.set)


async def _work(job: PollJob, parts: Parts, status: Status, runner: web.AppRunner) -> None:
    poller = await load(job, parts)
    every = job.channel.poll_every_ms
    status.alive = lambda: parts.alive and (status.denied or now_ms() - poller.asked_at < STILL_MS + every)
    status.loaded = True
    announce(runner)
    turns, watching = Turns(now_ms()), watchdog(job, parts)
    while True:
        status.denied = await _turn(poller, turns, every) is Ended.DENIED
        if status.denied:
            await wait_for_secrets(job, status)
            turns.ask(now_ms(), at_once=True)
            continue
        if watching is not None and await watching.turn():
            turns.ask(now_ms(), at_once=True)
        await _pause(status, turns.wait_ms(now_ms(), poller.wakes.next_at()))
        await _heed(status, turns, poller)


async def _turn(poller: Poller, turns: Turns, every_ms: int) -> Ended:
    began = now_ms()
    if not turns.search(began):
        await poller.read_named()
        return Ended.READ
    ended = await poller.read()
    turns.searched(began, round(every_ms * random.uniform(0.9, 1.1)))  # noqa: S311 - jitter is no secret
    return ended


async def _heed(status: Status, turns: Turns, poller: Poller) -> None:
    """
    Take up what ended a pause; the other webhooks of a burst are waited for.

    An order that was named takes one call; only where none was named is everything searched that changed.
    """
    if status.rung.is_set():
        await asyncio.sleep(DEBOUNCE_MS / 1_000)
        poller.take_wakes()
        if poller.wakes.unnamed:
            turns.ask(now_ms())
    if status.wake.is_set():
        turns.ask(now_ms(), at_once=True)
    status.rung.clear()
    status.wake.clear()


async def _pause(status: Status, ms: int) -> None:
    """Wait, but not longer than until somebody asks."""
    waiting = {asyncio.ensure_future(event.wait()) for event in (status.wake, status.rung)}
    try:
        await asyncio.wait(waiting, timeout=ms / 1_000, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def wait_for_secrets(job: PollJob, status: Status) -> None:
    """Wait until the secrets are others, somebody asks, or `DENIED_MS` are over."""
    refused, end = job.credentials(), monotonic() + DENIED_MS / 1_000
    while job.credentials() == refused and monotonic() < end:
        waiting = asyncio.ensure_future(status.wake.wait())
        done, _ = await asyncio.wait({waiting}, timeout=min(job.channel.poll_every_ms, 10_000) / 1_000)
        waiting.cancel()
        if done:
            status.wake.clear()
            return
