"""`recovery`: from a worker's start to all its partitions open, with both stores, from nothing and with state kept."""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import workers
from tests.bench.measure import digits
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Deployment, Rig, rig
from tests.bench.tables import LINES, fill

READY_S = 600.0
POLL_S = 0.05
QUICK = (10_000,)


SEPARATE_MAX = 100_000
"""Up to this catalogue, recovery is measured without lines as well, to tell what a SKU costs and what a line does."""
Rows = dict[str, dict[str, float]]


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return seconds, MiB of memory and of disk, and what a SKU and a line take of both, by catalogue and store."""
    figures: dict[str, Any] = {"alternative": "the other store", "partitions": PARTITIONS, "lines_per_sku": LINES}
    with rig() as running:
        say("starting a worker without state")
        empty = _empty(running)
        figures["empty"] = empty
        for skus in QUICK if options.quick else options.sizes:
            rows = _size(running, skus, LINES, say)
            figures |= rows
            if skus <= SEPARATE_MAX:
                figures |= _separated(skus, empty["memory_mib"], rows, _size(running, skus, 0, say))
    return figures


def _empty(running: Rig) -> dict[str, float]:
    found = workers.ours(running, "empty")
    seconds = _started(running, found, "a")
    memory = _memory_mib(found.workers[0].pid)
    found.discard()
    return {"seconds": digits(seconds), "memory_mib": digits(memory)}


def _size(running: Rig, skus: int, lines: int, say: Callable[[str], None]) -> Rows:
    name = f"{skus}_{lines}"
    folder = running.stack.data / f"state-{name}"
    found = workers.ours(running, f"r{name}")
    say(f"writing {skus} SKUs with {lines} lines each")
    began = time.monotonic()
    fill(found, skus, lines)
    filled_s = time.monotonic() - began
    rows: Rows = {}
    for store, settings in {"memory": {}, "rocksdb": {"store": "rocksdb", "state_dir": str(folder)}}.items():
        running.configure(found, settings)
        for kept in (False, True) if settings else (False,):
            say(f"{skus} SKUs with {lines} lines each, {store}, {'state kept' if kept else 'cold'}")
            about = {"skus": skus, "lines": skus * lines}
            rows[f"{store}_{'kept' if kept else 'cold'}_{skus}"] = about | _recovered(running, found, folder)
    rows[f"memory_cold_{skus}"]["filled_s"] = digits(filled_s)
    found.discard()
    shutil.rmtree(folder, ignore_errors=True)
    return rows


def _recovered(running: Rig, found: Deployment, folder: Path) -> dict[str, float]:
    seconds = _started(running, found, "w")
    memory = _memory_mib(found.workers[0].pid)
    found.stop()
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
    return {"seconds": digits(seconds), "memory_mib": digits(memory), "disk_mib": digits(disk / 2**20)}


def _separated(skus: int, empty_mib: float, with_lines: Rows, without: Rows) -> Rows:
    """Return the bytes of memory and of disk that a SKU takes, and those that a line does."""
    rows: Rows = {}
    for name, row in with_lines.items():
        bare = without[name]
        rows[f"{name}_bytes"] = {
            "memory_per_sku": digits((bare["memory_mib"] - empty_mib) * 2**20 / skus),
            "memory_per_line": digits((row["memory_mib"] - bare["memory_mib"]) * 2**20 / row["lines"]),
            "disk_per_sku": digits(bare["disk_mib"] * 2**20 / skus),
            "disk_per_line": digits((row["disk_mib"] - bare["disk_mib"]) * 2**20 / row["lines"]),
        }
    return rows


def _started(running: Rig, found: Deployment, name: str) -> float:
    """Start a worker; return the seconds until it says that it is ready, interpreter and group included."""
    began = time.monotonic()
    workers.start_ours(running, found, name)
    await_ready(found)
    return time.monotonic() - began


def await_ready(found: Deployment) -> None:
    """Wait until all workers of a deployment are ready; raises `TimeoutError`."""
    deadline = time.monotonic() + READY_S
    for worker in found.workers:
        while not _is_ready(str(worker.address)):
            if time.monotonic() > deadline or not worker.running:
                raise TimeoutError(f"not ready within {READY_S:g} s\n{worker.tail()}")
            time.sleep(POLL_S)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
    except TimeoutError:  # a loop that is busy reading tables
        return False


def _memory_mib(pid: int) -> float:
    """Return what a process holds in memory (Linux: proc(5), VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
