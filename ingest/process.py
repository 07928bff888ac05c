"""The shell of a process that runs until it is told to stop: its signals, its first word, its health."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

STANDS_STILL = "a part has ended or stands still"
BODY_MAX = 1024
"""Bytes; nobody sends a body to an endpoint that tells of health."""


def told_to_stop() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set from now on; needs a running event loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def until(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Run until told to stop, or until the work has ended; raises what the work raises."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    done, left = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if working in done:
        working.result()


@asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[web.AppRunner]:
    """Serve a process's own endpoint for as long as the block lasts."""
    runner = web.AppRunner(application, access_log=None)
    try:
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        yield runner
    finally:
        await runner.cleanup()


def announce(runner: web.AppRunner) -> None:
    """Print READY and the address; what started the process waits for this line."""
    host, port = runner.addresses[0][:2]
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - this line is for the runner


def endpoint(alive: Callable[[], bool], unready: Callable[[], str]) -> web.Application:
    """
    Return the application that answers for health and metrics, and for nothing else.

    Args:
        alive: whether everything is at work; what only somebody outside can repair is no reason to be restarted.
        unready: why the process does not do its work, "" where it does.

    """
    app = web.Application(client_max_size=BODY_MAX)
    app.add_routes(health(lambda: "" if alive() else STANDS_STILL, unready))
    return app


def health(ill: Callable[[], str], unready: Callable[[], str]) -> list[web.RouteDef]:
    """Return the routes for health and metrics; each argument says what is wrong, "" where nothing is."""

    async def healthz(_request: web.Request) -> web.Response:
        return _said(ill())

    async def readyz(_request: web.Request) -> web.Response:
        return _said(unready())

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)]


def _said(why: str) -> web.Response:
    return web.Response(status=503 if why else 200, text=f"{why or 'ok'}\n")
