"""A poller's life: load what is known, read, wait, read again, until told to stop."""

import asyncio
import logging
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiohttp import web

from ingest.listings import Listings
from ingest.poll.call import Caller
from ingest.poll.endpoint import Status, build
from ingest.poll.follow import Following
from ingest.poll.kind import Poll
from ingest.poll.watermark import begin
from ingest.poller import Ended, Poller, Tools
from ingest.producer import Producer
from ingest.replay import Taken, replay
from schemas.channel_records import Watermark
from schemas.cluster import now_ms
from schemas.codec import decode
from schemas.config import Channel, Config
from schemas.topics import INGEST_WATERMARK

LOG = logging.getLogger(__name__)
STILL_MS = 900_000
"""A loop that has asked nothing for so long, waits asked for by a channel included, stands still."""
ONCE_TRIES = 5
DENIED_MS = 300_000
"""How long refused credentials are believed: a firewall before a shop answers 403 too, and thinks better of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for; `since_ms` is how far back to read again, None for the watermark alone."""

    config: Config
    channel: Channel
    kind: Poll[Any]
    secrets: Callable[[], Sequence[str]]
    tokens: Callable[[], Sequence[str]]
    since_ms: int | None
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs beside the loop."""

    producer: Producer
    listings: Listings
    following: Following
    caller: Caller

    @classmethod
    def start(cls, order: Order) -> "Parts":
        """Start the threads; needs a running event loop."""
        parts = cls(
            producer=Producer(order.config),
            listings=Listings(order.config),
            following=Following(order.config, order.channel.name),
            caller=Caller(order.channel.call_timeout_ms),
        )
        parts.listings.start()
        parts.following.start()
        return parts

    @property
    def alive(self) -> bool:
        """Say whether all threads are at work."""
        return self.producer.alive and self.listings.alive and self.following.alive

    async def close(self) -> None:
        """Wait for what is under way and stop."""
        await self.caller.close()
        await self.producer.close()
        await asyncio.to_thread(self.listings.close)
        await asyncio.to_thread(self.following.close)


async def once(order: Order) -> Ended:
    """Read one time; gives up after `ONCE_TRIES` failures in a row.  Raises `Unreachable`."""
    parts = Parts.start(order)
    try:
        poller = await _load(order, parts)
        return await poller.read(ONCE_TRIES)
    finally:
        await parts.close()


async def serve(order: Order) -> None:
    """Read again and again until SIGTERM; raises whatever ends the loop otherwise."""
    parts = Parts.start(order)
    status = Status(alive=lambda: parts.alive, tokens=order.tokens)
    runner = web.AppRunner(build(status), access_log=None)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await runner.setup()
        await web.TCPSite(runner, order.host, order.port).start()
        await _until(stop, _work(order, parts, status, runner))
    finally:
        await runner.cleanup()
        await parts.close()


async def _until(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Run until told to stop, or until the work fails."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    done, left = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if working in done:
        working.result()


async def _work(order: Order, parts: Parts, status: Status, runner: web.AppRunner) -> None:
    poller = await _load(order, parts)
    status.alive = lambda: parts.alive and (status.denied or now_ms() - poller.moved_at < STILL_MS + _every(order))
    status.loaded = True
    host, port = runner.addresses[0][:2]
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - the runner waits for this line
    while True:
        status.denied = await poller.read() is Ended.DENIED
        if status.denied:
            await wait_for_secrets(order, status)
        else:
            await _pause(status, round(_every(order) * random.uniform(0.9, 1.1)))  # noqa: S311 - jitter is no secret


def _every(order: Order) -> int:
    return order.channel.poll_every_ms


async def _pause(status: Status, ms: int) -> None:
    """Wait, but not longer than until somebody asks."""
    try:
        async with asyncio.timeout(ms / 1_000):
            await status.wake.wait()
    except TimeoutError:
        return
    finally:
        status.wake.clear()


async def wait_for_secrets(order: Order, status: Status) -> None:
    """Wait until the secrets are others, somebody asks, or `DENIED_MS` are over."""
    refused, until = order.secrets(), monotonic() + DENIED_MS / 1_000
    while order.secrets() == refused and monotonic() < until:
        waiting = asyncio.ensure_future(status.wake.wait())
        done, _ = await asyncio.wait({waiting}, timeout=min(_every(order), 10_000) / 1_000)
        waiting.cancel()
        if done:
            status.wake.clear()
            return


async def _load(order: Order, parts: Parts) -> Poller:
    """Return the poller once all that it must know is in memory."""
    await asyncio.to_thread(parts.listings.settle)
    await asyncio.to_thread(parts.following.wait)
    stored = await asyncio.to_thread(_stored, order.config, order.channel.name)
    back_to = None if order.since_ms is None else now_ms() - order.since_ms
    mark = begin(stored, order.channel.since, back_to)
    LOG.info("reading orders changed since %d", mark, extra={"channel": order.channel.name})
    tools = Tools(
        call=parts.caller.call,
        sender=parts.producer,
        index=parts.following,
        find=parts.listings.find,
        secrets=order.secrets,
        now_ms=now_ms,
        sleep_ms=lambda ms: asyncio.sleep(ms / 1_000),
    )
    return Poller(order.channel, order.kind, tools, mark, stored)


def _stored(config: Config, channel: str) -> int | None:
    """Return the watermark that Kafka holds; raises `Unreachable`."""
    found: dict[bytes, int] = {}

    def take(taken: Taken) -> None:
        if taken.value is not None:
            found[taken.key] = decode(Watermark, taken.value).through

    replay(config, {INGEST_WATERMARK: take}, advance=lambda _count: None, group="poll-watermark")
    return found.get(channel.encode())
