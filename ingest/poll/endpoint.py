"""A poller's own HTTP endpoint: health, metrics, and `POST /poll`, which makes it read now."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingest.adjustments import authorize
from ingest.webhook import BadSignature
from schemas.config import ConfigError


@dataclass(slots=True, kw_only=True)
class Status:
    """
    How a poller is: `alive` asks its threads and its loop, `denied` is why it stopped asking the channel.

    `wake` is set by who wants everything read now, `rung` by webhooks that say that something changed.
    """

    alive: Callable[[], bool]
    tokens: Callable[[], Sequence[str]]
    loaded: bool = False
    denied: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    rung: asyncio.Event = field(default_factory=asyncio.Event)


STATUS = web.AppKey("status", Status)


def build(status: Status) -> web.Application:
    """Return the application around a poller's status."""
    app = web.Application(client_max_size=1024)
    app[STATUS] = status
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", exposition),
            web.post("/poll", poll),
        ]
    )
    return app


async def healthz(request: web.Request) -> web.Response:
    """Say whether the threads are at work and the loop goes on; refused credentials are no reason to restart."""
    alive = request.app[STATUS].alive()
    return web.Response(status=200 if alive else 503, text="ok\n" if alive else "a part has ended or stands still\n")


async def readyz(request: web.Request) -> web.Response:
    """Say whether orders are being read."""
    status = request.app[STATUS]
    ready = status.loaded and not status.denied
    why = "ok" if ready else "the channel refuses the credentials" if status.denied else "loading"
    return web.Response(status=200 if ready else 503, text=f"{why}\n")


async def exposition(_request: web.Request) -> web.Response:
    """Show the metrics."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def poll(request: web.Request) -> web.Response:
    """Make the poller read now; the token is one of those that adjust stock."""
    status = request.app[STATUS]
    try:
        authorize(request.headers.get("Authorization", ""), status.tokens())
    except (BadSignature, ConfigError):
        return web.Response(status=401, text="no valid token\n")
    status.wake.set()
    return web.Response(status=202, text="reading\n")
