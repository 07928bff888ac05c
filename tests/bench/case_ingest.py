"""
`ingest`: signed Shopify webhooks of three lines, answered once Kafka has them, against a handler that reads only.

Each server has one core to itself while it is measured; client and broker have the others.  The maximum comes from
connections that send one request after the other; the delay at half of it from requests that are due at even times,
each counted from when it was due.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from compose.runner.child import Child
from compose.runner.processes import READY
from tests.bench.measure import digits, percentile, ratio
from tests.bench.options import Options
from tests.bench.rig import HERE, cpu_of, rig
from tests.bench.samples import CHANNEL, sku

REQUESTS, REQUESTS_QUICK = 3_000, 600
CONNECTIONS = 32
ROUNDS_QUICK = 2
LINES = 3
SECRET = "hush"
ENV = {"LASTUNIT_SHOPIFY_UK_WEBHOOK_SECRETS": SECRET, "LASTUNIT_STOCK_TOKENS": "t"}
AT = "2026-11-21T10:00:00-05:00"


Measured = tuple[float, float, float]
"""Of one load: seconds, 99th percentile of the delays, the server's processor seconds."""


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return requests a second, delays and the server's processor time a request, of both."""
    count = REQUESTS_QUICK if options.quick else REQUESTS
    turns = ROUNDS_QUICK if options.quick else options.rounds
    with _cores() as core, rig() as running:
        say("starting both servers")
        found = running.deploy("ingest", kind="shopify")
        serve = ("-m", "ingest", "serve", "--config", str(found.path))
        servers = {
            "lastunit": running.start("ingest-web", *serve, ready=READY, env=ENV),
            "bare_handler": running.start("bare", str(HERE / "bare_http.py"), ready=READY),
        }
        for server in servers.values():
            _pin(server, core)
        rounds: dict[str, list[Measured]] = {name: [] for name in servers}
        for number in range(turns + 1):
            for name, server in servers.items():
                say(f"round {number} of {turns}: {name}" if number else f"warming up {name}")
                measured = asyncio.run(_load(server, [_webhook(number * count + n) for n in range(count)]))
                rounds[name] += [measured] * (number > 0)
        delays: dict[str, float] = {}
        for name, server in servers.items():
            say(f"{name} at half of its maximum")
            per_s = count / median(seconds for seconds, _, _ in rounds[name]) / 2
            delays[name] = asyncio.run(_paced(server, [_webhook(10**7 + n) for n in range(count)], per_s))
    shape = {"requests": count, "rounds": turns, "connections": CONNECTIONS, "lines": LINES, "pinned": core is not None}
    return {**shape, **_figures(rounds, delays, count)}


@contextmanager
def _cores() -> Iterator[int | None]:
    """Keep this process, and whatever it starts, off one core while the block runs; yields that core."""
    mine = os.sched_getaffinity(0)
    if len(mine) < 2:
        yield None
        return
    os.sched_setaffinity(0, mine - {min(mine)})
    try:
        yield min(mine)
    finally:
        os.sched_setaffinity(0, mine)


def _pin(server: Child, core: int | None) -> None:
    """Give a server's threads one core; those that they start later inherit it."""
    if core is not None:
        for thread in Path(f"/proc/{server.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


def _figures(rounds: dict[str, list[Measured]], delays: dict[str, float], count: int) -> dict[str, Any]:
    seconds, p99, used = ({name: [one[n] for one in found] for name, found in rounds.items()} for n in range(3))
    rows = {
        name: {
            "requests_per_s": digits(count / median(seconds[name])),
            "p99_ms": digits(median(p99[name]) * 1e3),
            "p99_ms_at_half": digits(delays[name] * 1e3),
            "cpu_us_per_request": digits(median(used[name]) / count * 1e6),
        }
        for name in rounds
    }
    return {
        # Requests a second, ours through theirs: each turn compared with itself.
        "ratio_to_bare_handler": digits(ratio(seconds["bare_handler"], seconds["lastunit"])),
        "cpu_ratio_to_bare_handler": digits(ratio(used["lastunit"], used["bare_handler"])),
        **rows,
    }


def _webhook(number: int) -> bytes:
    """Return a whole HTTP request: an order's webhook, signed."""
    lines = [
        {"id": number * 10 + n, "variant_id": 100 + n, "sku": sku(number * LINES + n), "quantity": 1, "title": "A tee"}
        for n in range(LINES)
    ]
    order = {"id": number, "test": False, "created_at": AT, "updated_at": AT, "line_items": lines, "refunds": []}
    body = orjson.dumps(order)
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    head = (
        f"POST /webhooks/{CHANNEL}/order HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Shopify-Topic: orders/create\r\nX-Shopify-Triggered-At: {AT}\r\nX-Shopify-Hmac-Sha256: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _load(server: Child, requests: list[bytes]) -> tuple[float, float, float]:
    """Send everything over kept connections; return seconds: in all, 99th percentile, the server's processor's."""
    assert server.address is not None
    host, _, port = server.address.rpartition(":")
    left, delays = deque(requests), list[float]()
    used, began = cpu_of(server.pid), time.monotonic()
    await asyncio.gather(*(_connection(host, int(port), left, delays) for _ in range(CONNECTIONS)))
    return time.monotonic() - began, percentile(delays, 99), cpu_of(server.pid) - used


async def _connection(host: str, port: int, left: deque[bytes], delays: list[float]) -> None:
    """Send one request after the other; a client that parses more would be slower than the server it measures."""
    reader, writer = await asyncio.open_connection(host, port)
    while left:
        request, began = left.popleft(), time.monotonic()
        await _ask(reader, writer, request)
        delays.append(time.monotonic() - began)
    writer.close()
    await writer.wait_closed()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"{head!r} in answer to {request!r}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


async def _paced(server: Child, requests: list[bytes], per_s: float) -> float:
    """Send requests at even times; return the 99th percentile of the time from when each was due to its answer."""
    assert server.address is not None
    host, _, port = server.address.rpartition(":")
    began, delays = time.monotonic() + 0.2, list[float]()
    due = deque((began + number / per_s, request) for number, request in enumerate(requests))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while due:
            at, request = due.popleft()
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            await _ask(reader, writer, request)
            delays.append(time.monotonic() - at)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return percentile(delays, 99)
