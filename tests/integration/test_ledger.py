"""The ledger against a real Kafka and a real PostgreSQL."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from compose.runner.child import Child
from compose.runner.postgres import Postgres
from compose.runner.processes import HOME
from schemas import channel_records, records, topics, words
from schemas.cluster import create
from schemas.codec import Record, encode
from schemas.config import Config, load
from schemas.ids import line_key
from schemas.partition import partition_of

T0 = 1_700_000_000_000
CHANNEL = {"name": "shop-a", "kind": "shopify", "since": 0, "mode": "push", "rules": {"buffer": 2}}
CAUSE = records.Cause(kind=words.CauseKind.ADJUSTMENT, delta=-1, received_at=T0)
EXPLAIN = """
import argparse, sys
from publishers.ledger.explain_cli import add_arguments, run
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(run(parser.parse_args()))
"""


class ConfigFile(Protocol):
    """See `tests/conftest.py`."""

    def __call__(
        self, channels: Sequence[Mapping[str, object]] = (), sections: Mapping[str, Mapping[str, object]] | None = None
    ) -> Path:
        """Make a file."""


class Service(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, name: str, *argv: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a process."""


class Eventually(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, look: Callable[[], Any], timeout_s: float = ...) -> Any:
        """Poll."""


def fetch(dsn: str, sql: str, *args: object) -> list[tuple[Any, ...]]:
    """Read rows over a connection of the test's own."""

    async def read() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *args)]
        finally:
            await connection.close()

    return asyncio.run(read())


