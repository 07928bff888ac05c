"""
`python -m ingest discover CHANNEL`: the listings that a channel has, against those that we know.

Without `--apply` the difference is shown and nothing is written.  `--csv` writes the file that `import` takes, so that
SKUs can be filled in or changed first.

Exit codes: 0 done, 1 rows cannot be used, 2 the configuration cannot be used, 3 Kafka or the channel did not answer,
4 the channel refuses the credentials.
"""

import argparse
import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from ingest.channels.calls import DISCOVERIES, proof_of
from ingest.cli import DENIED, DONE, NO_ANSWER, REFUSED, UNUSABLE, add_config, fail, named, require_topics
from ingest.discover.found import Catalogue, Discovered, Wish, discovered
from ingest.discover.kind import Discovery
from ingest.discover.reading import AccessDenied, Away, Means, read_all
from ingest.discover.skus import remarks
from ingest.imports.command import last_words, show, write
from ingest.imports.diff import Change
from ingest.imports.listings import World
from ingest.imports.present import read_listings
from ingest.imports.progress import bar
from ingest.imports.report import document, text
from ingest.imports.write import NotWritten
from ingest.poll.call import Caller
from ingest.poll.grant import Tokens
from ingest.replay import Unreachable
from schemas.cluster import ClusterError, now_ms
from schemas.config import Channel, Config, ConfigError, Secrets, channel_secret, config_path, load

PRUNE = "end the listings that the channel has no more; orders of theirs count by the SKU that the channel shows then"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverJob:
    """Whom to ask, and how."""

    config: Config
    channel: Channel
    kind: Discovery[Any]
    secrets: Secrets

    def read(self, names: Sequence[str]) -> Callable[[], Sequence[str]]:
        """Return a reader of the channel's secrets; raises `ConfigError` at once where one is missing."""

        def again() -> Sequence[str]:
            return [self.secrets.one(channel_secret(self.channel.name, what)) for what in names]

        again()
        return again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("channel", help="the channel's name")
    add_config(parser)
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the listings as a file for `import`")
    parser.add_argument(
        "--apply", action="store_true", help="write; without it the difference is shown and that is all"
    )
    parser.add_argument("--prune", action="store_true", help=PRUNE)
    parser.add_argument("--untracked", action="store_true", help="take listings too whose stock the channel counts not")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; the one place where its errors become sentences."""
    try:
        job = _job(args)
        require_topics(job.config)
        result = _compared(job, asyncio.run(_read(job)), Wish(prune=args.prune, untracked=args.untracked))
        applied = args.apply and not result.diff.of(Change.REFUSED)
        if args.csv is not None:
            args.csv.write_bytes(result.csv)
        if applied:
            write(job.config, result.diff)
    except (ConfigError, OSError) as error:
        return fail(UNUSABLE, str(error))
    except (ClusterError, Unreachable, NotWritten, KafkaException, Away) as error:
        return fail(NO_ANSWER, str(error))
    except AccessDenied as error:
        return fail(DENIED, str(error))
    _print(args, result, applied=applied)
    return REFUSED if result.diff.of(Change.REFUSED) else DONE


def _job(args: argparse.Namespace) -> DiscoverJob:
    config = load(config_path(args.config, os.environ))
    channel = named(config, args.channel)
    kind = DISCOVERIES.get(channel.kind)
    if kind is None:
        raise ConfigError(f"channel {args.channel} is of kind {channel.kind}, which has no listings to read")
    if not channel.base_url:
        raise ConfigError(f"channels[{channel.name}].base_url: missing, there is nobody to ask")
    if args.prune and not kind.WHOLE:
        raise ConfigError(
            f"a channel of kind {channel.kind} does not show all its listings: --prune would end live ones"
        )
    return DiscoverJob(config=config, channel=channel, kind=kind, secrets=Secrets(os.environ))


async def _read(job: DiscoverJob) -> Catalogue:
    names, grant = proof_of(job.channel, job.kind, job.secrets)
    secrets = job.read(names)
    caller = Caller(job.channel.call_timeout_ms)
    try:
        tokens = Tokens(job.channel, grant, job.read(grant.SECRETS), caller.call, now_ms) if grant else None
        means = Means(call=caller.call, secrets=secrets, tokens=tokens)
        with bar(f"reading {job.channel.name}", None) as advance:
            return await read_all(job.channel, job.kind, means, advance)
    finally:
        await caller.close()


def _compared(job: DiscoverJob, catalogue: Catalogue, wish: Wish) -> Discovered:
    with bar("reading listings", None) as advance:
        present = read_listings(job.config, advance)
    kinds = {channel.name: channel.kind for channel in job.config.channels}
    world = World(present=present, kinds=kinds, partitions=job.config.kafka.partitions)
    return discovered(catalogue, world, wish)


def _print(args: argparse.Namespace, result: Discovered, *, applied: bool) -> None:
    told = document(args.channel, result.diff, 0, applied=applied)
    told |= {"alike": [list(group) for group in result.alike], "several": dict(result.several)}
    lines = [*text(args.channel, result.diff, 0), *remarks(result.alike, result.several)]
    if args.csv is not None:
        lines.append(f"{args.csv}: written; edit it and `python -m ingest import` it")
    show([*lines, last_words(result.diff, asked=args.apply, applied=applied)], told if args.json else None)
