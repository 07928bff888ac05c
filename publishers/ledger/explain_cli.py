"""`python -m publishers explain SKU` answers why one channel shows 3 and another 4."""

import argparse
import asyncio
import os
import sys
from dataclasses import fields, is_dataclass
from typing import Any

import asyncpg
import orjson

from publishers.channels import KINDS
from publishers.ledger.explain import Report, Verdict, explain
from publishers.ledger.explain_text import text
from publishers.ledger.queries import facts
from publishers.ledger.rows import feeds
from publishers.ledger.writer import CONNECT_S, OUTAGES, SchemaError, connected
from schemas.config import Channel, Config, ConfigError, Secrets, config_path, load
from schemas.partition import partition_of
from schemas.shapes import camel

QUERY_S = 30.0
LAST = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("sku", help="the SKU, exactly as it is in the hub")
    parser.add_argument("--config", help="the deployment's TOML file (or LASTUNIT_CONFIG)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--last", type=int, default=LAST, metavar="N", help=f"how many decisions (default {LAST})")


def run(args: argparse.Namespace) -> int:
    """Print the answer; returns 0, 1 for a SKU that no table knows, 2 when the tables cannot be asked."""
    try:
        config = load(config_path(args.config, os.environ))
        dsn = Secrets(os.environ).one("POSTGRES_DSN")
        report = asyncio.run(answer(config, dsn, args.sku, args.last))
    except (ConfigError, SchemaError) as error:
        print(error, file=sys.stderr)
        return 2
    except asyncpg.UndefinedTableError:
        print("the ledger's tables are not there yet: start `python -m publishers.ledger` once", file=sys.stderr)
        return 2
    except OUTAGES as error:
        print(f"PostgreSQL does not answer: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(orjson.dumps(as_json(report)).decode() if args.json else text(report))
    return 1 if report.verdict is Verdict.UNKNOWN_SKU else 0


async def answer(config: Config, dsn: str, sku: str, last: int = LAST) -> Report:
    """Ask the tables; raises one of the writer's `OUTAGES`, `SchemaError` or `ConfigError`."""
    connection = await connected(dsn, QUERY_S)
    try:
        partition = partition_of(sku.encode(), config.kafka.partitions)
        found = await facts(connection, sku, feeds(config.channel_names), partition, max(0, last))
    finally:
        await connection.close(timeout=CONNECT_S)
    return explain(sku, found, told(config))


def told(config: Config) -> list[Channel]:
    """Return the channels that are told levels: of one that only sends orders there is nothing to explain."""
    return [channel for channel in config.channels if channel.kind in KINDS]


def as_json(value: Any) -> Any:
    """Return dataclasses as objects with the wire's names, all the way down."""
    if is_dataclass(value):
        return {camel(field.name): as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value
