"""The real application on a real socket, with stand-ins for what lies outside of it: a broker, the topics it reads."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

from ingest import app, http
from ingest.message import Message
from ingest.service import Service
from schemas.channel_records import Listing
from schemas.config import Config, Secrets


class Broker:
    """Stands in for Kafka: takes everything, or fails as told."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.batches = 0
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.alive = True

    async def send(self, messages: Sequence[Message]) -> None:
        """Take messages, once open."""
        await self.open.wait()
        if self.error:
            raise self.error
        self.sent += messages
        self.batches += 1


class Nothing:
    """Stands in for the topics that a service reads: loaded, and holding the listings it is given."""

    def __init__(self, listings: Mapping[str, Listing] | None = None) -> None:
        self.loaded = self.alive = True
        self.listings = listings or {}

    def find(self, _channel: str, listing_id: str) -> Listing | None:
        """Find a listing, whatever the channel."""
        return self.listings.get(listing_id)

    def start(self) -> None:
        """Follow nothing."""

    def expect(self, wanted: Any) -> list["asyncio.Future[Any]"]:
        """Wait for outcomes that never come."""
        return [asyncio.get_running_loop().create_future() for _ in wanted]


class Stage(NamedTuple):
    """A served application, and what stands around it."""

    service: Service
    broker: Broker
    listings: Nothing
    app: web.Application
    port: int


@asynccontextmanager
async def staged(
    config: Config, environ: Mapping[str, str], listings: Mapping[str, Listing] | None = None, **settings: Any
) -> AsyncIterator[Stage]:
    """Serve the application as `serve` does, on 127.0.0.1; `settings` of the HTTP server stand instead of ours."""
    broker, nothing = Broker(), Nothing(listings)
    service = Service(
        config=config,
        secrets=Secrets(environ),
        producer=broker,  # type: ignore[arg-type] # a stand-in for the outside world
        listings=nothing,  # type: ignore[arg-type] # likewise
        outcomes=nothing,  # type: ignore[arg-type] # likewise
    )
    application = app.build(service)
    runner = await http.runner(application, **settings)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Stage(service, broker, nothing, application, runner.addresses[0][1])
    finally:
        await runner.cleanup()


class Reply(NamedTuple):
    """An answer, or what came of it before the connection ended: status 0 where nothing did."""

    status: int
    headers: dict[str, str]
    body: bytes


async def read_reply(reader: asyncio.StreamReader, *, head_only: bool = False) -> Reply:
    """Read one answer; `head_only` is for the answer to HEAD, whose length is that of a body that does not come."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply(0, {}, b"")
    first, *rest = head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    body = b"" if head_only else await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(int(first.split(" ")[1]), headers, body)


async def raw(port: int, request: bytes, answers: int = 1, timeout_s: float = 10) -> list[Reply]:
    """Send bytes over a connection of their own, and return the answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(request)
            return [await read_reply(reader) for _ in range(answers)]
    finally:
        writer.close()
