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
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from confluent_kafka import KafkaException

from ingest.channels.calls import GRANTS, POLLS, WATCHES
from ingest.poll.follow import IndexLost
from ingest.poll.kind import Poll
from ingest.poll.life import once, serve
from ingest.poll.parts import Order
from ingest.poll.report import Reading, as_json, sentence
from ingest.poller import Ended
from ingest.replay import Unreachable
from schemas import logs
from schemas.cluster import ClusterError, check, now_ms
from schemas.config import Config, ConfigError, Secrets, channel_secret, config_path, load

UNUSABLE, NO_ANSWER = 2, 3
CODES: Mapping[str, int] = MappingProxyType(
    {Ended.READ.value: 0, Ended.GAVE_UP.value: NO_ANSWER, Ended.DENIED.value: 4, "stopped": 5}
)
_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNITS = MappingProxyType({"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (__doc__ or "").rpartition("\n\n")[2].replace("`", "")
    parser.add_argument("channel", help="the channel's name")
    parser.add_argument("--config", metavar="FILE", help="the deployment's TOML file (default: LASTUNIT_CONFIG)")
    parser.add_argument("--once", action="store_true", help="read from the watermark one time and end")
    parser.add_argument(
        "--since",
        type=back_to,
        metavar="TIME",
        help="read the last 90m, 2h, 7d, or from 2026-11-21T09:00:00Z on, again and end; killed, it starts over and"
        " writes nothing twice",
    )
    parser.add_argument("--json", action="store_true", help="the last line as JSON, with --once or --since")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")


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
        order = _order(args)
        faults = check(order.config)
        if faults:
            return _fail(UNUSABLE, "\n".join(faults))
        if args.once or args.since is not None:
            return _told(asyncio.run(once(order)), as_line=as_json if args.json else sentence)
        asyncio.run(serve(order))
    except ConfigError as error:
        return _fail(UNUSABLE, str(error))
    except (ClusterError, Unreachable, IndexLost, KafkaException) as error:
        return _fail(NO_ANSWER, str(error))
    return 0


def _told(reading: Reading, as_line: Callable[[Reading], str]) -> int:
    print(as_line(reading))
    return CODES[reading.ended]


def _fail(code: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return code


def _order(args: argparse.Namespace) -> Order:
    config, secrets = load(config_path(args.config, os.environ)), Secrets(os.environ)
    kind = _kind(config, args.channel)
    channel = config.channel(args.channel)
    if not channel.base_url:
        raise ConfigError(f"channels[{channel.name}].base_url: missing, there is nothing to poll")
    grant, watch = GRANTS.get(channel.kind), WATCHES.get(channel.kind)

    def read(names: Sequence[str]) -> Callable[[], Sequence[str]]:
        return remembered(lambda: [secrets.one(channel_secret(channel.name, what)) for what in names])

    return Order(
        config=config,
        channel=channel,
        kind=kind,
        secrets=read(kind.SECRETS),
        grant=grant,
        grant_secrets=read(grant.SECRETS if grant else ()),
        watch=watch,
        watch_secrets=read(watch.SECRETS if watch else ()),
        tokens=lambda: secrets.all("STOCK_TOKENS"),
        back_to=args.since,
        host=args.host,
        port=args.port,
    )


def _kind(config: Config, name: str) -> Poll[Any]:
    kinds = {channel.name: channel.kind for channel in config.channels}
    if name not in kinds:
        raise ConfigError(f"no channel is named {name!r}; there are {', '.join(kinds) or 'none'}")
    if kinds[name] not in POLLS:
        raise ConfigError(f"channel {name} is of kind {kinds[name]}, which has no orders to poll")
    return POLLS[kinds[name]]


def remembered(read: Callable[[], Sequence[str]]) -> Callable[[], Sequence[str]]:
    """
    Return a reader of secrets that keeps the last good ones while a file is being replaced.

    Reads once at once, so that a missing secret raises `ConfigError` here and never later.
    """
    last = [read()]

    def again() -> Sequence[str]:
        try:
            last[0] = read()
        except ConfigError:
            return last[0]
        return last[0]

    return again
