"""The queue process's life: load the listings, read the queues, drain."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiobotocore.session import get_session

from ingest.listings import Listings
from ingest.process import announce, endpoint, serving, told_to_stop, until
from ingest.producer import Producer
from ingest.queue.health import Health
from ingest.queue.reader import Reader, Tools
from ingest.queue.sorting import Seats, Sorted, sort
from ingest.queue.sqs import Credentials, Queue
from ingest.replay import Unreachable
from ingest.trace import traceparent
from schemas.cluster import now_ms
from schemas.config import Channel, Config

LOG = logging.getLogger(__name__)
READERS = 4
"""Batches of one queue under way at once; each waits for Kafka by itself."""
DRAIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueJob:
    """What the command line asks for; `others` are the channels of the same kind by alias, in lower case."""

    config: Config
    channel: Channel
    others: dict[str, Channel]
    credentials: Callable[[], Credentials | None]
    host: str
    port: int


async def serve(job: QueueJob) -> None:
    """Read until SIGTERM; raises whatever ends a reader otherwise."""
    producer, listings, stopping = Producer(job.config), Listings(job.config), told_to_stop()
    session = get_session()
    queues = [Queue(url, job.channel.queue_endpoint, job.credentials, session) for url in job.channel.queues]
    health = Health(threads=lambda: producer.alive and listings.alive, now_ms=now_ms)
    listings.start()
    try:
        async with serving(endpoint(lambda: health.alive, lambda: health.unready), job.host, job.port) as runner:
            await until(stopping, asyncio.to_thread(listings.wait))
            if not stopping.is_set() and not listings.loaded:
                raise Unreachable("the listings cannot be read; the log says why")
            if not stopping.is_set():
                health.readers = _readers(job, queues, producer, listings, stopping)
                # Not before: a line without a SKU could not be mapped.
                announce(runner)
                await _read(health.readers, stopping)
    finally:
        for queue in queues:
            await queue.close()
        await producer.close()
        await asyncio.to_thread(listings.close)


def _readers(
    job: QueueJob, queues: Sequence[Queue], producer: Producer, listings: Listings, stopping: asyncio.Event
) -> list[Reader]:
    seats = Seats(own=job.channel, others=job.others, find=listings.find, lines_max=job.config.ingest.lines_max)

    def sorted_out(body: bytes) -> Sorted:
        return sort(body, seats, now_ms(), traceparent(None))

    tools = Tools(
        sender=producer,
        sort=sorted_out,
        now_ms=now_ms,
        sleep_ms=lambda ms: asyncio.sleep(ms / 1_000),
        luck=random.random,
    )
    name, now = job.channel.name, now_ms()
    return [
        Reader(channel=name, source=queue, tools=tools, stopping=stopping, moved_at=now)
        for queue in queues
        for _ in range(READERS)
    ]


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
