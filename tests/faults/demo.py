"""
Kill -9 of each service in the middle of the flash sale, three times each: `make faults ARGS="--demo"`.

Each run is a whole demo on a fresh broker; its own oracle judges it.  Ends with one line of JSON and exit code 1 unless
every run was clean.  Seeds are printed: `--demo --only processor --seeds 7` repeats a
run.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVICES = ("processor", "ingest", "poller", "publisher", "ledger")
ZEROS = ("lost", "doubled", "level_mismatches", "channel_mismatches")
RUN_S = 600


def main(argv: list[str]) -> int:
    """Run every case; returns 0 when all are clean."""
    args = _arguments(argv)
    rows = []
    for service in args.only or SERVICES:
        for seed in args.seeds:
            row = {"killed": service, "seed": seed, **_case(service, seed, args.seconds)}
            sys.stderr.write(f"{json.dumps(row)}\n")
            rows.append(row)
    total = {name: sum(row.get(name, 0) for row in rows) for name in ("orders", *ZEROS)}
    failed = [f"{row['killed']}/{row['seed']}" for row in rows if row["exit"] != 0]
    sys.stdout.write(f"{json.dumps({'kills': len(rows), **total, 'failed': failed})}\n")
    return 1 if failed else 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SERVICES, help="kill these only")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="one run for each (default 1 2 3)")
    parser.add_argument("--seconds", type=float, default=30.0, help="the day's length; the flash sale has half of it")
    return parser.parse_args(argv)


def _case(service: str, seed: int, seconds: float) -> dict[str, Any]:
    command = ["compose.demo", "--json", "--kill", service, "--seed", str(seed), "--seconds", str(seconds)]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        sys.stderr.write(done.stderr)
    result = json.loads(lines[-1]) if lines else {}
    kept = ("orders", "accepted", "insufficient", "duplicates", *ZEROS)
    return {
        "exit": done.returncode,
        "s": round(time.monotonic() - began),
        **{k: result[k] for k in kept if k in result},
    }
