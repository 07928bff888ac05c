"""
A scale run in virtual time: `make scale`, `make scale ARGS="--seeds 20 --json"`.

Four channels with the publishers' real core, stand-ins that run the vendors' own buckets, 20,000 changed SKUs and a
flash sale on 50 of them; each seed three times, in each order of work, with the same shoppers.  Judged: hot SKUs in
step at p99, refusals, how full the budget is used while work waits, the longest wait, and the units oversold.  Progress
goes to standard error; the last line of standard output is JSON; exit code 1 unless everything holds.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import Pool
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.scale.scenario import Size

ROOT = Path(__file__).resolve().parents[2]
ORDERS = ("risk", "fifo", "top20")
WON_OF_TEN = 9
"""In so many of ten seeds the risk order must oversell no more than another."""
USED = 0.95
SPREAD = 1.96
"""Of a normal distribution 95 % lie within so many deviations."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns 0 when everything holds."""
    sys.path.insert(0, str(ROOT))  # these modules are part of the tree, not of the installed distribution
    options = _arguments(argv)
    began, size = time.monotonic(), _size(options.skus)
    wanted = [(seed, order, size) for seed in range(1, options.seeds + 1) for order in options.orders]
    runs, faults = list[dict[str, Any]](), list[str]()
    for done, run in enumerate(_runs(wanted, options.jobs), 1):
        runs.append(run)
        found = [*faults_of(run)] if run["order"] == "risk" else []
        did = f"seed {run['seed']} {run['order']}: {run['oversold']} oversold, {run['seconds']} s"
        _say("\n  ".join([f"[{done}/{len(wanted)}] {did}", *found]))
        faults += found
    contests = [contest(runs, other) for other in options.orders if other != "risk"]
    faults += [
        f"risk wins {one['won']} of {one['seeds']} against {one['against']}" for one in contests if not one["holds"]
    ]
    line = {
        "seeds": options.seeds,
        "skus": options.skus,
        "oversold": contests,
        "channels": worst(runs),
        "faults": faults,
    }
    if not options.json:
        _show(line)
    sys.stdout.write(json.dumps({**line, "seconds": round(time.monotonic() - began, 1)}) + "\n")
    return 1 if faults else 0


def _size(skus: int) -> "Size":
    from tests.scale.scenario import Size

    part = skus / Size().skus
    whole = {name: getattr(Size(), name) for name in ("hot", "etsy", "hot_at_etsy", "parents")}
    return Size(skus=skus, **{name: max(1, round(many * part)) for name, many in whole.items()})


def one_run(given: "tuple[int, str, Size]") -> dict[str, Any]:
    """Make one run."""
    from schemas.settings import Order
    from tests.scale.scenario import draw
    from tests.scale.stage import Stage

    seed, order, size = given
    began = time.monotonic()
    found = Stage(draw(seed, size), Order(order)).run()
    return {"seed": seed, **found, "seconds": round(time.monotonic() - began, 1)}


def _runs(wanted: "list[tuple[int, str, Size]]", jobs: int) -> Iterator[dict[str, Any]]:
    if jobs == 1:
        yield from map(one_run, wanted)
        return
    with Pool(jobs) as pool:
        yield from pool.imap(one_run, wanted)


def faults_of(run: dict[str, Any]) -> Iterator[str]:
    """Yield what does not hold in a run in order of risk."""
    for kind, found in run["channels"].items():
        name = f"seed {run['seed']}, {kind}"
        if found["hot_p99_ms"] > found["hot_bound_ms"]:
            yield f"{name}: hot SKUs in step after {found['hot_p99_ms']} ms, not {found['hot_bound_ms']}"
        if found["longest_wait_ms"] > found["wait_bound_ms"]:
            yield f"{name}: a SKU waited {found['longest_wait_ms']} ms, more than {found['wait_bound_ms']}"
        if found["refused"] > 1:
            yield f"{name}: refused {found['refused']} times"
        if found["utilisation"] is not None and found["utilisation"] < USED:
            yield f"{name}: {found['utilisation']:.0%} of the budget used while work waited"
        if found["wrong"] or found["dead"]:
            yield f"{name}: {found['wrong']} wrong in the end, {found['dead']} dead"


def contest(runs: Sequence[dict[str, Any]], other: str) -> dict[str, Any]:
    """Return how the risk order does against another one: the units oversold more by the other, seed by seed."""
    oversold = {(run["seed"], run["order"]): run["oversold"] for run in runs}
    seeds = sorted({seed for seed, _ in oversold})
    more = [oversold[seed, other] - oversold[seed, "risk"] for seed in seeds]
    half = SPREAD * stdev(more) / math.sqrt(len(more)) if len(more) > 1 else 0.0
    won = sum(one >= 0 for one in more)
    return {
        "against": other,
        "seeds": len(seeds),
        "won": won,
        "holds": won * 10 >= WON_OF_TEN * len(seeds),
        "risk_mean": round(mean(oversold[seed, "risk"] for seed in seeds), 2),
        "other_mean": round(mean(oversold[seed, other] for seed in seeds), 2),
        "more_mean": round(mean(more), 2),
        "more_interval": [round(mean(more) - half, 2), round(mean(more) + half, 2)],
    }


def worst(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by channel the worst of each measure over the runs in order of risk."""
    channels: dict[str, dict[str, Any]] = {}
    for run in runs:
        for kind, found in run["channels"].items() if run["order"] == "risk" else ():
            known = channels.setdefault(kind, {"hot_share": 0.0, "wait_share": 0.0, "refused": 0, "utilisation": None})
            known["hot_share"] = max(known["hot_share"], round(found["hot_p99_ms"] / found["hot_bound_ms"], 2))
            known["wait_share"] = max(known["wait_share"], round(found["longest_wait_ms"] / found["wait_bound_ms"], 2))
            known["refused"] = max(known["refused"], found["refused"])
            used = [one for one in (known["utilisation"], found["utilisation"]) if one is not None]
            known["utilisation"] = min(used, default=None)
    return channels


def _show(line: dict[str, Any]) -> None:
    for one in line["oversold"]:
        low, high = one["more_interval"]
        _say(
            f"{one['against']} oversells {one['other_mean']} units, risk {one['risk_mean']}: {one['more_mean']} more "
            f"({low} to {high}, 95 %); risk no more in {one['won']} of {one['seeds']} seeds"
        )
    for kind, found in line["channels"].items():
        used = "no backlog of a minute" if found["utilisation"] is None else f"{found['utilisation']:.0%} of the budget"
        _say(
            f"{kind}: hot p99 at {found['hot_share']:.0%} of its bound, the longest wait at {found['wait_share']:.0%}, "
            f"refused {found['refused']} times, {used}"
        )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many scenarios (%(default)s)")
    parser.add_argument("--skus", type=int, default=20_000, help="size of the catalogue (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (%(default)s)")
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=ORDERS, help="orders of work (all)")
    parser.add_argument("--json", action="store_true", help="the JSON line only, no table")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
