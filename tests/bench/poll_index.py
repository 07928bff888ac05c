"""Start one poller's index, print as JSON how long that took and what the process holds, and end."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # what stands here belongs to no installed distribution

from ingest.poll.follow import Following
from schemas.config import load


def main() -> None:
    """Load the index of the channel in the second argument, by the configuration in the first."""
    following, began, used = Following(load(Path(sys.argv[1])), sys.argv[2]), time.monotonic(), time.process_time()
    following.start()
    following.wait()
    told = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - used, "memory_mib": memory_mib()}
    began = time.monotonic()
    for number in range(1_000):
        following.lines(str(5_000_000_000_000 + number))
    told |= {"read_order_us": (time.monotonic() - began) * 1_000, "torn": float(len(following.torn()))}
    following.close()
    sys.stdout.write(json.dumps(told) + "\n")


def memory_mib() -> float:
    """Return what this process holds in memory (Linux: proc(5), VmRSS)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


main()
