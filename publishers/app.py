"""The process around a publisher's lives: wiring, health, metrics, signals."""

import asyncio
import logging
import random
import signal
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from publishers import retry
from publishers.alarm import Alarm
from publishers.book import Book
from publishers.brake import Brake
from publishers.channels import KINDS, grant_of
from publishers.controller import Controller
from publishers.credentials import Access
from publishers.delivery import Delivery
from publishers.incidents import Incidents
from publishers.journal import LostError
from publishers.life import Life, Parts
from publishers.membership import Membership
from publishers.metrics import Metrics
from publishers.push import Account
from publishers.reader import Reader
from publishers.shares import limits_of
from publishers.slack import Messenger
from publishers.watch import Watcher
from publishers.work import Gate, Setup
from schemas.cluster import now_ms
from schemas.config import Secrets
from schemas.settings import Channel, Config

STUCK_MS = 30_000
"""A loop that has not come round for this long beyond a call's time is not healthy."""
REST_S = 1.0
"""Between two lives."""
log = logging.getLogger(__name__)


def setup(config: Config, channel: Channel) -> Setup:
    """Return what the configuration says of a channel, with the kind's own figures where it says nothing."""
    kind, scale = KINDS[channel.kind], config.publishers.time_scale
    chance = random.Random()  # noqa: S311 - jitter, not cryptography
    return Setup(
        channel=channel.name,
        kind=kind,
        account=Account(
            api_version=channel.api_version,
            location=channel.location,
            alias=channel.alias,
            marketplaces=channel.marketplaces,
            renew_sold_out=channel.renew_sold_out,
        ),
        limits=limits_of(channel, kind, config),
        ladder=retry.scaled(channel.ladder_ms or kind.LADDER, scale),
        call_timeout_ms=channel.call_timeout_ms,
        gate=Gate(channel.mode),
        partitions=config.kafka.partitions,
        draw=lambda: chance.randint(0, retry.DRAWS),
        scale=scale,
        order=channel.order,
        reconcile_every_ms=channel.reconcile_every_ms,
    )


class Publisher:
    """One process: standby or active, it serves its health and its metrics all the time."""

    def __init__(
        self, config: Config, channel: Channel, secrets: Secrets, instance: str | None, path: Path | None = None
    ) -> None:
        """Wire nothing yet: a life is made when it begins.  The file at `path` is watched for other rules."""
        self.config, self.channel, self.secrets, self.instance = config, channel, secrets, instance
        self.metrics = Metrics(channel.name)
        self.stop, self.wake = asyncio.Event(), asyncio.Event()
        self.watcher = None if path is None else Watcher(path, config, channel, self.wake)
        self.life: Life | None = None

    async def run(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Serve and publish until SIGTERM or SIGINT; the open call is finished and its result written."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.end)
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        watching = None if self.watcher is None else asyncio.create_task(self.watcher.run())
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            host, port = runner.addresses[0][:2]
            ready(f"READY {host}:{port}")
            await self._live()
        finally:
            if watching is not None:
                watching.cancel()
            await runner.cleanup()

    def end(self) -> None:
        """Ask the process to drain."""
        self.stop.set()
        self.wake.set()

    async def _live(self) -> None:
        kind = self.channel.kind
        async with Delivery(self.channel.base_url) as delivery:
            # It outlives the lives: a token is good for the next one too.
            access = Access(self.channel, KINDS[kind], grant_of(self.channel, self.secrets), self.secrets, delivery)
            while not self.stop.is_set():
                try:
                    self.life = self._life(access)
                    await self.life.run()
                except LostError as error:
                    log.warning("starting anew: %s", error, extra={"channel": self.channel.name})
                    await asyncio.sleep(REST_S)

    def _life(self, access: Access) -> Life:
        config, channel = self.config, self.watcher.channel if self.watcher else self.channel
        incidents = Incidents(channel.name, config.publishers.time_scale)
        kind = KINDS[channel.kind]
        book = Book(
            channel.name, channel.rules_for, kind, Brake(channel.brake_percent), scale=config.publishers.time_scale
        )
        return Life(
            Parts(
                config=config,
                channel=channel.name,
                controller=Controller(setup(config, channel), book, now_ms()),
                reader=Reader(config, channel.name, self.wake),
                membership=Membership(config, channel.name, self.wake, self.instance),
                access=access,
                metrics=self.metrics,
                alarm=Alarm(incidents, Messenger(config.publishers, self.secrets, self.wake), self.watcher),
                wake=self.wake,
                stop=self.stop,
            )
        )

    def _application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        return app

    async def _healthz(self, _request: web.Request) -> web.Response:
        life = self.life
        still = now_ms() - life.progressed_at if life else 0
        healthy = still <= STUCK_MS + self.channel.call_timeout_ms
        state = {
            "channel": self.channel.name,
            "active": bool(life and life.controller.active),
            "gate": life.controller.gate if life else None,
            "refused": life.controller.calling.refused if life else None,
            "stillMs": still,
        }
        return web.json_response(state, status=200 if healthy else 503)

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready = bool(self.life and self.life.ready)
        return web.Response(text="ready" if ready else "loading", status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        life = self.life
        if life:
            life.parts.alarm.measure(self.metrics, now_ms())
        shown = self.metrics.show(life.controller, life.parts.reader.undecodable, now_ms()) if life else b""
        return web.Response(body=shown, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
