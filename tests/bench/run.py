"""
Measure Lastunit, in ratios against named alternatives: `make bench`, `make bench ARGS="codec rule"`.

Every case prints one JSON line on standard output and a table on standard error (not with `--json`).  Alternatives take
turns within one run; a time on its own says more about the machine than about us.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # what stands here belongs to no installed distribution

from tests.bench.options import Options

DEFAULT = Options()
CASES = (
    "codec",
    "rule",
    "growth",
    "throughput",
    "latency",
    "recovery",
    "rebalance",
    "partitions",
    "ingest",
    "poll_index",
)
"""Each is a module `case_<name>` beside this one with a function `run`; those that need no broker come first."""
NOTES = Console(stderr=True, width=None if sys.stderr.isatty() else 140)


def main() -> int:
    """Run the cases that were asked for, all by default; returns 0."""
    arguments = _arguments()
    for number, case in enumerate(arguments.cases, 1):
        with _progress(f"[{number}/{len(arguments.cases)}] {case}") as say:
            figures = importlib.import_module(f"tests.bench.case_{case}").run(say, _options(arguments))
        if not arguments.json:
            NOTES.print(_table(case, figures))
        sys.stdout.write(json.dumps({"case": case, **figures}) + "\n")
        sys.stdout.flush()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(CASES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=DEFAULT.rounds, help="turns of each alternative (%(default)s)")
    parser.add_argument("--orders", type=int, default=DEFAULT.orders, help="length of a backlog (%(default)s)")
    parser.add_argument("--seconds", type=int, default=DEFAULT.seconds, help="how long a load lasts (%(default)s)")
    sizes = ",".join(str(size) for size in DEFAULT.sizes)
    parser.add_argument("--sizes", default=sizes, help=f"catalogues to recover, in SKUs ({sizes}; 1000000 takes long)")
    parser.add_argument("--quick", action="store_true", help="a fraction of everything, for development")
    parser.add_argument("--json", action="store_true", help="JSON lines only, no tables")
    arguments = parser.parse_args()
    if unknown := [case for case in arguments.cases if case not in CASES]:
        parser.error(f"there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    arguments.cases = arguments.cases or list(CASES)
    return arguments


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        rounds=arguments.rounds,
        orders=arguments.orders,
        sizes=tuple(int(size) for size in arguments.sizes.split(",")),
        seconds=arguments.seconds,
        quick=arguments.quick,
    )


@contextmanager
def _progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show what is being measured: a spinner on a terminal, a line for each step elsewhere."""
    if NOTES.is_terminal:
        with NOTES.status(title) as status:
            yield lambda step: status.update(f"{title}: {step}")
    else:
        yield lambda step: NOTES.print(f"{title}: {step}", highlight=False)


def _table(case: str, figures: Mapping[str, Any]) -> Table:
    """Return a case's figures: what is said once as title, what is said of several things as rows."""
    rows = {name: value for name, value in figures.items() if isinstance(value, Mapping)}
    once = ", ".join(f"{name} {value}" for name, value in figures.items() if name not in rows)
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    table = Table(title=f"{case}: {once}", title_justify="left")
    for column in ("", *columns):
        table.add_column(column, justify="right" if column else "left")
    for name, row in rows.items():
        table.add_row(name, *(_shown(row.get(column, "")) for column in columns))
    return table


def _shown(value: object) -> str:
    return f"{value:,.6g}" if type(value) in (int, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
