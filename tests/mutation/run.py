"""
Break the core on purpose, one small fault at a time, and see whether the tests notice.

`make mutation`, `make mutation ARGS="--modules limiter,queue --limit 0 --json"`.  It works on a copy of the tree, so
that it may run beside anything else.  For each module at most `--limit` faults are drawn with the seed (0 = all); each
is tried against the tests that reach its line, those of the module first, then the cheapest, `--seconds` of them.

What survives goes to standard error as it is found; standard output has the table, or with `--json` one line.  Exit
code 0 when the tests of every module notice 90 % of its faults, 1 when not, 3 when `--minutes` were over before.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.mutation.faults import Mutant, mutants
from tests.mutation.trial import ANEW, FORK, NOTICED, Verdict, anew
from tests.mutation.warm import LOG, warm_process

ROOT = Path(__file__).resolve().parents[2]
KILL_RATE = 0.9
TIME_RAN_OUT = 3
BAR = 24
Tried = tuple[Mutant, Verdict]


@dataclass(frozen=True)
class Group:
    """Modules of one folder that the same tests judge."""

    folder: str
    modules: str
    tests: str


CONTROLLER = "publishers/test_controller.py"
CHANNELS = "publishers/channels"
GROUPS = {
    "rule": Group("processor", "stock rule rule_draft rule_records waiting velocity", "processor/test_stock_*.py"),
    "codec": Group(
        "schemas",
        "codec shapes compiled constraints",
        "schemas/test_codec.py schemas/test_shapes.py schemas/test_compiled.py",
    ),
    "limits": Group(
        "publishers",
        "limiter windows refilling rolling shares spent_before",
        "publishers/test_limiter*.py publishers/test_spent_before.py publishers/test_listing_limits.py",
    ),
    "order": Group(
        "publishers",
        "queue turns lines urgency demand volumes picking",
        "publishers/test_queue*.py publishers/test_turns.py publishers/test_urgency.py publishers/test_demand.py "
        f"publishers/test_volumes.py publishers/test_picking_*.py publishers/test_rules_anew.py {CONTROLLER}",
    ),
    "truth": Group(
        "publishers",
        "told readback confirm overtaking hearing sales refusals",
        "publishers/test_asking.py publishers/test_readback.py publishers/test_reconcile.py publishers/test_confirm.py "
        "publishers/test_sales.py publishers/test_stale.py publishers/test_siblings.py publishers/test_told.py "
        "publishers/test_hearing.py publishers/test_holding.py "
        f"publishers/test_overtaking.py {CONTROLLER}",
    ),
    "failure": Group(
        "publishers",
        "circuit retry dlq incidents",
        "publishers/test_circuit.py publishers/test_probing.py publishers/test_retry.py publishers/test_dlq.py "
        f"publishers/test_incidents.py publishers/test_alarm.py {CONTROLLER}",
    ),
    "rules": Group(
        "publishers",
        "brake rules bundles",
        "publishers/test_brake.py publishers/test_holding.py publishers/test_rules.py publishers/test_bundles.py "
        "publishers/test_retired.py",
    ),
    "amazon": Group(
        CHANNELS,
        "amazon_feed amazon_report",
        "channels/amazon/test_amazon_[lr]*.py channels/amazon/test_amazon_push.py",
    ),
    "etsy": Group(
        CHANNELS, "etsy_inventory etsy_plan", "channels/etsy/test_etsy_push.py channels/etsy/test_etsy_c*.py"
    ),
    "shopify": Group(
        CHANNELS,
        "shopify_answers shopify_pause",
        "channels/shopify/test_shopify_push.py publishers/test_pausing.py",
    ),
    "woocommerce": Group(CHANNELS, "woocommerce_answers", "channels/woocommerce/test_woocommerce_push.py"),
    "ebay": Group(CHANNELS, "ebay_answers", "channels/ebay/test_ebay_push.py channels/ebay/test_ebay_told.py"),
}
"""By what is at stake; in each the tests that reach a line are found by running them once."""


class Progress:
    """How far it is: a bar on a terminal, and a line for each survivor."""

    def __init__(self, total: int) -> None:
        """Begin."""
        self._total, self._done, self._began = total, 0, time.monotonic()

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        sys.stderr.write(f"\r\x1b[K{line}\n" if sys.stderr.isatty() else f"{line}\n")

    def tried(self, mutant: Mutant, verdict: Verdict) -> None:
        """Count one."""
        self._done += 1
        if verdict not in NOTICED:
            self.say(f"{verdict}: {mutant}")
        if sys.stderr.isatty():
            bar = ("#" * (BAR * self._done // self._total)).ljust(BAR, ".")
            took = time.monotonic() - self._began
            sys.stderr.write(f"\r\x1b[K[{bar}] {self._done} of {self._total}, {mutant.file}, {took:.0f} s ")
            sys.stderr.flush()


def wanted(names: str) -> dict[str, list[str]]:
    """Return the files by group; raises `SystemExit` for a name that is neither a group's nor a module's."""
    asked = set(filter(None, names.split(","))) or set(GROUPS)
    known = {name: group.modules.split() for name, group in GROUPS.items()}
    if unknown := asked - set(known) - {module for modules in known.values() for module in modules}:
        raise SystemExit(f"no such group or module: {', '.join(sorted(unknown))}")
    found = {name: [one for one in modules if {name, one} & asked] for name, modules in known.items()}
    return {name: [f"{GROUPS[name].folder}/{one}.py" for one in modules] for name, modules in found.items() if modules}


def tests_of(name: str) -> list[str]:
    """Return a group's test files."""
    found = {path for pattern in GROUPS[name].tests.split() for path in (ROOT / "tests").glob(pattern)}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def try_all(copy: Path, name: str, drawn: Sequence[Mutant], seconds: float, until: float) -> Iterator[Tried]:
    """Yield what becomes of each fault of a group; raises `SystemExit` when the tests fail without any."""
    ours, theirs = FORK.Pipe(duplex=False)
    warm = FORK.Process(target=warm_process, args=(copy, tests_of(name), drawn, seconds, until, theirs))
    warm.start()
    theirs.close()
    later = list[tuple[Mutant, Sequence[str], float]]()
    try:
        while (said := ours.recv()) is not None:
            if isinstance(said, str):
                raise SystemExit(f"{name}: {said}")
            mutant, verdict, tests, cpu = said
            if verdict == ANEW:
                later.append((mutant, tests, cpu))
            else:
                yield mutant, verdict
    except EOFError:
        raise SystemExit(f"{name}: {(copy.parent / LOG).read_text()}") from None
    finally:
        warm.terminate()
        warm.join()
    intact = set[str]()
    for mutant, tests, cpu in later:
        if time.monotonic() > until:
            return
        if mutant.file not in intact and anew(copy, tests, cpu) != Verdict.SURVIVED:
            raise SystemExit(f"{name}: a test of {mutant.file} fails without any fault")
        intact.add(mutant.file)
        yield mutant, with_fault(copy, mutant, tests, cpu)


