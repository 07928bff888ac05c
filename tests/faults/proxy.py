"""A TCP proxy between a worker and its brokers that can be slow, narrow, silent, or gone for a moment."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

T = TypeVar("T")
LOOPBACK = "127.0.0.1"
CHUNK = 65_536
CALL_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """A link's state: each chunk waits `latency_s` and its share of `bytes_s` (0: no limit), or for ever (`silent`)."""

    latency_s: float = 0.0
    bytes_s: int = 0
    silent: bool = False


FAIR = Weather()


@dataclass(slots=True)
class Link:
    """The proxies before all brokers for one worker: `ports` are theirs, `targets` the brokers' own listeners."""

    ports: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    weather: Weather = FAIR
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    calm: asyncio.Event = field(default_factory=asyncio.Event)


class Proxies:
    """All links, served by one thread with an event loop of its own; use as a context."""

    def __init__(self, names: list[str], brokers: int) -> None:
        """Prepare one link for each name, with a port for each of `brokers`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._links = {name: Link() for name in names}
        self._brokers = brokers
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        """Cut everything."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)

    def ports(self, name: str) -> tuple[int, ...]:
        """Return the ports of a link, one for each broker."""
        return self._links[name].ports

    def aim(self, name: str, targets: tuple[int, ...]) -> None:
        """Say where a link's connections go, broker by broker."""
        self._links[name].targets = targets

    def set(self, name: str, weather: Weather) -> None:
        """Change a link's weather, for what is under way too."""
        self._call(self._set(self._links[name], weather))

    def cut(self, name: str) -> int:
        """Break all connections of a link; returns how many."""
        return self._call(self._cut(self._links[name]))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    async def _open(self) -> None:
        for link in self._links.values():
            link.calm.set()
            servers = [await self._serve(link, place) for place in range(self._brokers)]
            link.ports = tuple(server.sockets[0].getsockname()[1] for server in servers)
            self._servers += servers

    async def _serve(self, link: Link, place: int) -> asyncio.Server:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _carry(link, place, reader, writer)

        return await asyncio.start_server(connected, LOOPBACK, 0)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for link in self._links.values():
            await self._set(link, FAIR)
            await self._cut(link)

    async def _set(self, link: Link, weather: Weather) -> None:
        link.weather = weather
        if weather.silent:
            link.calm.clear()
        else:
            link.calm.set()

    async def _cut(self, link: Link) -> int:
        for writer in list(link.writers):
            writer.transport.abort()
        return len(link.writers)


async def _carry(link: Link, place: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one connection both ways until either side ends it."""
    try:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, link.targets[place])
    except OSError:  # the broker is down: so is the connection
        writer.transport.abort()
        return
    ends = {writer, far_writer}
    link.writers |= ends
    try:
        await asyncio.gather(_pump(link, reader, far_writer), _pump(link, far_reader, writer))
    finally:
        link.writers -= ends
        for end in ends:
            end.transport.abort()


async def _pump(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # an ended connection ends its other half
        while chunk := await reader.read(CHUNK):
            await link.calm.wait()
            weather = link.weather
            wait_s = weather.latency_s + (len(chunk) / weather.bytes_s if weather.bytes_s else 0.0)
            if wait_s:
                await asyncio.sleep(wait_s)
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort()
