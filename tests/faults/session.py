"""One run from its first broker to its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaException

from tests.faults import epilogue
from tests.faults.history import Finding
from tests.faults.oracle import judge
from tests.faults.plan import plan
from tests.faults.report import Report, counted, records
from tests.faults.storming import rest, segment
from tests.faults.watch import longest
from tests.faults.world import Choice, World, say, world

READY_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens: for how many seconds which kinds of fault how densely, and what follows; `keep` the logs."""

    seconds: float
    kinds: Sequence[str]
    pace: float
    steps: Sequence[str]
    keep: bool


def session(choice: Choice, report: Report, script: Script) -> None:
    """Run everything, and put what it was into the report; what a failing run has left is kept."""
    with world(choice) as running:
        try:
            _work(running, report, script)
        except BaseException:
            running.supervisor.keep()
            say(f"data and logs: {running.data}")
            raise
        if script.keep or not report.clean:
            running.supervisor.keep()
            say(f"data and logs: {running.data}")


def _work(running: World, report: Report, script: Script) -> None:
    for sent in running.load.book.counts(0):
        running.load.send(sent)
    running.load.flush()
    running.fleet.muster(running.fleet.homes)
    if not running.fleet.ready(READY_S):
        report.findings.append(Finding("stalls", "not ready", f"the workers are not ready within {READY_S:g} s"))
        return
    running.load.start()
    on_disk = any(slot.store == "rocksdb" for slot in running.fleet.homes)
    kinds = [kind for kind in script.kinds if on_disk or kind != "disk_full"]
    segments = plan(running.choice.seed, script.seconds, kinds, script.pace)
    say(f"{sum(map(len, segments))} faults in {len(segments)} segments; private disks: {running.own_disks}")
    for number, faults in enumerate(segments, 1):
        segment(running, report, faults)
        rest(running, report, f"segment {number}")
    running.load.close()
    report.findings += epilogue.run(running, script.steps)
    _verdict(running, report)


def _verdict(running: World, report: Report) -> None:
    report.findings += [Finding("stalls", "not delivered", text) for text in running.load.failed]
    for hit in running.watch.hits:
        if hit.took_s is None:
            report.findings.append(Finding("stalls", "no recovery", f"{hit.kind}"))
    report.longest_recovery_s = longest(running.watch.hits)
    report.worker_exits = dict(running.fleet.exits)
    try:
        history = running.reader.history(running.watch.witnesses)
    except (KafkaException, TimeoutError) as error:
        report.findings.append(Finding("stalls", "not judged", f"the cluster cannot be read back: {error}"))
        return
    report.findings += judge(history)
    report.records = records(history)
    say(f"{report.records}; longest recoveries {report.longest_recovery_s}; found {counted(report.findings)}")
