"""`throughput`: a backlog for the processor, for a plain transactional loop and for Faust event by event."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from schemas.cluster import now_ms
from tests.bench import workers
from tests.bench.backlog import Worked, fastest, row, times_as_fast, work_off
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Encoded, Rig, encoded, rig
from tests.bench.samples import orders, stocking

SKUS = 10_000
AGENT_SHARE = 20
"""The agent's backlog is this many times shorter: the rate is what counts, and it is slow."""
BARE_ROUNDS_MAX = 3
"""Rounds without headers."""
TRIAL_SHARE = 4
"""Likewise when settings are tried."""
VALIDATION = "ours checks every field it reads and writes; the loop and the agent parse JSON and check nothing"


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return rates and ratios; above 1 is faster than the alternative.  Two workers share the two cores with Kafka."""
    count = options.orders // 10 if options.quick else options.orders
    rounds = 1 if options.quick else options.rounds
    backlog = orders(count, SKUS, now=now_ms())
    ready = {full: encoded(backlog, full=full) for full in (True, False)}
    with rig() as running:
        chosen, tried = _settings(running, ready[True], say)
        turns = {True: rounds, False: min(rounds, BARE_ROUNDS_MAX)}
        found = {full: _rounds(running, ready[full], n, chosen, say, full=full) for full, n in turns.items()}
    head = {"orders": count, "skus": SKUS, "partitions": PARTITIONS, "rounds": rounds, "validation": VALIDATION}
    agent = {"orders_of_the_agent": len(_short(ready[True])), "settings_tried": tried}
    return {**head, **agent, **_figures(found[True], "headers"), **_figures(found[False], "no_headers")}


def _short(backlog: Sequence[Encoded]) -> Sequence[Encoded]:
    return backlog[: max(len(backlog) // AGENT_SHARE, 2_000)]


def _settings(
    running: Rig, backlog: Sequence[Encoded], say: Callable[[str], None]
) -> tuple[dict[str, workers.Settings], dict[str, Any]]:
    """Try each alternative's settings once; return the fastest of each and all rates."""
    loops, agents = {}, {}
    for number, (name, settings) in enumerate(workers.PLAIN_SETTINGS.items()):
        say(f"trying the plain loop: {name}")
        loops[name] = _loop(
            running, f"pt{number}", backlog[: max(len(backlog) // TRIAL_SHARE, 40_000)], settings, full=True
        )
    for number, (name, settings) in enumerate(workers.FAUST_SETTINGS.items()):
        say(f"trying Faust event by event: {name}")
        agents[name] = _agent(running, f"ft{number}", _short(backlog), settings, full=True)
    (loop, loop_rates), (agent, agent_rates) = fastest(loops), fastest(agents)
    chosen = {"plain_loop": workers.PLAIN_SETTINGS[loop], "faust_per_event": workers.FAUST_SETTINGS[agent]}
    return chosen, {"plain_loop": loop_rates, "faust_per_event": agent_rates}


def _rounds(
    running: Rig,
    backlog: Sequence[Encoded],
    rounds: int,
    chosen: dict[str, workers.Settings],
    say: Callable[[str], None],
    *,
    full: bool,
) -> dict[str, list[Worked]]:
    """Let the alternatives take turns."""
    turns: dict[str, Callable[[str], Worked]] = {
        "lastunit": partial(_ours, running, backlog, ("a",), full=full),
        "plain_loop": lambda name: _loop(running, name, backlog, chosen["plain_loop"], full=full),
        "faust_per_event": lambda name: _agent(running, name, _short(backlog), chosen["faust_per_event"], full=full),
    }
    if full:
        turns["two_workers"] = partial(_ours, running, backlog, ("a", "b"), full=True)
    found: dict[str, list[Worked]] = defaultdict(list)
    for number in range(rounds):
        for turn, (what, measure) in enumerate(turns.items()):
            say(f"round {number + 1} of {rounds}, {'full' if full else 'no'} headers: {what}")
            found[what].append(measure(f"{'h' if full else 'n'}{number}{turn}"))
    return found


def _ours(running: Rig, backlog: Sequence[Encoded], names: Sequence[str], name: str, *, full: bool) -> Worked:
    found = workers.ours(running, name)
    found.produce(encoded(stocking(SKUS, now=now_ms()), full=full))
    worked = work_off(running, found, backlog, lambda: workers.start_ours(running, found, *names, full=full))
    found.discard()
    return worked


def _loop(running: Rig, name: str, backlog: Sequence[Encoded], settings: workers.Settings, *, full: bool) -> Worked:
    found = workers.plain(running, name)
    worked = work_off(running, found, backlog, lambda: workers.start_plain(running, found, settings, full=full))
    found.discard()
    return worked


def _agent(running: Rig, name: str, backlog: Sequence[Encoded], settings: workers.Settings, *, full: bool) -> Worked:
    found = workers.per_event(running, name)
    start = partial(workers.start_per_event, running, found, settings, full=full)
    worked = work_off(running, found, backlog, start, workers.LINES_CHANGELOG)
    found.discard()
    return worked


def _figures(found: dict[str, list[Worked]], suffix: str) -> dict[str, Any]:
    ratios = {
        f"ratio_to_{other}{'' if suffix == 'headers' else '_' + suffix}": times_as_fast(found, "lastunit", other)
        for other in ("faust_per_event", "plain_loop")
    }
    return {
        **ratios,
        **{f"{what}_{suffix}": {"headers": suffix == "headers", **row(rounds)} for what, rounds in found.items()},
    }
