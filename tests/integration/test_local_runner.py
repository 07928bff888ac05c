"""The local runner against real servers: they serve, restart in place, and never outlive the runner."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from compose.runner.kafka import Kafka
from compose.runner.postgres import Postgres
from compose.runner.processes import HOME
from schemas.config import load
from schemas.topics import registry

START_S = 60.0
GONE_S = 15.0


class Eventually(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, look: Callable[[], Any], timeout_s: float = ...) -> Any:
        """Poll."""


class ConfigFile(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, channels: Sequence[Mapping[str, object]] = ()) -> Path:
        """Make a file."""


class Runner:
    """`python -m compose.local --json` as a user would run it."""

    def __init__(self, data: Path) -> None:
        """Start it and wait for its line."""
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "compose.local", "--json", "--data", str(data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=HOME,
            text=True,
        )
        assert self.process.stdout is not None
        self.facts: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.pids = {*self.facts["pids"].values(), *_below(self.process.pid)} - {self.process.pid}

    def end(self, number: int) -> None:
        """Send a signal and wait for the runner itself."""
        self.process.send_signal(number)
        self.process.wait(GONE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def runner(run_folder: Path) -> Iterator[Runner]:
    """Yield a running runner with a data folder of its own."""
    started = Runner(run_folder / f"runner-{os.urandom(4).hex()}")
    yield started
    if started.process.poll() is None:
        started.end(signal.SIGTERM)


def _below(pid: int) -> set[int]:
    """Return all descendants, as ps(1) sees them: an oracle of its own."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S607 - the machine's own ps
    parents = {int(line.split()[0]): int(line.split()[1]) for line in lines}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _living(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_nothing_outlives_the_runner(runner: Runner, number: signal.Signals, eventually: Eventually) -> None:
    """Broker, database with its helpers, and watcher are all gone soon after the runner has ended, however it ended."""
    assert len(runner.pids) >= 6, "kafka, postgres and its helpers, watcher"
    assert _living(runner.pids) == runner.pids
    runner.end(number)
    assert eventually(lambda: not _living(runner.pids), GONE_S)


def test_the_runners_line_tells_how_to_connect(runner: Runner) -> None:
    """The JSON line has what a program needs: both addresses, the folder, the pids, and what setting up took."""
    facts = runner.facts
    assert facts["download_mib"] == 0, "the cache was filled by this run's own fixtures"
    assert 0 < facts["setup_s"] < START_S
    assert set(facts["pids"]) == {"kafka", "postgres", "watcher"}
    assert Path(facts["data"]) == runner.data
    metadata = AdminClient({"bootstrap.servers": facts["kafka"]}).list_topics(timeout=10)
    assert len(metadata.brokers) == 1

    async def ask() -> int:
        connection = await asyncpg.connect(facts["postgres_dsn"])
        try:
            return int(await connection.fetchval("select 6 * 7"))
        finally:
            await connection.close()

    assert asyncio.run(ask()) == 42


def _produce(kafka: Kafka, topic: str, values: Sequence[bytes]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def _consume(kafka: Kafka, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": os.urandom(4).hex(), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        return [message.value() or b"" for message in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_broker_comes_back_on_its_port_with_its_data(kafka: Kafka, how: str) -> None:
    """What was acknowledged before the broker stopped or was killed is there after its start, at the same address."""
    topic, before = f"restart-{how}-{os.urandom(4).hex()}", kafka.bootstrap
    admin = AdminClient({"bootstrap.servers": before})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    _produce(kafka, topic, [b"1", b"2"])
    getattr(kafka, how)()
    assert not kafka.child.running
    kafka.start()
    assert kafka.bootstrap == before
    _produce(kafka, topic, [b"3"])
    assert _consume(kafka, topic, 3) == [b"1", b"2", b"3"]


async def test_a_database_comes_back_on_its_port_with_its_data(postgres: Postgres, database: str) -> None:
    """A row that was written before PostgreSQL stopped is there after its start, under the same DSN."""
    connection = await asyncpg.connect(database)
    await connection.execute("create table kept as select 1 as one")
    await connection.close()
    postgres.restart()
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select one from kept") == 1
    await connection.close()


def test_each_configuration_file_has_topics_of_its_own(kafka: Kafka, config_file: ConfigFile) -> None:
    """Two files on one broker have the whole registry each, with the partitions asked for, and share no topic."""
    channel = {"name": "shop", "kind": "shopify", "since": 0}
    configs = [load(config_file([channel])) for _ in range(2)]
    there = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=10).topics
    names = [{config.kafka.topic(topic.name) for topic in registry(["shop"])} for config in configs]
    assert not names[0] & names[1]
    assert names[0] | names[1] <= set(there)
    assert len(there[configs[0].kafka.topic("stock.level")].partitions) == 4
