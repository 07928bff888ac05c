"""What the runner writes and says before anything runs: configuration files, and why it cannot run here."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from compose import local
from compose.runner import account, jars
from compose.runner.deployment import TopicsNotCreated, create_topics, write_config
from compose.runner.errors import CannotRun
from compose.runner.lock import JARS
from compose.runner.processes import HOME
from schemas.config import load

GONE_S = 15.0


class Eventually(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, look: Callable[[], Any], timeout_s: float = ...) -> Any:
        """Poll."""


def test_a_configuration_file_says_what_was_asked_for(tmp_path: Path) -> None:
    """Text with quotes, line ends and letters of any script, numbers, lists and tables arrive as they were given."""
    channel = {
        "name": "shop",
        "kind": "shopify",
        "since": 17,
        "alias": 'a "quoted"\n\\ name, 東京',
        "rules": {"buffer": 2, "paused": True},
        "sku_rules": {"S.K U": {"max": 3}},
        "ladder_ms": [10, 20],
        "push_limit": [{"calls": 1, "per_ms": 2, "burst": 3}],
    }
    sections: dict[str, dict[str, object]] = {"kafka": {"prefix": "p."}, "ledger": {"flush_ms": 50}}
    path = write_config(tmp_path / "new" / "c.toml", bootstrap="127.0.0.1:1", channels=[channel], sections=sections)
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    kafka = {"bootstrap": "127.0.0.1:1", "partitions": 4, "replication": 1, "min_isr": 1, "prefix": "p."}
    assert written == {"kafka": kafka, "ledger": {"flush_ms": 50}, "channels": [channel]}
    assert load(path).channel("shop").rules_for("S.K U").max == 3


def test_topics_that_cannot_be_created_are_an_error_with_the_reason(tmp_path: Path) -> None:
    """What the tool complained about stands in the error."""
    path = write_config(tmp_path / "c.toml", bootstrap="127.0.0.1:1", sections={"kafka": {"partitions": 0}})
    with pytest.raises(TopicsNotCreated, match=r"kafka\.partitions"):
        create_topics(path)


def test_what_cannot_run_here_is_one_sentence_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a network and with an empty cache: no traceback, nothing on stdout, the reason on stderr."""
    monkeypatch.setattr("jgo.maven._core.DEFAULT_REMOTE_REPOS", {"nobody": "http://127.0.0.1:1"})
    monkeypatch.setattr(jars, "JARS", JARS[:1])
    before = {number: signal.getsignal(number) for number in local.STOP_SIGNALS}
    try:
        assert local.main(["--cache", str(tmp_path)]) == 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("Apache Kafka's jars could not be fetched")
    assert "Traceback" not in err


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runner believe that it is root, with a user to run PostgreSQL that is ourselves."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "own", lambda _path: None)


@pytest.fixture
def open_folder(run_folder: Path) -> Path:
    """Return a new folder that everybody can reach."""
    folder = run_folder / f"open-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    return folder


@pytest.mark.usefixtures("as_root")
def test_data_that_the_unprivileged_user_cannot_reach_are_refused(open_folder: Path) -> None:
    """For root: no permission of the user's folders is changed, the sentence says what to do instead."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(CannotRun, match="--data"):
        account.give(closed / "data", print)
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("as_root")
def test_programs_that_the_unprivileged_user_cannot_read_are_copied(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For root with an environment below a closed home: the server runs from a copy among its data, as is said."""
    data = open_folder / "data"
    data.mkdir(mode=0o755)
    monkeypatch.setattr(account, "open_to_all", lambda folder: folder != account.installation())
    said: list[str] = []
    copy = account.give(data, said.append)
    assert copy == data / "install"
    assert (copy / "bin" / "postgres").is_file()
    assert not (copy / "include").exists()
    assert [line for line in said if "copied" in line]
    assert account.give(data, said.append) == copy


def test_nothing_outlives_a_killed_test_run(tmp_path: Path, eventually: Eventually) -> None:
    """SIGKILL of pytest itself ends what its fixtures started, and removes the run's folder."""
    inner = tmp_path / "test_inner.py"
    inner.write_text(
        "import os, sys, time\n"
        "def test_it(service, run_folder):\n"
        "    code = 'import time; print(\\'READY x\\', flush=True); time.sleep(600)'\n"
        "    child = service('server', sys.executable, '-c', code)\n"
        "    print(f'\\nPIDS {child.pid} {run_folder}', flush=True)\n"
        "    time.sleep(600)\n"
    )
    path = os.pathsep.join([str(HOME), str(HOME / "tests")])
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "conftest", "-c", os.devnull, str(inner)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    ) as run:
        assert run.stdout is not None
        _, pid, folder = next(line for line in run.stdout if line.startswith("PIDS")).split()
        assert Path(f"/proc/{pid}").exists()
        run.kill()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists() and not Path(folder).exists(), GONE_S)
