"""
`python -m ingest import FILE`: stock counts, listings and bundles from a CSV file; its header says which.

Without `--apply` it shows what would change and writes nothing.  A file is written whole or not at all: with one
refused row nothing is written, because a corrected file is another file, whose counts would all be set again.

Exit codes: 0 done, 1 rows were refused, 2 the file or the configuration cannot be used, 3 Kafka did not answer.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from confluent_kafka import KafkaException

from ingest.cli import DONE, NO_ANSWER, REFUSED, UNUSABLE, add_config, fail, require_topics
from ingest.imports import bundles, listings, stock
from ingest.imports.command import last_words, show, write
from ingest.imports.csvfile import BYTES_MAX, BadFile, Table, parse
from ingest.imports.diff import Change, Diff
from ingest.imports.present import Stock, read_listings, read_stock
from ingest.imports.progress import bar
from ingest.imports.report import document, text
from ingest.imports.write import NotWritten
from ingest.replay import Unreachable
from schemas.cluster import ClusterError, now_ms
from schemas.codec import WireError
from schemas.config import Config, ConfigError, config_path, load

REASON_CHARS = 200
FILES = "sku,qty[,reason], or channel,listing_id,sku,<ids...>[,components][,retired], or bundle_sku,component,qty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file as it was read: its name, its table and when the count in it was made."""

    name: str
    table: Table
    counted_at: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help=FILES)
    add_config(parser)
    parser.add_argument(
        "--apply", action="store_true", help="write; without it the difference is shown and that is all"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--actor", default="import", help="who does it, for the records (default: %(default)s)")
    parser.add_argument(
        "--counted-at",
        type=_instant,
        metavar="TIME",
        help="when the count was made, ISO 8601 with zone (default: the file's modification time)",
    )


def _instant(value: str) -> int:
    when = datetime.fromisoformat(value)
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError("name the zone, as in 2026-11-21T09:00:00Z")
    return int(when.timestamp() * 1000)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; the one place where its errors become sentences."""
    try:
        config = load(config_path(args.config, os.environ))
        source = _read(args.file, args.counted_at)
        reader = _reader(source.table)
        require_topics(config)
        diff = reader(source, config, args.actor)
        applied = args.apply and not diff.of(Change.REFUSED)
        if applied:
            write(config, diff)
    except (BadFile, ConfigError, WireError) as error:
        return fail(UNUSABLE, f"{args.file}: {error}" if isinstance(error, BadFile) else str(error))
    except (ClusterError, Unreachable, NotWritten, KafkaException) as error:
        return fail(NO_ANSWER, str(error))
    _print(args, source, diff, applied=applied)
    return REFUSED if diff.of(Change.REFUSED) else DONE


def _read(path: Path, counted_at: int | None) -> Source:
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
            modified = int(os.fstat(file.fileno()).st_mtime * 1000)
    except OSError as error:
        raise BadFile(error.strerror or type(error).__name__) from None
    return Source(name=path.name, table=parse(raw), counted_at=modified if counted_at is None else counted_at)


WANTED = "sku,qty or channel,listing_id,sku or bundle_sku,component,qty"
Reader = Callable[[Source, Config, str], Diff]


def _reader(table: Table) -> Reader:
    """Choose by the header, or raise `BadFile`."""
    for kind, reader in ((stock, _stock), (listings, _listings), (bundles, _bundles)):
        if set(kind.REQUIRED) <= set(table.columns):
            unknown = [name for name in table.columns if name not in (*kind.REQUIRED, *kind.OPTIONAL)]
            if unknown:
                known = ", ".join((*kind.REQUIRED, *kind.OPTIONAL))
                raise BadFile(f"unknown column {', '.join(unknown)}; a file of {kind.KIND} has {known}")
            return reader
    raise BadFile(f"the header is {', '.join(table.columns)[:200]!r}; want {WANTED}")


def _stock(source: Source, config: Config, actor: str) -> Diff:
    collect = Stock(stock.skus(source.table), source.table.sha256, source.counted_at)
    with bar("reading levels and decisions", None) as advance:
        present = read_stock(config, collect, advance)
    reason = f"import {source.name}"[:REASON_CHARS]
    stamp = stock.Stamp(actor=actor, reason=reason, at=now_ms(), partitions=config.kafka.partitions)
    return stock.diff(source.table, present, stamp)


def _listings(source: Source, config: Config, _actor: str) -> Diff:
    kinds = {channel.name: channel.kind for channel in config.channels}
    with bar("reading listings", None) as advance:
        present = read_listings(config, advance)
    return listings.diff(source.table, present, kinds, config.kafka.partitions)


def _bundles(source: Source, config: Config, _actor: str) -> Diff:
    with bar("reading listings", None) as advance:
        present = read_listings(config, advance)
    return bundles.diff(source.table, present, config.kafka.partitions)


def _print(args: argparse.Namespace, source: Source, diff: Diff, *, applied: bool) -> None:
    lines = [*text(source.name, diff, source.counted_at), last_words(diff, asked=args.apply, applied=applied)]
    show(lines, document(source.name, diff, source.counted_at, applied=applied) if args.json else None)
