"""The service's life: load letters and listings, count what has become countable, until told to stop."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from time import monotonic

from aiohttp import web

from ingest.listings import Listings
from ingest.process import announce, endpoint, serving, told_to_stop, until
from ingest.producer import Producer, Unavailable
from ingest.remap import metrics
from ingest.remap.letters import Letters
from ingest.remap.mapped import Mapped
from ingest.remap.waiting import Stuck
from ingest.replay import Unreachable
from schemas.cluster import now_ms
from schemas.config import Config

LOG = logging.getLogger(__name__)
LOOK_S = 0.2
"""How often is looked whether letters or listings have come."""
AGAIN_S = 2.0
"""After Kafka has not acknowledged."""
AT_ONCE = 200
"""Lines that are counted together."""
STILL_S = 60.0
"""A loop that has not looked for so long stands still."""


class Remap:
    """One running service."""

    def __init__(self, listings: Listings, letters: Letters, producer: Producer, channels: Iterable[str]) -> None:
        """Take the parts; `channels` are those that are counted even while nothing waits there."""
        self.listings, self.letters, self.producer = listings, letters, producer
        self.ready = False
        self._looked = monotonic()
        self._seen: object = None
        self._channels = set(channels)

    @classmethod
    def start(cls, config: Config) -> "Remap":
        """Start the threads; needs a running event loop."""
        remap = cls(Listings(config), Letters(config), Producer(config), config.channel_names)
        remap.listings.start()
        remap.letters.start()
        return remap

    @property
    def alive(self) -> bool:
        """Say whether all threads are at work and the loop goes on."""
        moving = monotonic() - self._looked < STILL_S or not self.ready
        return moving and self.listings.alive and self.letters.alive and self.producer.alive

    async def load(self) -> None:
        """Wait until everything that stands in the topics is known."""
        await asyncio.to_thread(self.listings.wait)
        await asyncio.to_thread(self.letters.wait)
        if not (self.letters.loaded and self.listings.loaded):
            raise Unreachable("the letters and the listings cannot be read; the log says why")
        self.ready = True

    async def work(self) -> None:
        """Count what can be counted, for ever."""
        while True:
            self._looked = monotonic()
            # Read before the look, so that what comes during it is looked at again.
            seen = self.listings.changes, self.letters.changes
            if seen == self._seen or await self.look():
                self._seen = seen
                self._tell()
                await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Count some lines whose listing is there; returns whether nothing was left to do."""
        some = await asyncio.to_thread(self.letters.ready, self.listings.find, AT_ONCE, now_ms())
        try:
            await self._write(some)
        except Unavailable as error:
            LOG.warning("lines whose listing is there wait for Kafka: %s", error)
            await asyncio.sleep(AGAIN_S)
            return False
        return not some

    async def _write(self, some: Sequence[tuple[Stuck, Mapped]]) -> None:
        """Write states, then the ends of their letters; raises `Unavailable`."""
        await self.producer.send([message for _, records in some for message in records.first])
        await self.producer.send([message for _, records in some for message in records.after])
        self.letters.done(name for _, records in some for name in records.ids)
        for stuck, _ in some:
            metrics.REPLAYED.labels(stuck.place[0]).inc()
            LOG.info("counted now that its listing is there", extra={"orderId": stuck.letter.order_id})

    def _tell(self) -> None:
        counts, missed = self.letters.counts()
        self._channels |= counts.keys()
        for channel in self._channels:
            metrics.WAITING.labels(channel).set(counts[channel])
        metrics.MISSED.set(missed)

    async def close(self) -> None:
        """Wait for what is under way and stop."""
        await self.producer.close()
        await asyncio.to_thread(self.listings.close)
        await asyncio.to_thread(self.letters.close)


async def serve(config: Config, host: str, port: int) -> None:
    """Work until SIGTERM; raises whatever ends the loop otherwise."""
    stop, remap = told_to_stop(), Remap.start(config)
    answers = endpoint(lambda: remap.alive, lambda: "" if remap.ready else "loading")
    try:
        async with serving(answers, host, port) as runner:
            await until(stop, _work(remap, runner))
    finally:
        await remap.close()


async def _work(remap: Remap, runner: web.AppRunner) -> None:
    await remap.load()
    announce(runner)
    await remap.work()
