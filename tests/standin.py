"""A stand-in channel in a thread of the test process: what `python -m compose.fakes` serves, without its start."""

import asyncio
import threading
from concurrent.futures import Future

from aiohttp import web

from compose.fakes.account import Secrets
from compose.fakes.server import application

HOST = "127.0.0.1"
SHUTDOWN_S = 0.5
WITHIN_S = 20.0


class StandIn:
    """
    One account's stand-in, on a free port from now on until it is closed.

    Args:
        kind: the channel's kind.
        name: the account's name.
        webhook: what signs its webhooks.
        token: what opens its API.
        seed: for the dice of dropped webhooks.

    Attributes:
        address: `host:port`.

    """

    def __init__(self, kind: str, name: str = "shop", *, webhook: str, token: str, seed: int = 0) -> None:
        secrets = Secrets(webhook=webhook, token=token)
        self._app = application(kind=kind, name=name, secrets=secrets, seed=seed)
        self._started: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"stand-in-{kind}", daemon=True)
        self._thread.start()
        self.address, self._loop = self._started.result(WITHIN_S)

    def close(self) -> None:
        """Close its connections and end its thread."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, 0).start()
            self._started.set_result((f"{HOST}:{runner.addresses[0][1]}", asyncio.get_running_loop()))
            await self._ended.wait()
        finally:
            await runner.cleanup()
