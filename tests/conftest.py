"""One real Kafka and one real PostgreSQL for each process of a run, started when its first test asks for them."""

import asyncio
import contextlib
import logging
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest
from hypothesis import settings

from tests.grouping import Groups, group

if TYPE_CHECKING:
    # Imported where they are used: a run of pure tests should not wait for what talks to the network.
    from xdist.remote import Producer

    from compose.runner.child import Child
    from compose.runner.kafka import Kafka
    from compose.runner.postgres import Postgres
    from compose.runner.processes import Supervisor
    from tests.standin import StandIn

# How long an example takes is the machine's affair: benches measure, tests do not.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

T = TypeVar("T")

TRUSTS_NOBODY = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""
For processes that meet nobody but this machine's plain listeners: reading the system's authorities, which aiohttp does
when it is imported, is a tenth of their start.  An authority that a configuration names is read all the same.
"""

POLL_S, POLL_MAX_S = 0.02, 0.2
EVENTUALLY_S = 20.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`."""
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command's `main` has set up: its handler writes to a standard error that ends with its test."""
    root, library = logging.getLogger(), logging.getLogger("librdkafka")
    handlers, levels = list(root.handlers), (root.level, library.level)
    yield
    if root.handlers != handlers:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        library.setLevel(levels[1])


SERVERS = frozenset({"kafka", "postgres"})


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> Groups:
    """Share the tests between the processes, module by module where that needs servers."""
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked `long` unless it is asked for; see that what needs the servers stays together."""
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())) and group(item.nodeid) == item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} uses the run's servers: name its module in tests.grouping")
    if not config.getoption("--long"):
        skip = pytest.mark.skip(reason="takes minutes: run with --long")
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """Return the folder with all logs and data of this run; it stays when a test failed."""
    from compose.runner.stack import scratch_folder

    return scratch_folder()


@pytest.fixture(scope="session")
def supervisor(request: pytest.FixtureRequest, run_folder: Path) -> Iterator["Supervisor"]:
    """Yield what starts processes; all of them end with the run, even if it is killed."""
    from compose.runner.processes import Supervisor

    with Supervisor(logs=run_folder / "logs", removed=run_folder) as running:
        yield running
        if request.session.testsfailed:
            running.keep()
            print(f"\nlogs of this run: {running.logs}")  # noqa: T201 - pytest shows it beside the failures


@pytest.fixture(scope="session")
def kafka(supervisor: "Supervisor", run_folder: Path) -> "Kafka":
    """Return this process's broker. A test that stops it must start it again."""
    from compose.runner.image import prepare
    from compose.runner.jars import fetch
    from compose.runner.kafka import Kafka
    from compose.runner.stack import default_cache

    image = prepare(supervisor, fetch(default_cache(), sys.stderr), sys.stderr)
    broker = Kafka(supervisor, image, run_folder / "kafka")
    broker.start()
    return broker


@pytest.fixture(scope="session")
def postgres(supervisor: "Supervisor", run_folder: Path) -> "Postgres":
    """Return this process's PostgreSQL. A test that stops it must start it again."""
    from compose.runner.postgres import Postgres

    server = Postgres(supervisor, run_folder / "postgres")
    server.start()
    return server


@pytest.fixture
def database(postgres: "Postgres") -> str:
    """Return the DSN of an empty database of this test's own."""
    return postgres.create_database(f"test_{secrets.token_hex(6)}")


class ConfigFile(Protocol):
    """Make a configuration with topics of its own."""

    def __call__(
        self,
        channels: Sequence[Mapping[str, object]] = (),
        sections: Mapping[str, Mapping[str, object]] | None = None,
        *,
        topics: bool = True,
    ) -> Path:
        """Write the file with a prefix of its own, create its topics unless told not to, and return its path."""


@pytest.fixture(scope="session")
def prefixes() -> list[tuple[str, str]]:
    """Return what `config_file` has made so far: the broker's address and the prefix."""
    return []


@pytest.fixture(scope="module", autouse=True)
def swept(prefixes: list[tuple[str, str]]) -> Iterator[None]:
    """Delete a module's topics after it: a broker with thousands of partitions is slow for everybody after."""
    yield
    made = list(prefixes)
    prefixes.clear()
    if made:
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": made[-1][0]})
        known = admin.list_topics(timeout=EVENTUALLY_S).topics
        ours = [name for name in known if name.startswith(tuple(prefix for _, prefix in made))]
        for future in (admin.delete_topics(ours, operation_timeout=EVENTUALLY_S) if ours else {}).values():
            future.result(EVENTUALLY_S)


