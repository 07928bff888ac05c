"""Carries a plan out: each fault in a thread of its own, at its time, and rests in between."""

import threading
import time
from collections.abc import Iterable
from random import Random
from typing import Any

from tests.faults.acts import ACTS
from tests.faults.history import Finding
from tests.faults.plan import Fault
from tests.faults.report import Report
from tests.faults.world import World

CALM_S = 60.0
"""By then nothing may be undecided after the last fault."""
READY_S = 60.0


def segment(world: World, report: Report, faults: Iterable[Fault]) -> None:
    """Do one segment's faults, each at its time; returns when the last is over."""
    began = time.monotonic()
    threads = []
    for fault in faults:
        time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
        thread = threading.Thread(target=_one, args=(world, report, fault), name=fault.kind)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


def _one(world: World, report: Report, fault: Fault) -> None:
    world.watch.hit(fault.kind)
    began = time.monotonic()
    row: dict[str, Any] = {"kind": fault.kind, "seed": fault.seed, "at": round(time.time(), 2)}
    row["did"] = ACTS[fault.kind](world, Random(fault.seed))
    row["lasted_s"] = round(time.monotonic() - began, 2)
    report.faults.append(row)
    world.note(f"{len(report.faults):4} {fault.kind}: {row['did']}")


def rest(world: World, report: Report, after: str) -> None:
    """Stop the load; the lag must be gone within a minute, every worker ready, and no partition stopped."""
    world.load.pause()
    took_s = world.watch.settled(CALM_S)
    look = world.watch.last
    wedged = world.fleet.wedged()
    for partition, reason in wedged.items():
        report.findings.append(Finding("stalls", "stopped partition", f"after {after}: {partition}: {reason}"))
    if took_s is None:
        lag = "unknown" if look is None else str({p: look.ends[p] - at for p, at in look.positions.items()})
        report.findings.append(Finding("stalls", "lag", f"after {after}: not gone within {CALM_S:g} s: {lag}"))
    elif not wedged and not world.fleet.ready(READY_S):
        answers = {slot.name: slot.ask("/readyz") for slot in world.fleet.slots if slot.wanted}
        report.findings.append(Finding("stalls", "not ready", f"after {after}: {answers}"))
    report.rests.append({"after": after, "lag_gone_s": None if took_s is None else round(took_s, 1)})
    world.note(f"     rest after {after}: lag gone after {'?' if took_s is None else f'{took_s:.1f}'} s")
    world.load.resume()
