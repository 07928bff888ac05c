"""The ledger's tables across releases, against a real PostgreSQL: what an old release left, this one goes on with."""

import asyncio
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from compose.runner.deployment import write_config
from compose.runner.processes import HOME
from publishers.ledger.batch import Batch
from publishers.ledger.rows import Position, feeds
from publishers.ledger.writer import MIGRATIONS, SchemaError, Writer, migrate
from schemas import channel_records, records, topics, words
from schemas.codec import Record, encode

T0 = 1_700_000_000_000
CHANNEL = {"name": "shop-a", "kind": "shopify", "since": 0, "mode": "push"}
SCHEMA = "CREATE TABLE ledger_schema (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
OLD_PRODUCT = """
INSERT INTO products (sku, master_quantity, version, policy, waiting, waiting_more, velocity, cause, source, updated_at,
    topic_id, topic_partition, topic_offset)
VALUES ('A', 5, 7, 'reject', '[]', 0, 0, '{"kind": "adjustment", "delta": -1, "receivedAt": 1700000000000}', '{}',
    now(), 'levels', 0, 3)
"""
OLD_STATE = """
INSERT INTO channel_state (channel, sku, listing_id, shown, shown_at, inferred, sent, sent_version, sent_at, hidden,
    status, attempt, at, topic_id, topic_partition, topic_offset)
VALUES ('shop-a', 'A', '41', 5, now(), false, 5, 7, now(), 0, 'in_step', 0, now(), 'shown', 0, 3)
"""


def execute(dsn: str, *statements: str) -> None:
    """Run statements over a connection of the test's own."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def fetch(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    """Read rows over a connection of the test's own."""

    async def run() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(run())


def brought_up_to_date(dsn: str) -> None:
    """Do what a ledger does when it connects."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await migrate(connection)
        finally:
            await connection.close()

    asyncio.run(run())


def written(dsn: str, topic: str, topic_id: str, record: Record) -> None:
    """Write the record of SKU `A` as the ledger does, at offset 4: after what the old release wrote."""
    position = Position(topic_id=topic_id, partition=0, offset=4)

    async def run() -> None:
        writer = Writer(lambda: dsn)
        await writer.connect()
        try:
            await writer.open({topic: topic_id}, {(topic, 0): 4})
            batch = Batch(feeds=feeds(["shop-a"]), positions={(topic_id, 0): 4})
            batch.add(topic, position, b"A", encode(record))
            await writer.write(batch)
        finally:
            await writer.close()

    asyncio.run(run())


@pytest.fixture
def old(database: str) -> str:
    """Return a database as the first release left it: version 1, with a level and what a channel shows of it."""
    first = files("publishers.ledger").joinpath("schema_1.sql").read_text(encoding="utf-8")
    execute(database, SCHEMA, first, "INSERT INTO ledger_schema (version) VALUES (1)", OLD_PRODUCT, OLD_STATE)
    return database


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration: `explain` asks PostgreSQL alone, no broker listens there."""
    path = tmp_path / "lastunit.toml"
    write_config(path, bootstrap="127.0.0.1:1", channels=[CHANNEL], sections={})
    return path


def explained(dsn: str, config: Path) -> subprocess.CompletedProcess[str]:
    """Run the command for SKU `A`."""
    return subprocess.run(
        [sys.executable, "-m", "publishers", "explain", "A", "--json", "--config", str(config)],
        env={"LASTUNIT_POSTGRES_DSN": dsn},
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_old_database_is_brought_up_to_date_and_keeps_what_it_has(old: str, config: Path) -> None:
    """The old row stands and is not retired; the flag that a new record brings is stored and explains the 0."""
    brought_up_to_date(old)

    assert fetch(old, "SELECT version FROM ledger_schema ORDER BY version") == [
        (n + 1,) for n in range(len(MIGRATIONS))
    ]
    assert fetch(old, "SELECT sku, listing_id, shown, retired FROM channel_state") == [("A", "41", 5, False)]
    (before,) = json.loads(explained(old, config).stdout)["lines"]
    assert (before["verdict"], before["shown"], before["desired"]) == ("in_step", 5, 5)

    shown = channel_records.Shown(shown=0, shown_at=T0, sent=0, sent_version=7, sent_at=T0, retired=True)
    state = channel_records.ChannelLevel(sku="A", listings={"41": shown}, status=words.Status.IN_STEP, at=T0)
    written(old, topics.channel_level("shop-a"), "shown", state)

    assert fetch(old, "SELECT listing_id, shown, retired FROM channel_state") == [("41", 0, True)]
    (after,) = json.loads(explained(old, config).stdout)["lines"]
    assert (after["verdict"], after["shown"], after["desired"]) == ("retired", 0, 0)
    assert after["terms"] == [{"part": "master_quantity", "units": 5}, {"part": "retired", "units": -5}]


def test_a_ledger_that_connects_brings_an_old_database_up_to_date(old: str) -> None:
    """What `explain` tells people to do is enough, and doing it again changes nothing."""
    level = records.StockLevel(
        sku="A",
        quantity=4,
        version=8,
        paused=None,
        policy=words.Policy.REJECT,
        cause=records.Cause(kind=words.CauseKind.ADJUSTMENT, delta=-1, received_at=T0),
        source={},
        updated_at=T0,
    )
    written(old, topics.STOCK_LEVEL, "levels", level)
    brought_up_to_date(old)

    assert fetch(old, "SELECT max(version), count(*) FROM ledger_schema") == [(len(MIGRATIONS), len(MIGRATIONS))]
    assert fetch(old, "SELECT sku, master_quantity, version FROM products") == [("A", 4, 8)]


def test_explain_on_an_old_database_says_what_to_do(old: str, config: Path) -> None:
    """A sentence and 2, no traceback; and a reader changes nothing."""
    done = explained(old, config)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"the ledger's tables have version 1, this program needs {len(MIGRATIONS)}:"
        " start `python -m publishers.ledger` once, it brings its tables up to date\n"
    )
    assert fetch(old, "SELECT version FROM ledger_schema") == [(1,)]


def test_a_database_of_a_newer_release_is_left_alone(old: str, config: Path) -> None:
    """Neither the ledger nor `explain` guesses what the columns of a version that they do not know mean."""
    newer = len(MIGRATIONS) + 1
    execute(old, f"INSERT INTO ledger_schema (version) VALUES ({newer})")  # noqa: S608 - a number of this file
    done = explained(old, config)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"the ledger's tables have version {newer}, this program knows {len(MIGRATIONS)}: run the newer program\n"
    )
    with pytest.raises(SchemaError, match="run the newer program"):
        brought_up_to_date(old)


def test_explain_without_tables_says_what_to_do(database: str, config: Path) -> None:
    """A database that no ledger has ever seen."""
    done = explained(database, config)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the ledger's tables are not there yet: start `python -m publishers.ledger` once\n"
