"""`rebalance`: how long a partition stands still when a worker leaves, comes back under its name, or dies."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from threading import Thread
from typing import Any

from schemas.cluster import now_ms
from tests.bench import workers
from tests.bench.case_recovery import await_ready
from tests.bench.load import Load
from tests.bench.measure import digits
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Deployment, Rig, encoded, rig
from tests.bench.samples import orders
from tests.bench.tables import LINES, fill

SKUS, SKUS_QUICK = 100_000, 10_000
RATE = 300
BEFORE_S = 5
SESSION_MS = 6_000
ROUNDS_SHARE = 5
"""The default number of rounds is one of this case, which takes four minutes."""
Event = Callable[[Rig, Deployment], None]


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """
    Return the longest standstill of any partition, in seconds, by what happened to one of two workers.

    A standstill is the time between two outcomes of a partition that lie one after the other in its log, by the
    broker's clock, while every partition gets an order about every 27 ms.
    """
    skus = SKUS_QUICK if options.quick else SKUS
    rounds = 1 if options.quick else max(options.rounds // ROUNDS_SHARE, 1)
    with rig() as running:
        say(f"writing {skus} SKUs and {skus * LINES} lines")
        found = workers.ours(running, "reb", session_timeout_ms=SESSION_MS)
        fill(found, skus)
        rows: dict[str, Any] = {}
        for store in ("memory", "rocksdb"):
            state = {"store": store, "state_dir": str(running.stack.data / "state")} if store == "rocksdb" else {}
            running.configure(found, {"session_timeout_ms": SESSION_MS, **state})
            rows |= _events(running, found, store, skus, rounds, say)
            found.stop()
    head = {"alternative": "no event", "skus": skus, "lines": skus * LINES, "partitions": PARTITIONS, "rounds": rounds}
    return {**head, "orders_per_s": RATE, "session_timeout_s": SESSION_MS / 1000, **rows}


def _events(
    running: Rig, found: Deployment, store: str, skus: int, rounds: int, say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    rows: dict[str, list[float]] = {name: [] for name in EVENTS}
    for number in range(rounds):
        for name, (event, seconds) in EVENTS.items():
            say(f"{store}, round {number + 1} of {rounds}: {name}")
            _both(running, found)
            rows[name].append(_standstill(running, found, event, seconds, skus))
    return {
        f"{name}_{store}": {"longest_s": digits(max(found_s)), "each_s": ", ".join(f"{one:.2f}" for one in found_s)}
        for name, found_s in rows.items()
    }


def _both(running: Rig, found: Deployment) -> None:
    """Start whichever of the two workers does not run, and wait until all partitions are open."""
    found.workers[:] = [worker for worker in found.workers if worker.running]
    names = {worker.launch.name for worker in found.workers}
    missing = [name for name in ("a", "b") if f"{found.config.kafka.prefix}{name}" not in names]
    workers.start_ours(running, found, *missing)
    await_ready(found)


def _standstill(running: Rig, found: Deployment, event: Event, seconds: int, skus: int) -> float:
    now = now_ms()
    records = encoded(orders(RATE * (BEFORE_S + seconds), skus, seed=now, now=now))
    load = Load(found)
    happening = Thread(target=partial(event, running, found))

    def meanwhile(passed: float) -> None:
        if passed > BEFORE_S and happening.ident is None:
            happening.start()

    try:
        load.run(records, RATE, meanwhile)
        happening.join()
        load.finish()
    finally:
        load.close()
    return max(_longest(times) for times in load.written.values()) / 1000


def _longest(times: list[int]) -> int:
    return max((after - before for before, after in pairwise(times)), default=0)


def _nothing(_running: Rig, _found: Deployment) -> None:
    """Let both work."""


def _leaves(_running: Rig, found: Deployment) -> None:
    found.workers[-1].stop()


def _restarts(_running: Rig, found: Deployment) -> None:
    found.workers[-1].restart()


def _dies(_running: Rig, found: Deployment) -> None:
    found.workers[-1].kill()
    found.workers[-1].wait()


EVENTS: Mapping[str, tuple[Event, int]] = {
    "nothing": (_nothing, 2),
    "leaves": (_leaves, 12),
    "restarts": (_restarts, 12),
    "dies": (_dies, 20),
}
"""What happens after some seconds of load, and for how many seconds the load then goes on."""
