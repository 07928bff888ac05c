"""What a poller is made of: its job, the threads beside its loop, and the state that it begins with."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.listings import Listings
from ingest.poll.call import Caller
from ingest.poll.follow import Following
from ingest.poll.grant import Tokens
from ingest.poll.kind import Grant, Poll
from ingest.poll.tools import Tools
from ingest.poll.wake_reader import WakeReader
from ingest.poll.watch import Watch
from ingest.poll.watchdog import Watchdog
from ingest.poll.watermark import begin
from ingest.poller import Poller
from ingest.producer import Producer
from ingest.replay import Taken, Unreachable, replay
from schemas.channel_records import Watermark
from schemas.cluster import now_ms
from schemas.codec import decode
from schemas.config import Channel, Config
from schemas.topics import INGEST_WATERMARK

LOG = logging.getLogger(__name__)
Secret = Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollJob:
    """
    What the command line asks for.

    `back_to` is from when to read again (milliseconds, None for the watermark alone).  `grant` is None for a kind that
    is called with its secrets alone, `watch` for one whose webhooks cannot be looked at; each has secrets of its own.
    """

    config: Config
    channel: Channel
    kind: Poll[Any]
    secrets: Secret
    tokens: Secret
    back_to: int | None
    host: str
    port: int
    grant: Grant | None = None
    grant_secrets: Secret = tuple
    watch: Watch[Any] | None = None
    watch_secrets: Secret = tuple

    def credentials(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return everything that the channel could refuse."""
        return self.secrets(), self.grant_secrets()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs beside the loop."""

    producer: Producer
    listings: Listings
    following: Following
    waking: WakeReader
    caller: Caller

    @classmethod
    def start(cls, job: PollJob, ring: Callable[[], None]) -> "Parts":
        """Start the threads; needs a running event loop.  `ring` is called in a thread when a webhook wakes us."""
        parts = cls(
            producer=Producer(job.config),
            listings=Listings(job.config),
            following=Following(job.config, job.channel.name),
            waking=WakeReader(job.config, job.channel.name, ring),
            caller=Caller(job.channel.call_timeout_ms),
        )
        parts.listings.start()
        parts.following.start()
        return parts

    @property
    def alive(self) -> bool:
        """Say whether all threads are at work."""
        return self.producer.alive and self.listings.alive and self.following.alive and self.waking.alive

    async def close(self) -> None:
        """Wait for what is under way and stop."""
        await self.caller.close()
        await self.producer.close()
        for part in (self.waking, self.listings, self.following):
            await asyncio.to_thread(part.close)


async def load(job: PollJob, parts: Parts) -> Poller:
    """Return the poller once all that it must know is in memory.  Raises `Unreachable`."""
    stored = await asyncio.to_thread(stored_watermark, job.config, job.channel.name)
    parts.waking.start(0 if stored is None else stored.woken)
    for ready in (parts.listings.wait, parts.following.wait, parts.waking.wait):
        await asyncio.to_thread(ready)
    if not parts.alive:
        raise Unreachable("a part of the poller has ended while it was loading; its log says why")
    mark = begin(None if stored is None else stored.through, job.channel.since, job.back_to)
    LOG.info("reading orders changed since %d", mark, extra={"channel": job.channel.name})
    tokens = None
    if job.grant is not None:
        tokens = Tokens(job.channel, job.grant, job.grant_secrets, parts.caller.call, now_ms)
    tools = Tools(
        call=parts.caller.call,
        sender=parts.producer,
        index=parts.following,
        find=parts.listings.find,
        secrets=job.secrets,
        now_ms=now_ms,
        sleep_ms=lambda ms: asyncio.sleep(ms / 1_000),
        tokens=tokens,
        wakes=parts.waking.drain,
    )
    return Poller(job.channel, job.kind, tools, mark, stored)


def watchdog(job: PollJob, parts: Parts) -> Watchdog | None:
    """Return what watches the channel's webhooks, None where that cannot be done."""
    if job.watch is None:
        return None
    return Watchdog(job.channel, job.watch, call=parts.caller.call, secrets=job.watch_secrets, now_ms=now_ms)


def stored_watermark(config: Config, channel: str) -> Watermark | None:
    """Return the watermark that Kafka holds; raises `Unreachable`."""
    found: dict[bytes, Watermark] = {}

    def take(taken: Taken) -> None:
        if taken.value is not None:
            found[taken.key] = decode(Watermark, taken.value)

    replay(config, {INGEST_WATERMARK: take}, advance=lambda _count: None, group="poll-watermark")
    return found.get(channel.encode())
