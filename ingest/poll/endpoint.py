"""A poller's own HTTP endpoint: health, metrics, and `POST /poll`, which makes it read now."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from ingest.adjustments import authorize
from ingest.process import endpoint
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
    app = endpoint(lambda: status.alive(), lambda: _unready(status))  # noqa: PLW0108 - what `alive` is changes
    app[STATUS] = status
    app.add_routes([web.post("/poll", poll)])
    return app


def _unready(status: Status) -> str:
    """Return why no orders are being read; refused credentials are no reason to restart."""
    if status.denied:
        return "the channel refuses the credentials"
    return "" if status.loaded else "loading"


async def poll(request: web.Request) -> web.Response:
    """Make the poller read now; the token is one of those that adjust stock."""
    status = request.app[STATUS]
    try:
        authorize(request.headers.get("Authorization", ""), status.tokens())
    except (BadSignature, ConfigError):
        return web.Response(status=401, text="no valid token\n")
    status.wake.set()
    return web.Response(status=202, text="reading\n")
