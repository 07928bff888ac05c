"""The demo with every service killed in the middle of its flash sale: the short mode of `make faults`."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = "processor,ingest,poller,publisher,ledger"


def test_a_flash_sale_survives_kill_9_of_every_service() -> None:
    """No order is lost, none counted twice, and every shop ends at the true level."""
    command = [sys.executable, "-m", "compose.demo", "--json", "--kill", SERVICES]
    options = ["--orders", "120", "--seconds", "20", "--skus", "60", "--seed", "11"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)

    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout.splitlines()[-1])
    zeros = ("lost", "doubled", "level_mismatches", "channel_mismatches")
    assert {name: result[name] for name in zeros} == dict.fromkeys(zeros, 0)
    assert result["orders"] > 100
    for service in SERVICES.split(","):
        assert f"{service}" in done.stderr
    assert done.stderr.count("kill -9") >= 7
