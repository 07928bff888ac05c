"""
Fuzz the web service: `python tests/fuzz/run.py --requests 1000000 --seed 7`.

Every request comes from the seed and its own number; a surprise is printed with the number that brings it about again
(`--only`) and as a curl command.  Progress goes to standard error; the last line of standard output is JSON; exit code
1 unless nothing unexpected happened.  `--coverage` measures which branches of the channels' code this alone runs
through, and wants at least 90 % of them; coverage.py's own figure, lines and branches together, stands beside it.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
COVERAGE_MIN = 90.0
SHOWN_EVERY_S = 0.5

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fuzz.engine import Report


def main() -> int:
    """Run; returns 0 when nothing unexpected was found."""
    sys.path.insert(0, str(ROOT))  # what stands here belongs to no installed distribution
    arguments = _arguments()
    return _covered(arguments) if arguments.coverage else _run(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5, help="where all chance comes from (default: %(default)s)")
    parser.add_argument("--only", type=int, metavar="N", help="send request number N of the seed, and show it")
    parser.add_argument("--coverage", action="store_true", help="measure the branches of ingest/channels")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    from tests.fuzz.engine import run

    report = asyncio.run(run(arguments.requests, arguments.seed, arguments.only, _progress(arguments.requests)))
    for finding in report.findings:
        sys.stderr.write(f"\n{finding}\n")
    sys.stdout.write(f"{json.dumps(report.line())}\n")
    return 1 if report.unexpected else 0


def _progress(requests: int) -> "Callable[[int, Report], None]":
    """Return what shows how far a run is: a bar on a terminal, now and then a line elsewhere."""
    began, shown = time.monotonic(), [0.0]
    every = SHOWN_EVERY_S if sys.stderr.isatty() else 60.0

    def say(number: int, report: "Report") -> None:
        now = time.monotonic()
        if now - shown[0] < every:
            return
        if shown[0]:
            done = (number + 1) / requests
            bar, rate = "#" * int(done * 30), (number + 1) / (now - began)
            found = sum(report.unexpected.values())
            text = f"[{bar:30}] {number + 1:,} of {requests:,}, {rate:,.0f}/s, unexpected: {found}"
            sys.stderr.write(f"\r{text}" if sys.stderr.isatty() else f"{text}\n")
            sys.stderr.flush()
        shown[0] = now

    return say


def _covered(arguments: argparse.Namespace) -> int:
    """Run under a measurement that begins before the channels' code is read."""
    import coverage

    measure = coverage.Coverage(branch=True, source=["ingest.channels"], data_file=None, config_file=False)
    measure.start()
    failed = _run(arguments)
    measure.stop()
    both = measure.report(file=sys.stderr, show_missing=True, precision=1)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "coverage.json"
        measure.json_report(outfile=str(told))
        totals = json.loads(told.read_text(encoding="utf-8"))["totals"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    figures = {"branches": round(branches, 1), "lines_and_branches": round(both, 1), "wanted": COVERAGE_MIN}
    sys.stdout.write(f"{json.dumps(figures)}\n")
    return failed or int(branches < COVERAGE_MIN)


if __name__ == "__main__":
    sys.exit(main())
