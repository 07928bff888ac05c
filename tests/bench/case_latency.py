"""`latency`: from an order's append to its outcome in a read-committed reader, against a plain loop and an agent."""

from collections.abc import Callable
from statistics import median
from typing import Any

from schemas.cluster import now_ms
from tests.bench import workers
from tests.bench.backlog import work_off
from tests.bench.load import Load
from tests.bench.measure import digits, percentile
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Deployment, Rig, encoded, rig
from tests.bench.samples import orders

SKUS = 10_000
RATE = 300
ROUNDS_MAX = 3
LOOP = workers.PLAIN_SETTINGS["consume 1000, linger 2 ms"]
AGENT = workers.FAUST_SETTINGS["defaults"]
"""The alternatives as they answer soonest; what the agent sends is seen at once, since it is no transaction."""
BACKLOG = 150_000
WARM_S = 2
PERCENTS = (50, 99)


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return milliseconds: medians over the rounds of each round's percentiles, at 300/s and at half our maximum."""
    rounds = 1 if options.quick else min(options.rounds, ROUNDS_MAX)
    seconds = 4 if options.quick else options.seconds
    with rig() as running:
        say("looking for the maximum")
        maximum = _maximum(running)
        say("starting the workers")
        found = {
            "lastunit": workers.ours(running, "o"),
            "plain_loop": workers.plain(running, "p"),
            "faust_per_event": workers.per_event(running, "f"),
        }
        workers.start_ours(running, found["lastunit"], "a")
        workers.start_plain(running, found["plain_loop"], LOOP)
        workers.start_per_event(running, found["faust_per_event"], AGENT)
        workers.fill_shelves(found["lastunit"], SKUS)
        for deployment in found.values():
            _once(deployment, RATE, WARM_S)
        at = _compare(found, "at_300", RATE, rounds, seconds, say)
        del found["faust_per_event"]  # half our maximum is far beyond its own
        at |= _compare(found, "at_half", max(round(maximum / 2), RATE), rounds, seconds, say)
    head = {"alternative": "plain loop", "partitions": PARTITIONS, "rounds": rounds, "seconds": seconds}
    return {**head, "maximum_per_s": digits(maximum), **at}


def _maximum(running: Rig) -> float:
    """Return how many orders a second one worker of ours decides over a backlog."""
    found = workers.ours(running, "m")
    backlog = encoded(orders(BACKLOG, SKUS, now=now_ms()))
    worked = work_off(running, found, backlog, lambda: workers.start_ours(running, found, "a"))
    found.discard()
    return worked.per_s


def _compare(
    found: dict[str, Deployment], label: str, rate: int, rounds: int, seconds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    delays: dict[str, list[list[int]]] = {name: [] for name in found}
    used: dict[str, list[float]] = {name: [] for name in found}
    for number in range(rounds):
        for name, deployment in found.items():
            say(f"{rate}/s, round {number + 1} of {rounds}: {name}")
            before = deployment.cpu_s
            delays[name].append(_once(deployment, rate, seconds))
            used[name].append(deployment.cpu_s - before)
    rows = {
        name: {
            "orders_per_s": rate,
            **{f"p{n}_ms": digits(median(percentile(one, n) for one in delays[name])) for n in PERCENTS},
            "cpu_percent": digits(median(used[name]) / seconds * 100),
        }
        for name in found
    }
    ratios = {
        f"ratio_to_{other}_p{n}_{label}": digits(rows["lastunit"][f"p{n}_ms"] / row[f"p{n}_ms"])
        for other, row in rows.items()
        if other != "lastunit"
        for n in PERCENTS
    }
    return {**ratios, **{f"{name}_{label}": row for name, row in rows.items()}}


def _once(deployment: Deployment, rate: int, seconds: int) -> list[int]:
    """Produce for some seconds; return each order's delay in milliseconds."""
    now = now_ms()
    records = encoded(orders(rate * seconds, SKUS, seed=now, now=now))
    load = Load(deployment)
    try:
        load.run(records, rate)
        load.finish()
        return load.delays
    finally:
        load.close()
