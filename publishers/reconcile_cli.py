"""
`python -m publishers reconcile CHANNEL`: have the active publisher read back all that the channel shows.

Exit codes: 0 no drift, 1 drifts were found, 2 the run came to no end or the cluster cannot be asked, 3 nobody answered.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing

import orjson
from confluent_kafka import KafkaException

from publishers.commands import UnsentError, send
from publishers.drift_text import advice, order, text
from publishers.findings import DRIFTS_MAX, DRY_RUN, run_id
from publishers.table import table
from publishers.tail import Tail, unanswered
from publishers.waiting import spinner
from schemas.channel_records import Drift, Incident, Reconciliation
from schemas.cluster import ClusterError
from schemas.codec import encode
from schemas.settings import Channel, Config
from schemas.topics import SYNC_DRIFT, SYNC_INCIDENT, SYNC_RUN
from schemas.words import Command

AGREES, DRIFTED, FAILED, SILENT = range(4)
TIMEOUT_S, TIMEOUT_MAX_S = 300.0, 86_400.0
POLL_S = 0.2
REST_S = 10.0
"""How long after a run's record its drifts may come: they were written before it, in other partitions."""
LAST_RUNS = 10_000
"""How many records of runs, of all channels, are searched for a channel's last one."""
KINDS = {SYNC_RUN: Reconciliation, SYNC_DRIFT: Drift}
Report = tuple[Reconciliation, Sequence[Drift]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "Exit codes: 0 no drift, 1 drifts, 2 no end of the run or cluster unusable, 3 nobody answered."
    parser.add_argument("channel", help="its name in the configuration")
    parser.add_argument("--config", help="the deployment's TOML file (or LASTUNIT_CONFIG)")
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument("--dry-run", action="store_true", help="show the drifts and change nothing")
    wish.add_argument("--last", action="store_true", help="show the last run again, ask for none")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--timeout", type=_seconds, default=TIMEOUT_S, metavar="S", help="wait so long (%(default)g s)")
    parser.add_argument("--actor", default="cli", help="who asks")


def _seconds(given: str) -> float:
    seconds = float(given)
    if not 0 < seconds <= TIMEOUT_MAX_S:
        raise argparse.ArgumentTypeError(f"{given} is not between 0 and {TIMEOUT_MAX_S:g} s")
    return seconds


def run(args: argparse.Namespace, config: Config, channel: Channel) -> int:
    """Run the command; returns its exit code."""
    try:
        report = last(config, channel.name) if args.last else _asked(args, config, channel.name)
    except (UnsentError, KafkaException) as error:
        return _fail(FAILED, unanswered(config, error))
    if report is None and args.last:
        return _fail(SILENT, f"no run of {channel.name} is on record; leave out --last to ask for one")
    if report is None:
        return _fail(SILENT, silence(config, channel.name, args.timeout))
    show(report, as_json=args.json)
    if report[0].err is not None:
        return FAILED
    return DRIFTED if report[0].drifts else AGREES


def _fail(code: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return code


def silence(config: Config, channel: str, waited_s: float) -> str:
    """Return in words that nobody has answered, and what people were told that may be the reason."""
    said = (
        f"no publisher of {channel} has answered within {waited_s:g} s: see that one is running and active"
        " (its /healthz says so); a long run goes on, and `--last` shows it when it has ended"
    )
    newest: dict[str, Incident] = {}
    try:
        with closing(Tail(config, {SYNC_INCIDENT: Incident}, "reconcile")) as tail:
            tail.from_start()
            newest.update((one.kind, one) for one in tail.rest() if one.channel == channel)
    except (ClusterError, KafkaException) as error:
        return f"{said}\nits incidents are not known: {error}"
    opened = [["its open incident:", one.kind, one.err] for one in newest.values() if one.until is None]
    return "\n".join([said, *table(opened)])


def _asked(args: argparse.Namespace, config: Config, channel: str) -> Report | None:
    """Ask for a run and wait for its end; None when it did not come in time."""
    with closing(Tail(config, KINDS, "reconcile")) as tail:
        tail.from_end()
        reason = DRY_RUN if args.dry_run else ""
        at = send(config, channel, Command.RECONCILE, None, args.actor, reason)
        with spinner(f"{channel} is read back"):
            return _wait(tail, run_id(channel, at), time.monotonic() + args.timeout)


def _wait(tail: Tail, name: str, deadline: float) -> Report | None:
    found: Reconciliation | None = None
    drifts: list[Drift] = []
    while time.monotonic() < deadline:
        for record in tail.read(POLL_S):
            if record.run_id == name and isinstance(record, Drift):
                drifts.append(record)
            elif record.run_id == name:
                found = record
                deadline = min(deadline, time.monotonic() + REST_S)
        if found is not None and len(drifts) >= min(sum(found.drifts.values()), DRIFTS_MAX):
            break
    return None if found is None else (found, sorted(drifts, key=order))


def last(config: Config, channel: str) -> Report | None:
    """Return the channel's last run on record, None where there is none; raises `KafkaException`."""
    with closing(Tail(config, {SYNC_RUN: Reconciliation}, "reconcile")) as tail:
        tail.from_end(LAST_RUNS)
        runs = [record for record in tail.rest() if record.channel == channel]
    if not runs:
        return None
    with closing(Tail(config, {SYNC_DRIFT: Drift}, "reconcile")) as tail:
        tail.from_time(runs[-1].started_at)
        drifts = [record for record in tail.rest() if record.run_id == runs[-1].run_id]
    return runs[-1], sorted(drifts, key=order)


def show(report: Report, *, as_json: bool) -> None:
    """Print a run and its drifts."""
    found, drifts = report
    if as_json:
        document = {"run": orjson.loads(encode(found)), "drifts": [orjson.loads(encode(drift)) for drift in drifts]}
        print(orjson.dumps(document).decode())
        return
    for line in (*text(found, drifts), *advice(found)):
        print(line)
