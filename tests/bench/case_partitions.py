"""`partitions`: what a backlog costs as the number of partitions grows, beside the plain loop."""

from collections.abc import Callable, Sequence
from typing import Any

from schemas.cluster import now_ms
from tests.bench import workers
from tests.bench.backlog import Worked, row, times_as_fast, work_off
from tests.bench.options import Options
from tests.bench.rig import Encoded, Rig, encoded, rig
from tests.bench.samples import orders, stocking

SKUS = 10_000
PARTITIONS = (4, 16, 64)
ROUNDS_MAX = 3
SHARE = 2
"""The backlog is so many times shorter than that of `throughput`."""
LOOP = workers.PLAIN_SETTINGS["consume 1000, linger 2 ms"]


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return rates and processor time a record, by number of partitions."""
    count = (options.orders // 10 if options.quick else options.orders) // SHARE
    rounds = 1 if options.quick else min(options.rounds, ROUNDS_MAX)
    backlog = encoded(orders(count, SKUS, now=now_ms()))
    figures: dict[str, Any] = {"alternative": "plain loop", "orders": count, "skus": SKUS, "rounds": rounds}
    with rig() as running:
        for partitions in PARTITIONS:
            found: dict[str, list[Worked]] = {"lastunit": [], "plain_loop": []}
            for number in range(rounds):
                say(f"{partitions} partitions, round {number + 1} of {rounds}: lastunit")
                found["lastunit"].append(_ours(running, f"o{partitions}-{number}", partitions, backlog))
                say(f"{partitions} partitions, round {number + 1} of {rounds}: plain_loop")
                found["plain_loop"].append(_loop(running, f"p{partitions}-{number}", partitions, backlog))
            figures[f"ratio_to_plain_loop_{partitions}"] = times_as_fast(found, "lastunit", "plain_loop")
            figures |= {f"{name}_{partitions}": row(each) for name, each in found.items()}
    return figures


def _ours(running: Rig, name: str, partitions: int, backlog: Sequence[Encoded]) -> Worked:
    found = workers.ours(running, name, partitions)
    found.produce(encoded(stocking(SKUS, now=now_ms())))
    worked = work_off(running, found, backlog, lambda: workers.start_ours(running, found, "a"))
    found.discard()
    return worked


def _loop(running: Rig, name: str, partitions: int, backlog: Sequence[Encoded]) -> Worked:
    found = workers.plain(running, name, partitions)
    worked = work_off(running, found, backlog, lambda: workers.start_plain(running, found, LOOP))
    found.discard()
    return worked
