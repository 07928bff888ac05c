"""
Everything that happens to processes, brokers, links and disks, against the processor: `make faults`.

Runs real brokers and workers under load, breaks them by a plan that is drawn from the seed, and judges what stands in
the topics afterwards.  Progress goes to standard error; the last line of standard output is JSON; exit code 1 unless
all its figures are 0.  Everything else that was found stands in the report's file.  `--demo` kills each service in the
middle of the demo's flash sale instead.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run; returns 0 when nothing was found."""
    sys.path.insert(0, str(ROOT))  # `compose` and these modules are part of the tree, not of the installed distribution
    if sys.argv[1:2] == ["--demo"]:
        from tests.faults import demo

        return demo.main(sys.argv[2:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    return _run(_arguments())


def _run(arguments: argparse.Namespace) -> int:
    from tests.faults.report import Report
    from tests.faults.session import Script, session
    from tests.faults.world import Choice, say

    choice = Choice(
        seed=arguments.seed,
        brokers=arguments.brokers,
        store=arguments.store,
        rate=arguments.rate,
        mutant=arguments.mutant,
    )
    script = Script(
        seconds=arguments.minutes * 60,
        kinds=arguments.only,
        pace=arguments.pace,
        steps=arguments.then,
        keep=arguments.keep,
    )
    report = Report(seed=arguments.seed, command=vars(arguments) | {"report": str(arguments.report)})
    say(f"seed {arguments.seed}")
    session(choice, report, script)
    arguments.report.write_text(report.file(), encoding="utf-8")
    say(f"report: {arguments.report}")
    if not arguments.json:
        for finding in report.findings[:40]:
            say(f"{finding.counted}: {finding.kind}: {finding.text}")
    sys.stdout.write(f"{report.line()}\n")
    return 0 if report.clean else 1


def _arguments() -> argparse.Namespace:
    from tests.faults.plan import KINDS, MUTANTS, STEPS

    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long faults happen (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="repeats a run's plan and load")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3, help="%(default)s")
    parser.add_argument("--store", choices=("memory", "rocksdb", "both"), default="both", help="%(default)s")
    parser.add_argument("--rate", type=float, default=200.0, help="records a second (%(default)s)")
    parser.add_argument("--pace", type=float, default=1.0, help="stretches the time between faults (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="these kinds of fault only")
    parser.add_argument("--then", nargs="*", choices=STEPS, default=STEPS, help="what follows (%(default)s)")
    parser.add_argument("--mutant", choices=MUTANTS, default="", help="a product that lacks this")
    default = Path(tempfile.gettempdir()) / "lastunit-faults.json"
    parser.add_argument("--report", type=Path, default=default, help="the report's file (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep data and logs even if nothing was found")
    parser.add_argument("--json", action="store_true", help="say nothing about findings but the last line")
    if mutant := MUTANTS.get(parser.parse_known_args()[0].mutant):
        parser.set_defaults(only=mutant.kinds, then=mutant.steps, brokers=1, store="memory")
        parser.set_defaults(minutes=mutant.minutes, pace=mutant.pace, rate=mutant.rate)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
