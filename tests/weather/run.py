"""
Bad weather in virtual time: `python tests/weather/run.py --seeds 200`, `--kinds etsy --first 17 --seeds 1 --trace T`.

Each seed is a channel of each kind with the publishers' real core: random faults, orders, edits, kills; then a calm in
which an oracle judges.  Equal seeds make equal runs.  With `--shrink` what fails is made again with ever fewer events.
Progress goes to standard error; the last line of standard output is JSON; exit code 1 unless everything holds.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.weather.events import Event

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 8
"""So many faults of a run are shown."""


def main() -> int:
    """Run; returns 0 when everything holds."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of texts are walked in the same order in each process
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - itself
    sys.path.insert(0, str(ROOT))  # these modules are part of the tree, not of the installed distribution
    from tests.weather.catalogue import SHOPS
    from tests.weather.stage import run

    options, began = _arguments([*SHOPS]), time.monotonic()
    failed: list[dict[str, Any]] = []
    runs = calls = 0
    for seed in range(options.first, options.first + options.seeds):
        for kind in options.kinds:
            found, world = run(kind, seed, traced=bool(options.trace))
            runs, calls = runs + 1, calls + world.calls
            _say(f"{kind} {seed}: {world.calls} calls, {len(world.lives)} lives, {len(found)} faults", found)
            if options.trace:
                Path(options.trace).write_text("\n".join(world.trace), encoding="utf-8")
            if found:
                failed.append({"kind": kind, "seed": seed, "faults": found})
                if options.shrink:
                    shrink(kind, seed)
    line = {"runs": runs, "calls": calls, "failed": failed, "seconds": round(time.monotonic() - began, 1)}
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if failed else 0


def shrink(kind: str, seed: int) -> None:
    """Leave out events, half of them at first, as long as something still fails; say which are left."""
    from tests.weather import events, stage

    left = events.draw(kind, seed, *stage.WEATHER)
    part = len(left) // 2
    while part:
        at = 0
        while at < len(left):
            fewer = [*left[:at], *left[at + part :]]
            if stage.run(kind, seed, happening=fewer)[0]:
                left = fewer
            else:
                at += part
        part //= 2
    _say(f"{kind} {seed} fails with {len(left)} events", [_words(event) for event in left])


def _words(event: "Event") -> str:
    return f"{event.at / 1_000:9.3f} {event.what} {event.seed}"


def _say(text: str, more: Sequence[str] = ()) -> None:
    sys.stderr.write("\n    ".join([text, *more[:SHOWN]]) + "\n")
    sys.stderr.flush()


def _arguments(kinds: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, help="kinds of channel (all)")
    parser.add_argument("--trace", default="", help="write what happens in the last run to this file")
    parser.add_argument("--shrink", action="store_true", help="make what fails smaller")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
