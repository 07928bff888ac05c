"""`ingest`: signed Shopify webhooks of three lines, answered once Kafka has them, against a handler that reads only."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Any

import orjson

from compose.runner.child import Child
from compose.runner.processes import READY
from tests.bench.measure import digits, percentile, ratio
from tests.bench.options import Options
from tests.bench.rig import HERE, cpu_of, rig
from tests.bench.samples import CHANNEL, sku

REQUESTS = 1_500
CONNECTIONS = 32
ROUNDS = 3
LINES = 3
SECRET = "hush"
ENV = {"LASTUNIT_SHOPIFY_UK_WEBHOOK_SECRETS": SECRET, "LASTUNIT_STOCK_TOKENS": "t"}
AT = "2026-11-21T10:00:00-05:00"


def run(say: Callable[[str], None], _: Options) -> dict[str, Any]:
    """Return requests a second, 99th percentile and the server's processor time a request, of both."""
    with rig() as running:
        say("starting both servers")
        found = running.deploy("ingest", kind="shopify")
        serve = ("-m", "ingest", "serve", "--config", str(found.path))
        servers = {
            "lastunit": running.start("ingest-web", *serve, ready=READY, env=ENV),
            "bare_handler": running.start("bare", str(HERE / "bare_http.py"), ready=READY),
        }
        rounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in servers}
        for number in range(ROUNDS + 1):
            for name, server in servers.items():
                say(f"round {number} of {ROUNDS}: {name}" if number else f"warming up {name}")
                measured = asyncio.run(_load(server, [_webhook(number * REQUESTS + n) for n in range(REQUESTS)]))
                rounds[name] += [measured] * (number > 0)
    return {"requests": REQUESTS, "connections": CONNECTIONS, "lines": LINES, **_figures(rounds)}


def _figures(rounds: dict[str, list[tuple[float, float, float]]]) -> dict[str, Any]:
    seconds, p99, used = ({name: [one[n] for one in found] for name, found in rounds.items()} for n in range(3))
    rows = {
        name: {
            "requests_per_s": digits(REQUESTS / median(seconds[name])),
            "p99_ms": digits(median(p99[name]) * 1e3),
            "cpu_us_per_request": digits(median(used[name]) / REQUESTS * 1e6),
        }
        for name in rounds
    }
    return {
        "ratio_to_bare_handler": digits(ratio(seconds["lastunit"], seconds["bare_handler"])),
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
        f"X-Shopify-Topic: orders/create\r\nX-Shopify-Hmac-Sha256: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
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
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{head!r} in answer to {request!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        delays.append(time.monotonic() - began)
    writer.close()
    await writer.wait_closed()
