"""The command line: what it offers, and how little it loads."""

import subprocess
import sys

import pytest

from ingest.__main__ import main


@pytest.mark.parametrize("command", ["serve", "poll", "import"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` of each names its configuration."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert "--config" in capsys.readouterr().out


def test_without_a_command_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error is exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main([])

    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_the_web_service_stays_thin() -> None:
    """Faust alone costs 40 MiB; a pod that takes webhooks loads neither it nor a database driver."""
    heavy = "{'faust', 'mode', 'asyncpg', 'aiokafka', 'rich', 'processor', 'publishers'}"
    code = f"import ingest.serve, sys; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"
