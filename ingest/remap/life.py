"""The service's life: load letters and listings, count what has become countable, until told to stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Iterable, Sequence
from time import monotonic

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingest.listings import Listings
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
        await asyncio.to_thread(self.listings.settle)
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


def build(remap: Remap) -> web.Application:
    """Return the application that answers for health and metrics."""

    async def healthz(_request: web.Request) -> web.Response:
        return _said("a part has ended or stands still", good=remap.alive)

    async def readyz(_request: web.Request) -> web.Response:
        return _said("loading", good=remap.ready)

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    return app


def _said(why: str, *, good: bool) -> web.Response:
    return web.Response(status=200 if good else 503, text="ok\n" if good else f"{why}\n")


async def serve(config: Config, host: str, port: int) -> None:
    """Work until SIGTERM; raises whatever ends the loop otherwise."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    remap = Remap.start(config)
    runner = web.AppRunner(build(remap), access_log=None)
    try:
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        await _until(stop, _work(remap, runner))
    finally:
        await runner.cleanup()
        await remap.close()


async def _work(remap: Remap, runner: web.AppRunner) -> None:
    await remap.load()
    host, port = runner.addresses[0][:2]
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - the runner waits for this line
    await remap.work()


async def _until(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Run until told to stop, or until the work fails."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    done, left = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if working in done:
        working.result()
