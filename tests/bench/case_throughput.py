"""`throughput`: a backlog for the processor, for a plain transactional loop and for Faust event by event."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from schemas.cluster import now_ms
from tests.bench import contest, workers
from tests.bench.backlog import Worked, fastest, row, times_as_fast
from tests.bench.contest import SKUS
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Encoded, Rig, encoded, rig
from tests.bench.samples import orders

BARE_ROUNDS_MAX = 3
"""Rounds without headers."""
TRIAL_SHARE, TRIAL_MIN = 4, 40_000
"""How much shorter a backlog is when settings are tried, and its least length."""
VALIDATION = "ours checks every field it reads and writes; the loop and the agent parse JSON and check nothing"
Turns = dict[str, Callable[[str], Worked]]


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return rates and ratios; above 1 is faster than the alternative.  Two workers share the two cores with Kafka."""
    count = contest.count(options)
    rounds = 1 if options.quick else options.rounds
    backlog = orders(count, SKUS, now=now_ms())
    ready = {full: encoded(backlog, full=full) for full in (True, False)}
    with rig() as running:
        chosen, tried = _settings(running, ready[True], say)
        turns = {True: rounds, False: min(rounds, BARE_ROUNDS_MAX)}
        found = {full: _rounds(_turns(running, ready[full], chosen, full=full), n, say) for full, n in turns.items()}
    head = {"orders": count, "skus": SKUS, "partitions": PARTITIONS, "rounds": rounds, "validation": VALIDATION}
    agent = {"orders_of_the_agent": len(contest.short(ready[True])), "settings_tried": tried}
    return {**head, **agent, **_figures(found[True], "headers"), **_figures(found[False], "no_headers")}


def _settings(
    running: Rig, backlog: Sequence[Encoded], say: Callable[[str], None]
) -> tuple[dict[str, workers.Settings], dict[str, Any]]:
    """Try each alternative's settings once; return the fastest of each and all rates."""
    trial = backlog[: max(len(backlog) // TRIAL_SHARE, TRIAL_MIN)]
    loops, agents = {}, {}
    for number, (name, settings) in enumerate(workers.PLAIN_SETTINGS.items()):
        say(f"trying the plain loop: {name}")
        loops[name] = contest.loop(running, f"pt{number}", trial, settings)
    for number, (name, settings) in enumerate(workers.FAUST_SETTINGS.items()):
        say(f"trying Faust event by event: {name}")
        agents[name] = contest.agent(running, f"ft{number}", backlog, settings)
    (loop, loop_rates), (agent, agent_rates) = fastest(loops), fastest(agents)
    chosen = {"plain_loop": workers.PLAIN_SETTINGS[loop], "faust_per_event": workers.FAUST_SETTINGS[agent]}
    return chosen, {"plain_loop": loop_rates, "faust_per_event": agent_rates}


def _turns(running: Rig, backlog: Sequence[Encoded], chosen: dict[str, workers.Settings], *, full: bool) -> Turns:
    """Return the alternatives in the order in which they take turns; each is told a name for its topics."""
    loop, agent = chosen["plain_loop"], chosen["faust_per_event"]
    prefix = "h" if full else "n"
    turns: Turns = {
        "lastunit": lambda name: contest.ours(running, prefix + name, backlog, full=full),
        "plain_loop": lambda name: contest.loop(running, prefix + name, backlog, loop, full=full),
        "faust_per_event": lambda name: contest.agent(running, prefix + name, backlog, agent, full=full),
    }
    if full:
        turns["two_workers"] = lambda name: contest.ours(running, prefix + name, backlog, ("a", "b"))
    return turns


def _rounds(turns: Turns, rounds: int, say: Callable[[str], None]) -> dict[str, list[Worked]]:
    """Let the alternatives take turns."""
    found: dict[str, list[Worked]] = defaultdict(list)
    for number in range(rounds):
        for turn, (what, measure) in enumerate(turns.items()):
            say(f"round {number + 1} of {rounds}: {what}")
            found[what].append(measure(f"{number}{turn}"))
    return found


def _figures(found: dict[str, list[Worked]], suffix: str) -> dict[str, Any]:
    ratios = {
        f"ratio_to_{other}{'' if suffix == 'headers' else '_' + suffix}": times_as_fast(found, "lastunit", other)
        for other in ("faust_per_event", "plain_loop")
    }
    return {
        **ratios,
        **{f"{what}_{suffix}": {"headers": suffix == "headers", **row(rounds)} for what, rounds in found.items()},
    }
