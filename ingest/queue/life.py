"""The queue process's life: load the listings, read the queues, drain."""

import asyncio
import logging
import random
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from aiobotocore.session import get_session
from aiohttp import web

from ingest.listings import Listings
from ingest.producer import Producer
from ingest.queue.endpoint import Health, build
from ingest.queue.reader import Reader, Tools
from ingest.queue.sorting import Seats, Sorted, sort
from ingest.queue.sqs import Credentials, Queue
from ingest.trace import traceparent
from schemas.cluster import now_ms
from schemas.config import Channel, Config

LOG = logging.getLogger(__name__)
READERS = 4
"""Batches of one queue under way at once; each waits for Kafka by itself."""
DRAIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for; `others` are the channels of the same kind by alias, in lower case."""

    config: Config
    channel: Channel
    others: dict[str, Channel]
    credentials: Callable[[], Credentials | None]
    host: str
    port: int


async def serve(order: Order) -> None:
    """Read until SIGTERM; raises whatever ends a reader otherwise."""
    producer, listings, stopping = Producer(order.config), Listings(order.config), asyncio.Event()
    session = get_session()
    queues = [Queue(url, order.channel.queue_endpoint, order.credentials, session) for url in order.channel.queues]
    health = Health(threads=lambda: producer.alive and listings.alive, now_ms=now_ms)
    runner = web.AppRunner(build(health), access_log=None)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    listings.start()
    try:
        await runner.setup()
        await web.TCPSite(runner, order.host, order.port).start()
        await _until(stopping, asyncio.to_thread(listings.settle))
        if not stopping.is_set():
            health.readers = _readers(order, queues, producer, listings, stopping)
            _announce(runner)
            await _read(health.readers, stopping)
    finally:
        await runner.cleanup()
        for queue in queues:
            await queue.close()
        await producer.close()
        await asyncio.to_thread(listings.close)


async def _until(stopping: asyncio.Event, work: Coroutine[Any, Any, Any]) -> None:
    """Wait for the work, but not beyond the word to stop."""
    waiting = [asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    waiting[1].cancel()


def _readers(
    order: Order, queues: Sequence[Queue], producer: Producer, listings: Listings, stopping: asyncio.Event
) -> list[Reader]:
    seats = Seats(own=order.channel, others=order.others, find=listings.find, lines_max=order.config.ingest.lines_max)

    def sorted_out(body: bytes) -> Sorted:
        return sort(body, seats, now_ms(), traceparent(None))

    tools = Tools(
        sender=producer,
        sort=sorted_out,
        now_ms=now_ms,
        sleep_ms=lambda ms: asyncio.sleep(ms / 1_000),
        luck=random.random,
    )
    name, now = order.channel.name, now_ms()
    return [
        Reader(channel=name, source=queue, tools=tools, stopping=stopping, moved_at=now)
        for queue in queues
        for _ in range(READERS)
    ]


def _announce(runner: web.AppRunner) -> None:
    """Say that messages are taken from now on: before, a line without a SKU could not be mapped."""
    host, port = runner.addresses[0][:2]
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - the runner waits for this line


async def _read(readers: Sequence[Reader], stopping: asyncio.Event) -> None:
    """Run the readers; told to stop, let them finish what they have in hand, for `DRAIN_S` at most."""
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    watching = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait({*tasks, watching}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {watching}:
            task.result()
        LOG.info("draining")
        await asyncio.wait(tasks, timeout=DRAIN_S)
    finally:
        for task in (*tasks, watching):
            task.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)
