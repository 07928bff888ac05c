"""`processor`: a backlog for the real processor, for a plain transactional loop and for Faust event by event."""

from collections.abc import Callable
from statistics import median
from typing import Any

from compose.runner.processes import READY
from schemas.cluster import now_ms
from schemas.topics import STOCK_ADJUSTED
from tests.bench.measure import digits, ratio
from tests.bench.rig import HERE, Deployment, Rig, rig
from tests.bench.samples import orders, stocking

COUNT = 30_000
SKUS = 500
ROUNDS = 3
WARM = 500
COUNTS = {"faust_per_event": 3_000}
"""A backlog of the full size would take this one minutes."""


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Return records a second and processor time a record of the three; ratios are of seconds, so below 1 is faster."""
    with rig() as running:
        say("starting three workers")
        workers = {"lastunit": ours(running), "plain_loop": plain(running), "faust_per_event": per_event(running)}
        for deployment in workers.values():
            deployment.work_off(orders(WARM, SKUS, seed=99, now=now_ms()))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in workers}
        for number in range(ROUNDS):
            # Later revisions of other lines and of the same: each round is new work for everybody.
            backlog = orders(COUNT, SKUS, seed=number, now=now_ms())
            for name, deployment in workers.items():
                say(f"round {number + 1} of {ROUNDS}: {name}")
                times[name].append(deployment.work_off(backlog[: COUNTS.get(name, COUNT)]))
    return {"orders": COUNT, "skus": SKUS, "partitions": 4, **_figures(times)}


def _figures(times: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    seconds = {name: [one for one, _ in found] for name, found in times.items()}
    used = {name: [one for _, one in found] for name, found in times.items()}
    rows = {
        name: {
            "records_per_s": digits(1 / median(seconds[name])),
            "cpu_us_per_record": digits(median(used[name]) * 1e6),
        }
        for name in times
    }
    ratios = {
        f"ratio_to_{other}": digits(ratio(seconds["lastunit"], seconds[other]))
        for other in times
        if other != "lastunit"
    }
    cpu = {
        f"cpu_ratio_to_{other}": digits(ratio(used["lastunit"], used[other])) for other in times if other != "lastunit"
    }
    return {**ratios, **cpu, **rows}


def ours(running: Rig, name: str = "lastunit") -> Deployment:
    """Deploy the real processor, its shelves filled."""
    found = running.deploy(name)
    found.worker = running.start(name, "-m", "processor", "--config", str(found.path), ready=READY)
    found.produce(found.encoded(stocking(SKUS, now=now_ms())))
    found.drained(STOCK_ADJUSTED)
    return found


def plain(running: Rig, name: str = "plain") -> Deployment:
    """Deploy the plain loop."""
    found = running.deploy(name, f"{name}.plain")
    found.worker = running.start(name, str(HERE / "plain_loop.py"), str(found.path))
    return found


def per_event(running: Rig, name: str = "faust") -> Deployment:
    """Deploy the agent that decides event by event."""
    found = running.deploy(name, f"{name}.faust-per-event")
    found.worker = running.start(name, str(HERE / "faust_per_event.py"), str(found.path))
    return found
