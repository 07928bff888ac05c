"""The named alternative to ingest: an aiohttp handler that reads the body and answers 200."""

import asyncio

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    """Read everything, look at nothing."""
    await request.read()
    return web.json_response({"ok": True})


async def serve() -> None:
    """Serve on a free port until killed."""
    app = web.Application()
    app.add_routes([web.post("/webhooks/{channel}/order", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - the runner waits for this line
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