def with_fault(copy: Path, mutant: Mutant, tests: Sequence[str], cpu: float) -> Verdict:
    """Break the copy, try the tests in a process that imports it, and mend it."""
    path = copy / mutant.file
    intact = path.read_text()
    path.write_text(mutant.source)
    verdict = anew(copy, tests, cpu)
    path.write_text(intact)
    assert isinstance(verdict, Verdict), "nothing is put in here"
    return verdict


def report(tried: Mapping[str, list[Tried]], counts: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """Return the figures by module."""
    found = {}
    for file, (places, drawn) in counts.items():
        verdicts = Counter(verdict for _, verdict in tried.get(file, ()))
        killed = sum(verdicts[one] for one in NOTICED)
        left = [f"{verdict}: {mutant}" for mutant, verdict in tried.get(file, ()) if verdict not in NOTICED]
        found[file] = {
            "places": places,
            "drawn": drawn,
            "tried": verdicts.total(),
            "killed": killed,
            "rate": round(killed / verdicts.total(), 4) if verdicts else None,
            "left": left,
        }
    return found


def table(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines for a person."""
    yield f"{'module':40} {'tried':>6} {'killed':>7} {'noticed':>8}"
    for file, row in figures.items():
        rate = "-" if row["rate"] is None else f"{row['rate']:.1%}"
        yield f"{file:40} {row['tried']:6} {row['killed']:7} {rate:>8}"


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, say what came of it, and return the exit code."""
    parser = argparse.ArgumentParser(description="Break the core on purpose and see whether the tests notice.")
    parser.add_argument("--modules", default="", metavar="A,B", help=f"modules or groups ({', '.join(GROUPS)})")
    parser.add_argument("--limit", type=int, default=40, help="faults per module, 0 for all (default: 40)")
    parser.add_argument("--minutes", type=float, default=60, help="end after so long (default: 60)")
    parser.add_argument("--seconds", type=float, default=10, help="CPU time of tests per fault (default: 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line of JSON in place of the table")
    options = parser.parse_args(arguments)
    groups, until = wanted(options.modules), time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="lastunit-mutation-") as scratch:
        copy = Path(scratch).resolve() / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "var", "build", "dist", "__pycache__"))
        draw = Random(options.seed)
        every = {file: mutants(copy, file, options.limit, draw) for files in groups.values() for file in files}
        drawn = {file: found for file, (_, found) in every.items()}
        progress, tried = Progress(sum(map(len, drawn.values()))), defaultdict[str, list[Tried]](list)
        for name, files in groups.items():
            faults = [mutant for file in files for mutant in drawn[file]]
            for mutant, verdict in try_all(copy, name, faults, options.seconds, until):
                progress.tried(mutant, verdict)
                tried[mutant.file].append((mutant, verdict))
    figures = report(tried, {file: (places, len(found)) for file, (places, found) in every.items()})
    good = all(row["rate"] is None or row["rate"] >= KILL_RATE for row in figures.values())
    whole = all(row["tried"] == row["drawn"] for row in figures.values())
    for line in [json.dumps({"mutation": figures, "ok": good, "whole": whole})] if options.json else table(figures):
        sys.stdout.write(f"{line}\n")
    return (0 if whole else TIME_RAN_OUT) if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
