"""The alerts, played by Prometheus's own tool where there is one; their names are checked in tests/test_metrics.py."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool comes with Prometheus, which no Python package brings")
def test_the_alerts_fire_when_they_should_and_not_before() -> None:
    """An oversold unit pages at once and for 5 min, a channel in shadow pages nobody, the first dead letter is seen."""
    command = [str(PROMTOOL), "test", "rules", str(Path(__file__).with_name("rules_test.yml"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