@pytest.fixture(scope="session")
def config_file(kafka: "Kafka", run_folder: Path, prefixes: list[tuple[str, str]]) -> ConfigFile:
    """Return a maker of configuration files: each has its own prefix, so tests share the broker and nothing else."""
    from compose.runner.deployment import write_config
    from schemas.cluster import create, settled
    from schemas.config import load

    def make(
        channels: Sequence[Mapping[str, object]] = (),
        sections: Mapping[str, Mapping[str, object]] | None = None,
        *,
        topics: bool = True,
    ) -> Path:
        prefix = f"t{secrets.token_hex(4)}."
        merged = {"kafka": {}, **(sections or {})}
        merged["kafka"] = {"prefix": prefix, **merged["kafka"]}
        path = run_folder / "config" / f"{prefix}toml"
        write_config(path, bootstrap=kafka.bootstrap, channels=channels, sections=merged)
        prefixes.append((kafka.bootstrap, prefix))
        if topics:
            config = load(path)
            create(config)
            assert not settled(config)
        return path

    return make


class Service(Protocol):
    """Start a process for one test."""

    def __call__(
        self, name: str, *argv: str, env: Mapping[str, str] | None = None, ready: str | None = ..., ready_s: float = ...
    ) -> "Child":
        """Start it, wait for its READY line, and return it."""


@pytest.fixture
def service(supervisor: "Supervisor") -> Iterator[Service]:
    """Yield a starter of processes that end with the test: `service("ingest", sys.executable, "-m", "ingest", ...)`."""
    from compose.runner.processes import READY

    started: list[Child] = []

    def start(
        name: str,
        *argv: str,
        env: Mapping[str, str] | None = None,
        ready: str | None = READY,
        ready_s: float = 60.0,
    ) -> "Child":
        unique = f"{name}-{secrets.token_hex(3)}"
        child = supervisor.start(unique, argv, env={**TRUSTS_NOBODY, **(env or {})}, ready=ready, ready_s=ready_s)
        started.append(child)
        return child

    yield start
    for child in started:
        child.ask_to_end()
    for child in started:
        child.stop()


class StandInOf(Protocol):
    """Open a stand-in channel for one test."""

    def __call__(self, kind: str, name: str = "shop", *, webhook: str, token: str, seed: int = 0) -> "StandIn":
        """Serve it on a free port."""


@pytest.fixture
def stand_in() -> Iterator[StandInOf]:
    """Yield what opens stand-in channels for one test: ask for it before `service`, whose processes call them."""
    from tests.standin import StandIn

    with contextlib.ExitStack() as opened:

        def start(kind: str, name: str = "shop", *, webhook: str, token: str, seed: int = 0) -> StandIn:
            made = StandIn(kind, name, webhook=webhook, token=token, seed=seed)
            return opened.enter_context(contextlib.closing(made))

        yield start


class Eventually(Protocol):
    """Poll with a deadline."""

    def __call__(self, look: Callable[[], T], timeout_s: float = ...) -> T:
        """Return the first truthy value of `look`, or fail with the last one."""


def pause(look_s: float) -> float:
    """Return how long to wait after a look: a whole topic that is read again at once keeps its writer from the core."""
    return max(POLL_S, min(look_s, POLL_MAX_S))


class EventuallyAsync(Protocol):
    """Poll a coroutine function with a deadline."""

    async def __call__(self, look: Callable[[], Awaitable[T]], timeout_s: float = ...) -> T:
        """Return the first truthy value of `look`, or fail with the last one."""


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Return a function that polls until a look is truthy, with a deadline in seconds."""

    def poll(look: Callable[[], T], timeout_s: float = EVENTUALLY_S) -> T:
        deadline = (began := time.monotonic()) + timeout_s
        while not (value := look()):
            if (looked := time.monotonic()) > deadline:
                pytest.fail(f"not within {timeout_s:g} s; the last value was {value!r}")
            time.sleep(pause(looked - began))
            began = time.monotonic()
        return value

    return poll


@pytest.fixture(scope="session")
def eventually_async() -> EventuallyAsync:
    """Return the same for a coroutine function; the event loop goes on meanwhile."""

    async def poll(look: Callable[[], Awaitable[T]], timeout_s: float = EVENTUALLY_S) -> T:
        deadline = (began := time.monotonic()) + timeout_s
        while not (value := await look()):
            if (looked := time.monotonic()) > deadline:
                pytest.fail(f"not within {timeout_s:g} s; the last value was {value!r}")
            await asyncio.sleep(pause(looked - began))
            began = time.monotonic()
        return value

    return poll
