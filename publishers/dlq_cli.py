"""
`python -m publishers dlq list | show | replay | discard`: the SKUs that channels' publishers have given up.

`replay` and `discard` are records that the active publisher executes, wherever it runs; a replay tells the newest
level, never the one that failed.  Exit codes: 0 done, 1 nothing is meant by these filters, 2 the configuration or the
cluster cannot be used, 3 Kafka did not answer.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

import orjson
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from publishers.channels import KINDS
from publishers.commands import Advance, UnsentError, configuration, send_all
from publishers.dlq import UNSENT, Dead, Wish, beside, dead, duration, story, text, wanted
from publishers.fold import DISCARDED
from publishers.tail import Tail, unanswered
from schemas.channel_records import ChannelLevel, PublisherCommand, SyncLog
from schemas.cluster import now_ms
from schemas.codec import encode
from schemas.config import Config, ConfigError, config_path
from schemas.topics import SYNC_LOG, channel_level
from schemas.words import Command, Reason

DONE, NOTHING, NO_ANSWER = 0, 1, 3
EXITS = "Exit codes: 0 done, 1 nothing is meant, 2 configuration or cluster unusable, 3 Kafka does not answer."
CALLS_BACK_MS = 7_200_000
"""How long before it was given up the calls of a SKU are looked for: longer than any ladder."""
CALLS_MAX = 20
REASONS = (Reason.REJECTED.value, Reason.LADDER_EXHAUSTED.value, DISCARDED)
THEN = {
    Command.REPLAY: "its active publisher tries them at once with the newest levels; `dlq list` shows what fails again",
    Command.DISCARD: "its active publisher closes their letters; they are told again when a level or a listing changes",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = EXITS
    verbs = parser.add_subparsers(dest="verb", required=True)
    asked = verbs.add_parser("list", help="which SKUs are dead, and why")
    asked.add_argument("--all", action="store_true", help="those too whose letters a person has closed")
    shown = verbs.add_parser("show", help="one SKU, with its last calls")
    shown.add_argument("sku")
    again = verbs.add_parser("replay", help="try them again, with the newest levels")
    closed = verbs.add_parser("discard", help="close their letters: they are told again when something changes")
    closed.add_argument("--why", default="", help="the reason, for the record")
    for verb in (again, closed):
        verb.add_argument("--sku", help="this SKU only")
        verb.add_argument("--dry-run", action="store_true", help="show which are meant and do nothing")
        verb.add_argument("--actor", default="cli", help="who asks")
    for verb in (asked, shown, again, closed):
        verb.add_argument("--config", help="the deployment's TOML file (or LASTUNIT_CONFIG)")
        verb.add_argument("--channel", help="one channel's only")
        verb.add_argument("--json", action="store_true", help="JSON instead of text")
    for verb in (asked, again, closed):
        verb.add_argument("--reason", choices=REASONS, help="given up for this reason (discarded: closed by a person)")
        verb.add_argument("--older-than", type=_duration, default=0, metavar="2h", help="given up so long ago")


def _duration(given: str) -> int:
    try:
        return duration(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code; raises `ConfigError`, and `ClusterError` where a topic is missing."""
    config = configuration(config_path(args.config, os.environ))
    channels = _channels(config, args.channel)
    try:
        found = [*_read(config, channels)]
        return _VERBS[args.verb](config, args, found, wanted(found, _wish(args), now_ms()))
    except (KafkaException, UnsentError) as error:
        print(unanswered(config, error), file=sys.stderr)
        return NO_ANSWER


def _channels(config: Config, name: str | None) -> list[str]:
    told = [channel.name for channel in config.channels if channel.kind in KINDS]
    if name is not None and name not in told:
        raise ConfigError(f"no channel that takes levels is called {name!r}; there are: {', '.join(told) or 'none'}")
    return told if name is None else [name]


def _wish(args: argparse.Namespace) -> Wish:
    given = vars(args)
    return Wish(
        reason=given.get("reason"),
        older_ms=given.get("older_than", 0),
        sku=given.get("sku"),
        closed=given.get("all", False),
    )


def _read(config: Config, channels: Iterable[str]) -> Iterator[Dead]:
    """Read what channels show, to the end, and yield what is dead there."""
    for channel in channels:
        with closing(Tail(config, {channel_level(channel): ChannelLevel}, "dlq")) as tail:
            tail.from_time(0)
            newest: dict[str, ChannelLevel] = {}
            with bar(f"reading what {channel} shows", None) as advance:
                for record in tail.rest():
                    newest[record.sku] = record
                    advance(1)
        yield from dead(channel, newest.values())


def _list(_config: Config, args: argparse.Namespace, found: Sequence[Dead], meant: Sequence[Dead]) -> int:
    if args.json:
        _dump(meant)
    else:
        print(*text(meant, now_ms(), beside(found, meant)), sep="\n")
    return DONE


def _dump(found: Sequence[Dead]) -> None:
    now = now_ms()
    print(orjson.dumps([one.document(now) for one in found]).decode())


def _story(config: Config, args: argparse.Namespace, _found: Sequence[Dead], meant: Sequence[Dead]) -> int:
    if not meant:
        print(f"{args.sku} is not dead: `python -m publishers explain` says how it stands", file=sys.stderr)
        return NOTHING
    now = now_ms()
    told = [(one, _calls(config, one)) for one in meant]
    if args.json:
        print(orjson.dumps([_document(one, calls, now) for one, calls in told]).decode())
        return DONE
    for one, calls in told:
        for line in story(one, calls, now):
            print(line)
    return DONE


def _document(one: Dead, calls: Iterable[SyncLog], now: int) -> dict[str, object]:
    return {**one.document(now), "calls": [orjson.loads(encode(call)) for call in calls]}


def _calls(config: Config, one: Dead) -> list[SyncLog]:
    """Return a dead SKU's last calls, the newest first."""
    found: list[SyncLog] = []
    with closing(Tail(config, {SYNC_LOG: SyncLog}, "dlq")) as tail:
        tail.from_time(max(0, one.at - CALLS_BACK_MS))
        with bar(f"reading calls of {one.channel}", None) as advance:
            for record in tail.rest():
                advance(1)
                if (record.sku, record.channel) == (one.sku, one.channel):
                    found.append(record)
    return sorted(found, key=lambda call: call.started_at, reverse=True)[:CALLS_MAX]


def _tell(config: Config, args: argparse.Namespace, found: Sequence[Dead], meant: Sequence[Dead]) -> int:
    """Send a command for each SKU that is meant."""
    command, others = Command(args.verb), beside(found, meant)
    if not meant:
        print(*text(meant, now_ms(), others), file=sys.stderr)
        return NOTHING
    if args.json:
        _dump(meant)
    elif args.dry_run:
        print(*text(meant, now_ms(), others, UNSENT), sep="\n")
    if args.dry_run:
        return DONE
    why, at = vars(args).get("why", ""), now_ms()
    for channel in dict.fromkeys(one.channel for one in meant):
        skus = [one.sku for one in meant if one.channel == channel]
        asked = [PublisherCommand(command=command, sku=sku, actor=args.actor, reason=why, at=at) for sku in skus]
        with bar(f"telling {channel}", len(skus)) as advance:
            send_all(config, channel, asked, advance)
        said = f"{command} of {len(skus)} SKUs sent to {channel}: {THEN[command]}"
        print(said, file=sys.stderr if args.json else sys.stdout)
    return DONE


_VERBS = {"list": _list, "show": _story, "replay": _tell, "discard": _tell}


@contextmanager
def bar(label: str, total: int | None) -> Iterator[Advance]:
    """Show on standard error how far something is, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.advance(task, count)
