"""The ledger's HTTP side: is it alive, does it write, what has it counted."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from publishers.ledger.app import Ledger


def application(ledger: Ledger) -> web.Application:
    """Return the application with `/healthz`, `/readyz` and `/metrics`."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response(ledger.state(), status=200 if ledger.alive else 503)

    async def readyz(_request: web.Request) -> web.Response:
        return web.json_response(ledger.state(), status=200 if ledger.ready else 503)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


async def serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen, and return the runner to clean up and the port in use."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    address: tuple[str, int] = runner.addresses[0]
    return runner, address[1]
