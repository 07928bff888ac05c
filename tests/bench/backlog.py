"""A backlog that is there before its worker starts, and how fast the worker gets through it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.measure import digits
from tests.bench.rig import Deployment, Encoded, Rig, cpu_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What a backlog cost: records a second, and microseconds of processor time a record, workers' and broker's."""

    per_s: float
    cpu_us: float
    broker_us: float


def work_off(
    running: Rig,
    found: Deployment,
    backlog: Sequence[Encoded],
    start: Callable[[], None],
    output: str = "",
) -> Worked:
    """
    Fill the topics, then `start` workers; the clock runs from their first commit to their last.

    So what a start costs is not in it, nor is what the first commit covers.  Of a worker that may commit all at once,
    at the end, the records in `output` are looked at to see when it begins.
    """
    found.produce(backlog)
    start()
    first = found.begun(output) if output else found.reached(1)
    used, broker, began = found.cpu_s, cpu_of(running.stack.kafka.child.pid), time.monotonic()
    found.reached(len(backlog))
    count, seconds = len(backlog) - first, time.monotonic() - began
    if count < len(backlog) / 4:
        raise RuntimeError(f"{first} of {len(backlog)} records were in the first commit: too short a backlog")
    return Worked(
        per_s=count / seconds,
        cpu_us=(found.cpu_s - used) / count * 1e6,
        broker_us=(cpu_of(running.stack.kafka.child.pid) - broker) / count * 1e6,
    )


def row(rounds: Sequence[Worked]) -> dict[str, float]:
    """Return the medians of several rounds, and the slowest and fastest."""
    rates = [one.per_s for one in rounds]
    return {
        "records_per_s": digits(median(rates)),
        "slowest_per_s": digits(min(rates)),
        "fastest_per_s": digits(max(rates)),
        "cpu_us_per_record": digits(median(one.cpu_us for one in rounds)),
        "broker_us_per_record": digits(median(one.broker_us for one in rounds)),
    }


def times_as_fast(found: Mapping[str, Sequence[Worked]], ours: str, other: str) -> float:
    """Return how many times as fast `ours` was: the median over the rounds, each compared with itself."""
    return digits(median(a.per_s / b.per_s for a, b in zip(found[ours], found[other], strict=True)))


def fastest(tried: Mapping[str, Worked]) -> tuple[str, dict[str, Any]]:
    """Return the name of the fastest and all rates."""
    name = max(tried, key=lambda each: tried[each].per_s)
    return name, {"chosen": name, **{each: digits(worked.per_s) for each, worked in tried.items()}}