def count(dsn: str, table: str) -> int:
    """Count a table's rows; 0 while it, or its server, is not there."""
    try:
        return int(fetch(dsn, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - names from this file only
    except (OSError, asyncpg.PostgresError):
        return 0


def reached(dsn: str, goal: int) -> bool:
    """Say whether so many decisions stand."""
    return count(dsn, "order_events") >= goal


def level(sku: str, quantity: int, version: int) -> records.StockLevel:
    """Return a level."""
    return records.StockLevel(
        sku=sku,
        quantity=quantity,
        version=version,
        paused=None,
        policy=words.Policy.REJECT,
        cause=CAUSE,
        source={},
        updated_at=T0 + version,
    )


def outcome(sku: str, number: int) -> records.OrderOutcome:
    """Return a decision."""
    return records.OrderOutcome(
        sku=sku,
        order_id=f"shop-a_{number}_1",
        channel="shop-a",
        revision=1,
        seen_at=T0,
        qty=1,
        held=1,
        shortfall=0,
        delta=1,
        result=words.Result.ACCEPTED,
        new_qty=number,
        version=number + 1,
        ordered_at=T0,
        timestamp=T0 + number,
        source={},
    )


class Hub:
    """Writes what the processor and the publishers would write."""

    def __init__(self, config: Config, **more: str) -> None:
        self.config = config
        self.producer = Producer(config.kafka.producer(linger_ms=20, **more))

    def put(self, topic: str, sku: str, record: Record | None, key: bytes | None = None) -> None:
        """Send one record into its SKU's partition."""
        self.raw(topic, sku, None if record is None else encode(record), key)

    def raw(self, topic: str, sku: str, value: bytes | None, key: bytes | None = None) -> None:
        """Send bytes into the SKU's partition."""
        self.producer.produce(
            self.config.kafka.topic(topic),
            key=key or sku.encode(),
            value=value,
            partition=partition_of(sku.encode(), self.config.kafka.partitions),
        )
        self.producer.poll(0)

    def orders(self, numbers: range) -> None:
        """Send one decision a number, over 20 SKUs, and wait until Kafka has them."""
        for number in numbers:
            sku = f"SKU-{number % 20}"
            self.put(topics.ORDER_OUTCOME, sku, outcome(sku, number), line_key(f"shop-a_{number}_1", sku))
        self.flush()

    def flush(self) -> None:
        """Wait until Kafka has everything."""
        assert self.producer.flush(30) == 0


@pytest.fixture
def config(config_file: ConfigFile) -> tuple[Path, Config]:
    """Return a deployment with one channel, and its file."""
    path = config_file([CHANNEL], {"ledger": {"batch_max": 500}})
    return path, load(path)


@pytest.fixture
def hub(config: tuple[Path, Config]) -> Iterator[Hub]:
    """Yield a writer of records."""
    hub = Hub(config[1])
    yield hub
    hub.flush()


@pytest.fixture
def start(service: Service, config: tuple[Path, Config], database: str) -> Callable[[], Child]:
    """Return a starter of ledgers on the test's own database."""

    def run() -> Child:
        argv = (sys.executable, "-m", "publishers.ledger", "--config", str(config[0]))
        return service("ledger", *argv, env={"LASTUNIT_POSTGRES_DSN": database})

    return run


def read(child: Child, path: str) -> bytes:
    """Read one of the ledger's own pages."""
    with urllib.request.urlopen(f"http://{child.address}{path}", timeout=5) as answer:
        body: bytes = answer.read()
        return body


def health(child: Child) -> dict[str, Any]:
    """Read `/healthz`."""
    state: dict[str, Any] = json.loads(read(child, "/healthz"))
    return state


def exactly_once(dsn: str, numbers: range) -> None:
    """Assert that each decision stands once, in each of the two ways in which it could stand twice."""
    rows = fetch(dsn, "SELECT order_id, topic_id, topic_partition, topic_offset FROM order_events")
    assert sorted(row[0] for row in rows) == sorted(f"shop-a_{number}_1" for number in numbers)
    assert len({row[1:] for row in rows}) == len(rows)


def test_every_topic_arrives_in_its_table(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """A level, a decision, a call and what the channel shows become rows that say the same."""
    shown = channel_records.Shown(shown=3, shown_at=T0, sent=3, sent_version=7, sent_at=T0)
    hub.put(topics.STOCK_LEVEL, "A", level("A", 6, 6))
    hub.put(topics.STOCK_LEVEL, "A", level("A", 5, 7))
    hub.put(topics.ORDER_OUTCOME, "A", outcome("A", 6), line_key("shop-a_6_1", "A"))
    hub.put(
        topics.SYNC_LOG,
        "A",
        channel_records.SyncLog(
            call_id="c1",
            channel="shop-a",
            sku="A",
            listing_id="41",
            quantity=3,
            version=7,
            response_code=200,
            verdict="delivered",
            err=None,
            started_at=T0,
            duration_ms=12,
            lag_ms=80,
        ),
    )
    hub.put(
        topics.channel_level("shop-a"),
        "A",
        channel_records.ChannelLevel(sku="A", listings={"41": shown}, status=words.Status.IN_STEP, at=T0),
    )
    hub.flush()
    start()
    eventually(lambda: count(database, "channel_state") == 1 and count(database, "sync_log") == 1)
    eventually(lambda: count(database, "order_events") == 1 and count(database, "products") == 1)
    assert fetch(database, "SELECT sku, master_quantity, version FROM products") == [("A", 5, 7)]
    assert fetch(database, "SELECT sku, listing_id, shown, sent_version, status FROM channel_state") == [
        ("A", "41", 3, 7, "in_step")
    ]
    assert fetch(database, "SELECT sku, quantity_sent, response_code, verdict FROM sync_log") == [
        ("A", 3, 200, "delivered")
    ]
    assert fetch(database, "SELECT order_id, qty, channel, result, new_qty, version FROM order_events") == [
        ("shop-a_6_1", 1, "shop-a", "accepted", 6, 7)
    ]


def test_a_stopped_postgres_loses_and_doubles_nothing(
    hub: Hub, start: Callable[[], Child], database: str, postgres: Postgres, eventually: Eventually
) -> None:
    """While PostgreSQL is down the ledger lives, says so and waits; then every decision stands once."""
    child = start()
    hub.orders(range(2_000))
    eventually(lambda: count(database, "order_events") > 0)
    postgres.stop()
    try:
        hub.orders(range(2_000, 6_000))
        eventually(lambda: health(child)["postgres"] == "down" and health(child)["failures"] > 1)
        assert health(child)["alive"]
    finally:
        postgres.start()
    eventually(lambda: count(database, "order_events") >= 6_000, 30)
    exactly_once(database, range(6_000))
    eventually(lambda: health(child)["trouble"] == "")


@pytest.mark.parametrize(
    "round_number", [0, pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long)]
)
def test_a_killed_ledger_loses_and_doubles_nothing(
    round_number: int, hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """SIGKILL in the middle of the batches, twice, and a third ledger finishes: every decision stands once."""
    hub.orders(range(12_000))
    for goal in (1 + 300 * round_number, 4_000):
        child = start()
        eventually(partial(reached, database, goal), 30)
        child.kill()
        child.wait()
    assert count(database, "order_events") < 12_000
    start()
    eventually(lambda: count(database, "order_events") >= 12_000, 30)
    exactly_once(database, range(12_000))


def test_history_can_be_added_to_and_nothing_else(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """UPDATE, DELETE and TRUNCATE of the append-only tables are refused by the database itself."""
    start()
    hub.orders(range(3))
    eventually(lambda: count(database, "order_events") == 3)
    for table in ("order_events", "sync_log", "ledger_faults"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET topic_id = ''", f"TRUNCATE {table}"):  # noqa: S608 - names from this line
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                fetch(database, statement)
    exactly_once(database, range(3))


@pytest.mark.parametrize("running", [False, True])
def test_a_topic_that_was_made_again_does_not_collide(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually, *, running: bool
) -> None:
    """The same offsets in a new topic of the same name are other records: both histories stand."""
    child = start()
    hub.orders(range(10))
    eventually(lambda: count(database, "order_events") == 10)
    if not running:
        assert child.stop() == 0
    name = hub.config.kafka.topic(topics.ORDER_OUTCOME)
    admin = AdminClient(hub.config.kafka.client())
    admin.delete_topics([name])[name].result(30)
    eventually(lambda: name not in admin.list_topics(timeout=10).topics)
    eventually(lambda: topics.ORDER_OUTCOME in " ".join(create(hub.config)), 30)
    again = Hub(hub.config)
    eventually(lambda: name in again.producer.list_topics(name, timeout=10).topics)
    again.orders(range(10, 16))
    if not running:
        start()
    eventually(lambda: count(database, "order_events") == 16, 40)
    exactly_once(database, range(16))
    assert len(fetch(database, "SELECT DISTINCT topic_id FROM order_events")) == 2


def test_what_cannot_be_read_or_stored_is_written_down_and_passed(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """One broken record does not stop the ledger, and does not vanish."""
    hub.raw(topics.STOCK_LEVEL, "A", b"not json")
    hub.put(topics.STOCK_LEVEL, "A\0", level("A\0", 1, 1))
    hub.put(topics.STOCK_LEVEL, "A", level("B", 1, 1))
    hub.put(topics.STOCK_LEVEL, "A", level("A", 2, 2))
    hub.flush()
    start()
    eventually(lambda: count(database, "products") == 1 and count(database, "ledger_faults") == 3)
    kinds = fetch(database, "SELECT kind FROM ledger_faults ORDER BY kind")
    assert kinds == [("unreadable",), ("unreadable",), ("unstorable",)]


def test_the_metrics_say_what_was_written_and_what_is_left(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """Rows by table, PostgreSQL up, and no lag, though an aborted transaction and its marker stand at the end."""
    child = start()
    writer = Hub(hub.config, transactional_id=hub.config.kafka.group("processor"))
    writer.producer.init_transactions(30)
    writer.producer.begin_transaction()
    writer.orders(range(30))
    writer.producer.commit_transaction(30)
    writer.producer.begin_transaction()
    writer.orders(range(30, 60))
    writer.producer.abort_transaction(30)
    eventually(partial(reached, database, 30))
    wanted = [
        b'lastunit_ledger_rows_total{table="order_events"} 30.0\n',
        b'lastunit_ledger_lag_records{topic="order.outcome"} 0.0\n',
        b"lastunit_ledger_postgres_up 1.0\n",
        b"lastunit_ledger_batch_seconds_count",
    ]
    eventually(lambda: all(line in read(child, "/metrics") for line in wanted))
    assert json.loads(read(child, "/readyz"))["partitions"] == 5 * hub.config.kafka.partitions


def test_two_ledgers_share_the_work_without_doubling(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """A second member takes over some partitions in mid-flow; every decision stands once."""
    start()
    hub.orders(range(3_000))
    start()
    hub.orders(range(3_000, 6_000))
    eventually(lambda: count(database, "order_events") >= 6_000, 40)
    exactly_once(database, range(6_000))


def test_a_position_that_somebody_moved_is_read_again(
    hub: Hub, start: Callable[[], Child], database: str, eventually: Eventually
) -> None:
    """A restored backup under a running ledger: it begins again from there, and what stands is not doubled."""
    child = start()
    hub.orders(range(500))
    eventually(partial(reached, database, 500))
    fetch(database, "UPDATE ledger_positions SET next_offset = next_offset / 2")
    hub.orders(range(500, 700))
    eventually(partial(reached, database, 700))
    exactly_once(database, range(700))
    eventually(lambda: health(child)["trouble"] == "")


def test_explain_answers_from_the_tables(
    hub: Hub, start: Callable[[], Child], config: tuple[Path, Config], database: str, eventually: Eventually
) -> None:
    """What went in as records comes out as terms that add up, with the last decision and the last call."""
    shown = channel_records.Shown(shown=3, shown_at=T0, sent=3, sent_version=7, sent_at=T0)
    hub.put(topics.STOCK_LEVEL, "A", level("A", 5, 7))
    hub.put(topics.ORDER_OUTCOME, "A", outcome("A", 6), line_key("shop-a_6_1", "A"))
    state = channel_records.ChannelLevel(sku="A", listings={"41": shown}, status=words.Status.IN_STEP, at=T0)
    hub.put(topics.channel_level("shop-a"), "A", state)
    hub.flush()
    start()

    def ask(sku: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", EXPLAIN, sku, "--config", str(config[0]), *more],
            env={"LASTUNIT_POSTGRES_DSN": database},
            cwd=HOME,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def complete() -> dict[str, Any]:
        done = ask("A", "--json")
        answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return answer if answer.get("lines") and answer["asOf"] is not None and answer["lines"][0]["shown"] else {}

    answer = eventually(complete)
    (line,) = answer["lines"]
    assert (line["verdict"], line["shown"], line["desired"]) == ("rule", 3, 3)
    assert line["terms"] == [{"part": "master_quantity", "units": 5}, {"part": "buffer", "units": -2}]
    assert [decision["orderId"] for decision in answer["decisions"]] == ["shop-a_6_1"]
    assert {"v": 1, **answer["level"]} == json.loads(encode(level("A", 5, 7)))
    assert "shows 3" in ask("A").stdout
    unknown = ask("Z")
    assert (unknown.returncode, unknown.stdout.split(" - ")[0]) == (1, "Z: unknown_sku")
