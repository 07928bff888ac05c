"""The fault suite's short mode, and proof that it would notice: what is taken out of the product makes it fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ZEROS = ("lost", "doubled", "wrong_levels", "regressions", "stalls")
WITHIN_S = 420.0
Verdict = tuple[int, dict[str, Any], dict[str, Any]]


def faults(folder: Path, *options: str) -> Verdict:
    """Run the command; returns its exit code, its last line, and its report's file."""
    report = folder / "report.json"
    command = [sys.executable, "tests/faults/run.py", *options, "--json", "--report", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.stdout, done.stderr
    sys.stderr.write(done.stderr)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), json.loads(report.read_text())


def test_the_processor_survives_every_kind_of_fault(tmp_path: Path) -> None:
    """Three brokers, both stores, each kind at least once; then set-back positions, lost records and lost tables."""
    short = ("--minutes", "1.2", "--seed", "11", "--then", "set_back", "truncate", "recover")
    code, line, report = faults(tmp_path, *short, "--brokers", "3", "--store", "both")

    assert {name: line[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0), report["findings"]
    assert code == 0
    kinds = {"kill", "term", "pause", "storm", "slow_link", "disk_full"}
    kinds |= {"broker_kill", "broker_pause", "poison", "oversized"}
    assert set(report["faults_per_kind"]) == kinds
    assert set(report["longest_recovery_s"]) == kinds
    assert report["records"]["orders"] > 2_000


MUTANTS = {
    "fence": {"decided twice"},
    "seek": {"set_back", "not ready"},  # on a busy machine partitions move at the start: then it stops at once
    "positions": {"position ahead of the state"},
}


@pytest.mark.parametrize(("mutant", "kinds"), MUTANTS.items(), ids=MUTANTS.keys())
def test_a_processor_without_one_of_its_guards_is_found_out(tmp_path: Path, mutant: str, kinds: set[str]) -> None:
    """The same command on a worker that lacks exactly one thing fails, and names what went wrong."""
    code, line, report = faults(tmp_path, "--mutant", mutant, "--seed", "1")

    assert code == 1
    assert any(line[name] for name in ZEROS)
    assert kinds & {finding["kind"] for finding in report["findings"]}
