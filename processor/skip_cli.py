"""
`python -m processor skip|resume --partition P`: move a stopped partition on.

`skip` without `--to` only shows what is stopped, why, and which offsets there are.  `skip --to OFFSET` goes on there
and leaves out what lies before.  `resume` tries the same record again, as a restart of the worker would; with
`--accept`, every record that stands in the log now and cannot be used may become a dead letter.  Each needs a
`--reason`, which stands with who gave it in `stock.deadletter`.

Exit codes: 0 done, or nothing is stopped; 1 shown: the partition is stopped; 2 refused, nothing was changed;
69 no answer from Kafka; 78 the configuration cannot be used; 81 not known whether it was done: look again.
"""

import argparse
import asyncio
import os
import pwd
import socket
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import orjson
from aiokafka.errors import KafkaError

from processor import service
from processor.deck import Deck
from processor.exits import Exit
from processor.skip import DoubtError, Look, RefusedError, Word, check, check_age, look, tell
from processor.sources import Source
from schemas.cluster import ClusterError, reach
from schemas.config import Config, ConfigError, config_path, load

COMMANDS = ("skip", "resume")


class Code(IntEnum):
    """The exit codes of these commands, beside those of `processor.exits`."""

    DONE = 0
    STOPPED = 1
    REFUSED = 2


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    arguments = _arguments(argv)
    try:
        config = load(config_path(arguments.config, os.environ))
        return asyncio.run(_run(config, arguments))
    except RefusedError as error:
        return _say(error, Code.REFUSED)
    except ConfigError as error:
        return _say(error, Exit.CONFIG)
    except (ClusterError, KafkaError) as error:
        return _say(error, Exit.CLUSTER)
    except DoubtError as error:
        return _say(error, Exit.DOUBT)


def _say(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)
    return int(code)


async def _run(config: Config, arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.partition < config.kafka.partitions:
        raise RefusedError(f"there is no partition {arguments.partition}: there are {config.kafka.partitions}")
    await asyncio.to_thread(reach, config)
    deck = service.deck_for(config)
    await deck.reader.start()
    try:
        found = await look(deck, arguments.partition, _progress if sys.stderr.isatty() else _quiet)
        done = await _act(deck, found, arguments)
    finally:
        await deck.reader.stop()
    print(orjson.dumps(_json(found, done)).decode() if arguments.json else _text(found, done))
    return Code.STOPPED if found.stopped and done is None else Code.DONE


async def _act(deck: Deck, found: Look, arguments: argparse.Namespace) -> Any:
    if arguments.command == "skip" and arguments.to is None:
        return None
    if not arguments.reason:
        raise RefusedError("say why: --reason")
    word = Word(
        actor=arguments.actor,
        reason=arguments.reason,
        source=_source(found, arguments),
        to=arguments.to if arguments.command == "skip" else None,
        accept=arguments.accept and arguments.command == "resume",
    )
    check(found, word)
    await check_age(deck, found, word)
    _confirm(found, word, arguments)
    return await tell(deck, found, word)


def _source(found: Look, arguments: argparse.Namespace) -> Source:
    if arguments.topic:
        return Source(arguments.topic)
    if arguments.command == "resume":
        # Either position does for a new try; dead letters are accepted where the most of them are.
        return max(Source, key=lambda source: len(found.stands[source].known.mark.dead))
    if len(found.stopped) != 1:
        raise RefusedError(f"say which topic: --topic {Source.ORDERS} or --topic {Source.ADJUSTMENTS}")
    return found.stopped[0]


def _confirm(found: Look, word: Word, arguments: argparse.Namespace) -> None:
    """Ask a person; a script needs `--yes` only where the positions give no reason to skip."""
    if arguments.yes or word.to is None:
        return
    stand = found.stands[word.source]
    why = stand.stopped or "its positions are in order: only a record that cannot be decided is a reason to skip"
    if sys.stdin.isatty():
        print(f"{word.source} {found.partition}: {why}", file=sys.stderr)
        print(f"go on at {word.to}, leaving out what lies between {stand.place} and there? [y/N] ", file=sys.stderr)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise RefusedError("nothing was changed")
    if not stand.stopped:
        raise RefusedError(f"{word.source} {found.partition}: {why}; --yes skips nevertheless")


def _json(found: Look, done: Any) -> dict[str, Any]:
    sources = {
        source.value: {
            "topicId": stand.known.topic_id,
            "committed": stand.known.committed,
            "committedTopicId": stand.known.mark.topic_id or None,
            "inTables": stand.known.in_state,
            "start": stand.known.start,
            "end": stand.known.end,
            "place": stand.place,
            "deadLately": len(stand.known.mark.dead),
            "stopped": stand.stopped or None,
        }
        for source, stand in found.stands.items()
    }
    letter = None if done is None else {"deadLetterId": done.dead_letter_id, "at": done.at, "what": done.err}
    return {"partition": found.partition, "sources": sources, "done": letter}


def _text(found: Look, done: Any) -> str:
    if done is not None:
        return f"{done.err}\nrecorded in stock.deadletter as {done.dead_letter_id}; workers go on within seconds"
    lines = [f"partition {found.partition}"]
    for source, stand in found.stands.items():
        known = stand.known
        at = "nowhere yet" if known.committed is None else str(known.committed)
        lines.append(f"  {source}: stands at {at}; the log has {known.start} to {known.end} (id {known.topic_id})")
        lines.append(f"    STOPPED: {stand.stopped}" if stand.stopped else "    its positions are in order")
        if stand.stopped:
            lines.append(
                f"    go on with what is there: skip --partition {found.partition} --topic {source} "
                f"--to {stand.place} --reason ...  (--to {known.end} leaves everything out)"
            )
        if stand.known.mark.dead:
            lines.append(
                f"    {len(stand.known.mark.dead)} dead letters lately; resume --accept --reason ... allows more"
            )
    if not found.stopped:
        lines.append("  a partition that has stopped for another reason names it in its worker's /readyz")
    return "\n".join(lines)


def _progress(count: int) -> None:
    print(f"\r{count} table records read", end="", file=sys.stderr, flush=True)


def _quiet(_: int) -> None:
    """Say nothing."""


def _actor() -> str:
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m processor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--config", help="the deployment's TOML file (default: LASTUNIT_CONFIG)")
    parser.add_argument("--partition", type=int, required=True, help="the partition that has stopped")
    parser.add_argument("--topic", choices=[source.value for source in Source], help="which of its two topics")
    parser.add_argument("--to", type=int, help="where to go on: the first offset that is decided again")
    parser.add_argument("--accept", action="store_true", help="resume: do not stop at dead letters again")
    parser.add_argument("--reason", default="", help="why; it is kept")
    parser.add_argument("--actor", default=_actor(), help="who (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(argv)
