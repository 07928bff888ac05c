"""Times side by side: alternatives take turns (ABAB), so that whatever else the machine does hits all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

ROUNDS = 7
"""Turns of each alternative; the medians count."""
Work = Callable[[], object]


def cpu_seconds(work: Work) -> float:
    """Return the processor time of one call, which a busy machine does not stretch; the collector rests meanwhile."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def in_turns(alternatives: Mapping[str, Work], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the processor seconds of every call, by alternative; one call of each before is not counted."""
    for work in alternatives.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, work in alternatives.items():
            times[name].append(cpu_seconds(work))
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how many times `theirs` goes into `ours`: the median over the turns, each turn compared with itself."""
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of 100 values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100).__int__() - 1))]


def digits(value: float) -> float:
    """Return a value with three significant digits: more would be noise."""
    return float(f"{value:.3g}")
