"""
`python -m ingest unmapped`: the listings that order lines wait for, because nobody has said which SKU they sell.

Exit codes: 0 listed, 2 the configuration cannot be used, 3 Kafka did not answer.
"""

import argparse
import os

from confluent_kafka import KafkaException

from ingest.cli import DONE, NO_ANSWER, UNUSABLE, add_config, fail, named, require_topics
from ingest.imports.command import show
from ingest.imports.progress import bar
from ingest.remap.listed import text, wanted
from ingest.remap.waiting import Waiting
from ingest.replay import Taken, Unreachable, replay
from schemas.cluster import ClusterError
from schemas.codec import WireError, decode
from schemas.config import Config, ConfigError, config_path, load
from schemas.records import DeadLetter
from schemas.topics import STOCK_DEADLETTER


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
    parser.add_argument("--channel", help="one channel's only")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; the one place where its errors become sentences."""
    try:
        config = load(config_path(args.config, os.environ))
        if args.channel is not None:
            named(config, args.channel)
        require_topics(config)
        rows = wanted(_read(config), args.channel)
    except ConfigError as error:
        return fail(UNUSABLE, str(error))
    except (ClusterError, Unreachable, KafkaException) as error:
        return fail(NO_ANSWER, str(error))
    show(text(rows), {"unmapped": [row.document() for row in rows]} if args.json else None)
    return DONE


def _read(config: Config) -> Waiting:
    """Read all dead letters and their ends; those that cannot be read are not unmapped lines of ours."""
    waiting = Waiting()
    unread = 0

    def take(taken: Taken) -> None:
        nonlocal unread
        try:
            if taken.value is not None:
                waiting.take(decode(DeadLetter, taken.value))
        except WireError:
            unread += 1

    with bar("reading dead letters", None) as advance:
        replay(config, {STOCK_DEADLETTER: take}, advance=advance, group="unmapped")
    if unread:
        fail(DONE, f"{unread} dead letters cannot be read by this version")
    return waiting
