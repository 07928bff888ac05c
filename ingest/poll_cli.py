"""
`python -m ingest poll CHANNEL`: read the orders that no webhook told of; one process a channel.

By itself it goes on until it is told to stop.  `--once` reads from the watermark one time and ends; `--since 2h` (or a
time, `--since 2026-11-21T09:00:00Z`) reads from then on again, once, whatever the watermark says.  It may run beside
the serving poller: lines that are known as they are are not written again.  The watermark that Kafka holds may step
back to where this command began, until the serving poller writes its own again: publishers wait that much longer.
Stopped or killed it leaves everything that it has read in Kafka; the same command starts over and changes nothing
there, and the last line of a stopped one says from when to go on.

Exit codes: 0 done, or a serving poller told to stop; 2 the configuration cannot be used; 3 Kafka or the channel did not
answer; 4 the channel refuses the credentials; 5 told to stop before it was done (the last three with `--once` and
`--since`; a serving poller waits for better times).
"""

import argparse
import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from confluent_kafka import KafkaException

from ingest.channels.calls import POLLS, WATCHES, proof_of
from ingest.cli import (
    DENIED,
    DONE,
    NO_ANSWER,
    UNUSABLE,
    add_address,
    add_config,
    fail,
    named,
    remembered,
    require_topics,
)
from ingest.poll.follow import IndexLost
from ingest.poll.kind import Poll
from ingest.poll.life import once, serve
from ingest.poll.parts import PollJob
from ingest.poll.report import Reading, as_json, sentence
from ingest.poller import Ended
from ingest.replay import Unreachable
from schemas import logs
from schemas.cluster import ClusterError, now_ms
from schemas.config import Channel, ConfigError, Secrets, channel_secret, config_path, load

CODES: Mapping[str, int] = MappingProxyType(
    {Ended.READ.value: DONE, Ended.GAVE_UP.value: NO_ANSWER, Ended.DENIED.value: DENIED, "stopped": 5}
)
_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = MappingProxyType({"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (__doc__ or "").rpartition("\n\n")[2].replace("`", "")
    parser.add_argument("channel", help="the channel's name")
    add_config(parser)
    parser.add_argument("--once", action="store_true", help="read from the watermark one time and end")
    parser.add_argument(
        "--since",
        type=back_to,
        metavar="TIME",
        help="read the last 90m, 2h, 7d, or from 2026-11-21T09:00:00Z on, again and end; killed, it starts over and"
        " writes nothing twice",
    )
    parser.add_argument("--json", action="store_true", help="the last line as JSON, with --once or --since")
    add_address(parser)


def back_to(text: str) -> int:
    """Return a time in milliseconds, given as a span before now or as itself; raises `ArgumentTypeError`."""
    found = _SPAN.fullmatch(text)
    if found:
        return now_ms() - int(found[1]) * _UNITS[found[2]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise argparse.ArgumentTypeError("want a number and s, m, h or d, as in 2h, or a time with its zone")
    return int(when.timestamp() * 1000)


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; the one place where its errors become sentences."""
    logs.setup("ingest-poll")
    try:
        job = _job(args)
        require_topics(job.config)
        if args.once or args.since is not None:
            return _told(asyncio.run(once(job)), as_line=as_json if args.json else sentence)
        asyncio.run(serve(job))
    except ConfigError as error:
        return fail(UNUSABLE, str(error))
    except (ClusterError, Unreachable, IndexLost, KafkaException) as error:
        return fail(NO_ANSWER, str(error))
    return 0


def _told(reading: Reading, as_line: Callable[[Reading], str]) -> int:
    print(as_line(reading))
    return CODES[reading.ended]


def _job(args: argparse.Namespace) -> PollJob:
    config, secrets = load(config_path(args.config, os.environ)), Secrets(os.environ)
    channel = named(config, args.channel)
    kind = _kind(channel)
    if not channel.base_url:
        raise ConfigError(f"channels[{channel.name}].base_url: missing, there is nothing to poll")
    names, grant = proof_of(channel, kind, secrets)
    watch = WATCHES.get(channel.kind)

    def read(names: Sequence[str]) -> Callable[[], Sequence[str]]:
        return remembered(lambda: [secrets.one(channel_secret(channel.name, what)) for what in names])

    return PollJob(
        config=config,
        channel=channel,
        kind=kind,
        secrets=read(names),
        grant=grant,
        grant_secrets=read(grant.SECRETS if grant else ()),
        watch=watch,
        watch_secrets=read(watch.SECRETS if watch else ()),
        tokens=lambda: secrets.all("STOCK_TOKENS"),
        back_to=args.since,
        host=args.host,
        port=args.port,
    )


def _kind(channel: Channel) -> Poll[Any]:
    if channel.kind not in POLLS:
        raise ConfigError(f"channel {channel.name} is of kind {channel.kind}, which has no orders to poll")
    return POLLS[channel.kind]
