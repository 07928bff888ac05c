"""The chaos run's short mode, and proof that it would notice: a poller that lacks one thing makes it fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compose.fakes.server import KINDS
from tests.chaos.facts import FACTS
from tests.chaos.stories import STORIES

ROOT = Path(__file__).resolve().parents[2]
ZEROS = ("lost", "doubled", "wrong", "unresolved_dead_letters")
HAPPENED = ("cancelled_at_once", "cancelled_before_created", "lines_left", "lines_swapped")
KILLED = ("processor", "ingest", "remap", "queue-amazon-1")
WITHIN_S = 240.0


def chaos(*options: str) -> tuple[int, dict[str, Any]]:
    """Run the command; returns its exit code and its last line."""
    command = [sys.executable, "tests/chaos/run.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.stdout, done.stderr
    sys.stderr.write(done.stderr)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_bad_weather_over_every_channel_changes_no_level() -> None:
    """Webhooks lost, doubled, late and reordered, secrets rotated, services killed: every line is counted once."""
    code, line = chaos("--seed", "11")

    assert {name: line[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0)
    assert code == 0
    assert len(line["orders"]) == len(KINDS)
    assert min(line["orders"].values()) > 40
    assert min(line[name] for name in ("duplicated", "dropped", "delayed", "old_touched", "too_old", "moved")) > 5
    assert min(line[name] for name in HAPPENED) > 0
    assert line["stories"].keys() == {name for name, *_ in STORIES}
    assert min(line["stories"].values()) > 0
    signing = sum(facts.rotates and facts.sign is not None for facts in FACTS.values())
    assert line["new_secret_accepted"] == line["old_secret_refused"] == signing > 0
    assert line["kills_by_service"].keys() > {*KILLED}
    assert any(name.startswith("poll-") for name in line["kills_by_service"])
    assert sum(line["kills_by_service"].values()) == line["kills"]


@pytest.mark.long
def test_a_poller_that_ignores_lines_that_left_is_found_out() -> None:
    """The same command on pollers that lack exactly this fails: what left its order is counted still."""
    code, line = chaos("--seed", "1", "--mutant", "vanish", "--only", "woocommerce", "shopify")

    assert code == 1
    assert line["doubled"] > 0
    assert line["lost"] == 0
