"""
The application as it is served, with an account or two of every kind, and a client that sends one plan after the other.

The application, its HTTP server and all parsing are real.  Kafka is not: a broker that acknowledges at once is the
outside world here, and what a real one does is judged elsewhere (`tests/integration`); with it, a million requests
would take a day.  So is the key service of a vendor: it names the key that signed the request at hand.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from aiohttp import web

from ingest.channels import WEBHOOKS
from ingest.message import Message
from ingest.producer import Unavailable
from ingest.webhook import BadSignature
from schemas.config import Config, ConfigError, channel_secret, parse
from schemas.settings import Kind
from tests.channels.conftest import LISTINGS, SECRETS
from tests.fuzz import judge
from tests.fuzz.material import materials
from tests.fuzz.plan import TOKEN, Addresses, Plan, plan
from tests.ingest.stage import Reply, Stage, read_reply, staged

ANSWER_S = 20.0
DOWN_IN = 100
"""One request in so many finds the broker away."""
LINES_MAX = 50
"""Few enough that made-up orders are too long now and then."""


def accounts() -> list[dict[str, object]]:
    """Return two accounts of every kind: one found by its name alone, one also by its alias at the channel."""
    found: list[dict[str, object]] = []
    for number, kind in enumerate(Kind):
        common: dict[str, object] = {"kind": str(kind), "since": 1, "base_url": "https://api.example"}
        common |= {"auth_url": "https://auth.example", "webhook_url": "https://hooks.example/webhooks/x/order"}
        names = (WEBHOOKS[kind].account(sample.headers or {}, sample.raw) for sample in materials()[kind].webhooks)
        alias = next((name for name in names if name), f"1234567{number}")
        both = {**common, "name": f"fuzz-{kind}"}, {**common, "name": f"alias-{kind}", "alias": alias}
        found += [account for account in both if _possible(account)]
    return found


def _possible(account: dict[str, object]) -> bool:
    """Say whether a deployment could have such an account: some kinds cannot do without an alias."""
    try:
        parse({"kafka": {"bootstrap": "127.0.0.1:1"}, "channels": [account]})
    except ConfigError:
        return False
    return True


def configured() -> Config:
    """Return the deployment."""
    ingest = {"lines_max": LINES_MAX, "body_max": 65_536}
    return parse({"kafka": {"bootstrap": "127.0.0.1:1"}, "channels": accounts(), "ingest": ingest})


def environ(config: Config) -> dict[str, str]:
    """Return every secret that any kind may ask for."""
    values = {"LASTUNIT_STOCK_TOKENS": TOKEN}
    for channel in config.channels:
        values[f"LASTUNIT_{channel_secret(channel.name, 'WEBHOOK_SECRETS')}"] = " ".join(SECRETS[channel.kind])
        values[f"LASTUNIT_{channel_secret(channel.name, 'VERIFICATION_TOKEN')}"] = f"{TOKEN}-of-the-address"
    return values


class Vendor:
    """Stands in for the key service of a vendor: it knows the key that signed the request at hand."""

    def __init__(self) -> None:
        self.key = ""

    async def find(self, _channel: object, _kind: object, _key_id: str) -> str:
        """Return the key."""
        if not self.key:
            raise BadSignature("no such key")
        return self.key

    async def close(self) -> None:
        """Do nothing."""


def _kind_of(handler: Callable[..., Any]) -> Kind | None:
    """Return the kind whose accounts share an address: it stands in the handler's closure."""
    seen: list[Any] = [handler]
    while seen:
        held = inspect.getclosurevars(seen.pop()).nonlocals
        if isinstance(held.get("kind"), Kind):
            return Kind(held["kind"])
        seen += [value for value in held.values() if inspect.isfunction(value)]
    return None


def addresses(application: web.Application, config: Config) -> Addresses:
    """Return what the application serves: every route there is."""
    shared: dict[str, Kind] = {}
    others: list[tuple[str, str]] = []
    for route in application.router.routes():
        path = route.resource.canonical if route.resource else "/"
        kind = _kind_of(route.handler) if inspect.isfunction(route.handler) else None
        if kind is not None:
            shared[path] = kind
        elif "{channel}" in path:
            others += [(route.method, path.replace("{channel}", channel.name)) for channel in config.channels]
        else:
            others.append((route.method, path))
    return Addresses(shared=shared, others=others, channels=config.channels)


class World:
    """A served application and one connection to it."""

    def __init__(self, stage: Stage, log: judge.Log) -> None:
        self.stage, self.log, self.vendor = stage, log, Vendor()
        stage.service.keys = self.vendor  # type: ignore[assignment] # a stand-in for the outside world
        self.addresses = addresses(stage.app, stage.service.config)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @staticmethod
    def now_ms() -> int:
        """Return the time by which signatures are made."""
        return time.time_ns() // 1_000_000

    def draw(self, random: Random) -> Plan:
        """Return a request out of a source of chance."""
        return plan(random, self.addresses, self.now_ms())

    async def send(self, request: Plan, *, down: bool = False) -> tuple[Reply, Sequence[Message]]:
        """Send a request and judge what comes of it; raises `Surprise`."""
        broker = self.stage.broker
        broker.sent.clear()
        broker.error = Unavailable("down, for the fuzz") if down else None
        self.vendor.key = request.secret
        lines = len(self.log.found)
        reply = await self._ask(request)
        judge.answer(request, reply, broker.sent, down=down)
        if len(self.log.found) > lines:
            raise judge.Surprise(f"a line of the log: {self.log.found[-1]}")
        return reply, broker.sent

    async def _ask(self, request: Plan) -> Reply:
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = self._streams = self._streams or await asyncio.open_connection(
                    "127.0.0.1", self.stage.port
                )
                writer.write(request.wire)
                reply = await read_reply(reader, head_only=request.method == "HEAD")
                if reply.status == 100:
                    reply = await read_reply(reader, head_only=request.method == "HEAD")
        except (ConnectionError, TimeoutError) as error:
            raise judge.Surprise(f"no answer: {type(error).__name__}") from None
        if reply.headers.get("connection", "").lower() == "close" or reply.status in (0, 400, 408, 413):
            writer.close()
            self._streams = None
        return reply

    async def metrics(self) -> str:
        """Return the metrics."""
        reply, _ = await self.send(Plan(method="GET", path="/metrics", headers=[], body=b"", whole=False))
        return reply.body.decode()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Serve the application and watch its log, at the lowest level, while the block runs."""
    config = configured()
    secrets = environ(config)
    log = judge.Log(secret for value in secrets.values() for secret in value.split())
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers[:], root.level = [log], logging.DEBUG
    logging.getLogger("asyncio").setLevel(logging.INFO)
    try:
        async with staged(config, secrets, LISTINGS) as stage:
            made = World(stage, log)
            try:
                yield made
            finally:
                made.close()
    finally:
        root.handlers[:], root.level = handlers, level
