"""The queue process's own HTTP endpoint: health and metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingest.queue.reader import Reader

STILL_MS = 180_000
"""A reader that has done nothing for so long (it asks every 20 s, and backs off up to 60 s) stands still."""


@dataclass(slots=True, kw_only=True)
class Health:
    """How the process is: its threads, and its readers once the listings are in memory (None before)."""

    threads: Callable[[], bool]
    now_ms: Callable[[], int]
    readers: Sequence[Reader] | None = field(default=None)

    @property
    def alive(self) -> bool:
        """Say whether the threads are at work and no reader stands still; a broker that is away stops none of them."""
        now = self.now_ms()
        return self.threads() and all(now - reader.moved_at < STILL_MS for reader in self.readers or ())

    @property
    def unready(self) -> str:
        """Return why no messages are being taken, "" where they are."""
        if self.readers is None:
            return "loading listings"
        refused = sorted({reader.source.name for reader in self.readers if reader.denied})
        return f"AWS refuses the credentials for {', '.join(refused)}" if refused else ""


HEALTH = web.AppKey("health", Health)


def build(health: Health) -> web.Application:
    """Return the application around the process's health."""
    app = web.Application(client_max_size=1024)
    app[HEALTH] = health
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    return app


async def healthz(request: web.Request) -> web.Response:
    """Say whether everything is at work; refused credentials are no reason to restart."""
    alive = request.app[HEALTH].alive
    return web.Response(status=200 if alive else 503, text="ok\n" if alive else "a part has ended or stands still\n")


async def readyz(request: web.Request) -> web.Response:
    """Say whether messages are being taken."""
    why = request.app[HEALTH].unready
    return web.Response(status=503 if why else 200, text=f"{why or 'ok'}\n")


async def exposition(_request: web.Request) -> web.Response:
    """Show the metrics."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
