"""`partitions`: what a backlog costs as the number of partitions grows, beside the plain loop and the agent."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from schemas.cluster import now_ms
from tests.bench import contest, workers
from tests.bench.backlog import Worked, row, times_as_fast
from tests.bench.contest import SKUS
from tests.bench.options import Options
from tests.bench.rig import encoded, rig
from tests.bench.samples import orders

PARTITIONS = (4, 16, 64)
ROUNDS_MAX = 3
LOOP = workers.PLAIN_SETTINGS["consume 5000, linger 20 ms"]
AGENT = workers.FAUST_SETTINGS["buffer 65536, linger 20 ms"]


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return rates and processor time a record, by number of partitions."""
    count = contest.count(options)
    rounds = 1 if options.quick else min(options.rounds, ROUNDS_MAX)
    backlog = encoded(orders(count, SKUS, now=now_ms()))
    figures: dict[str, Any] = {"alternative": "plain loop", "orders": count, "skus": SKUS, "rounds": rounds}
    with rig() as running:
        for n in PARTITIONS:
            found: dict[str, list[Worked]] = defaultdict(list)
            for number in range(rounds):
                say(f"{n} partitions, round {number + 1} of {rounds}")
                found["lastunit"].append(contest.ours(running, f"o{n}-{number}", backlog, partitions=n))
                found["plain_loop"].append(contest.loop(running, f"p{n}-{number}", backlog, LOOP, n))
                found["faust_per_event"].append(contest.agent(running, f"f{n}-{number}", backlog, AGENT, n))
            for other in ("plain_loop", "faust_per_event"):
                figures[f"ratio_to_{other}_{n}"] = times_as_fast(found, "lastunit", other)
            figures |= {f"{name}_{n}": row(each) for name, each in found.items()}
    return figures
