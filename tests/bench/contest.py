"""One alternative works a backlog off, in topics of its own that are gone afterwards."""

from collections.abc import Sequence
from functools import partial

from schemas.cluster import now_ms
from tests.bench import workers
from tests.bench.backlog import Worked, work_off
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Encoded, Rig, encoded
from tests.bench.samples import stocking

SKUS = 10_000
AGENT_SHARE = 20
"""The agent's backlog is this many times shorter: the rate is what counts, and it is slow."""
QUICK_ORDERS = 60_000
"""A shorter backlog would be in the first commits of all lanes together."""


def count(options: Options) -> int:
    """Return how many orders a backlog has."""
    return QUICK_ORDERS if options.quick else options.orders


def short(backlog: Sequence[Encoded]) -> Sequence[Encoded]:
    """Return the agent's part of a backlog."""
    return backlog[: max(len(backlog) // AGENT_SHARE, 2_000)]


def ours(
    running: Rig,
    name: str,
    backlog: Sequence[Encoded],
    names: Sequence[str] = ("a",),
    partitions: int = PARTITIONS,
    *,
    full: bool = True,
) -> Worked:
    """Let the processor do it, with a worker for each of `names`."""
    found = workers.ours(running, name, partitions)
    found.produce(encoded(stocking(SKUS, now=now_ms()), full=full))
    worked = work_off(running, found, backlog, lambda: workers.start_ours(running, found, *names, full=full))
    found.discard()
    return worked


def loop(
    running: Rig,
    name: str,
    backlog: Sequence[Encoded],
    settings: workers.Settings,
    partitions: int = PARTITIONS,
    *,
    full: bool = True,
) -> Worked:
    """Let the plain loop do it."""
    found = workers.plain(running, name, partitions)
    worked = work_off(running, found, backlog, lambda: workers.start_plain(running, found, settings, full=full))
    found.discard()
    return worked


def agent(
    running: Rig,
    name: str,
    backlog: Sequence[Encoded],
    settings: workers.Settings,
    partitions: int = PARTITIONS,
    *,
    full: bool = True,
) -> Worked:
    """Let the Faust agent do its short part of it."""
    found = workers.per_event(running, name, partitions)
    start = partial(workers.start_per_event, running, found, settings, full=full)
    worked = work_off(running, found, short(backlog), start, workers.LINES_CHANGELOG)
    found.discard()
    return worked
