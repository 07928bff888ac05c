"""The worker's own HTTP endpoint: `/healthz`, `/readyz`, `/metrics`; it serves before and during a recovery."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """
    How the worker is.

    A wedged partition does not make it unhealthy, since a restart would stop the others and not help; it makes it
    unready, and stands by number and reason in both answers.
    """

    progressing: bool
    ready: bool
    lanes: Mapping[str, int]
    wedged: Mapping[int, str]


async def serve(host: str, port: int, health: Callable[[], Health], registry: CollectorRegistry) -> web.AppRunner:
    """Serve until the returned runner is cleaned up; port 0 takes a free one."""

    def answer(health: Health, *, good: bool) -> web.Response:
        body = {
            "ok": good,
            "ready": health.ready,
            "lanes": health.lanes,
            "wedged": {str(partition): reason for partition, reason in health.wedged.items()},
        }
        return web.json_response(body=orjson.dumps(body), status=200 if good else 503)

    async def healthz(_: web.Request) -> web.Response:
        found = health()
        return answer(found, good=found.progressing)

    async def readyz(_: web.Request) -> web.Response:
        found = health()
        return answer(found, good=found.ready)

    async def metrics(_: web.Request) -> web.Response:
        health()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


def address(runner: web.AppRunner) -> tuple[str, int]:
    """Return where the runner serves."""
    host, port = runner.addresses[0][:2]
    return str(host), int(port)
