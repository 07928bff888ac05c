"""The supervisor and its watcher: readiness, signals, restarts, and that nothing survives."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from compose.runner import procfs, watcher
from compose.runner.child import ChildEnded, ChildNotReady
from compose.runner.ports import free_ports
from compose.runner.processes import HOME, INFRASTRUCTURE, Supervisor

GONE_S = 15.0

SERVER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("drained", flush=True), sys.exit(7)))
print("READY 127.0.0.1:4711", flush=True)
while True: time.sleep(60)
"""
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('READY x', flush=True)\ntime.sleep(600)"
)


class Eventually(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, look: Callable[[], Any], timeout_s: float = ...) -> Any:
        """Poll."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Supervisor]:
    """Yield a supervisor of this test's own, with little patience."""
    with Supervisor(logs=tmp_path / "logs", grace_s=1.0) as running:
        yield running


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_is_ready_when_it_says_so(own: Supervisor) -> None:
    """`start` returns once the READY line is there, with its address, the pid and the log."""
    child = own.start("server", _python(SERVER))
    assert child.address == "127.0.0.1:4711"
    assert child.running
    assert own.pids["server"] == child.pid
    assert child.log.read_text() == "READY 127.0.0.1:4711\n"


def test_a_child_that_ends_early_is_an_error_with_its_last_words(own: Supervisor) -> None:
    """What it wrote before it ended stands in the error."""
    with pytest.raises(ChildEnded, match=r"code 3:\nno such table$"):
        own.start("server", _python("import sys; print('no such table'); sys.exit(3)"))


def test_a_child_that_never_gets_ready_is_ended(own: Supervisor) -> None:
    """After the time for readiness it is an error, and the process is gone."""
    with pytest.raises(ChildNotReady):
        own.start("server", _python("import time; time.sleep(600)"), ready_s=0.3)
    assert not own.children["server"].running


def test_half_a_ready_line_is_not_an_address(own: Supervisor) -> None:
    """An address counts only when its line is whole, however slowly it is written."""
    code = "import sys,time\nfor c in 'READY 127.0.0.1:80': print(c, end='', flush=True); time.sleep(.02)\nprint('80')"
    assert own.start("server", _python(code)).address == "127.0.0.1:8080"


def test_a_name_is_free_again_when_its_process_has_ended(own: Supervisor) -> None:
    """Two running processes cannot share a name; one after the other can."""
    child = own.start("server", _python(SERVER))
    with pytest.raises(ValueError, match="server"):
        own.start("server", _python(SERVER))
    child.kill()
    assert child.wait(5) == -signal.SIGKILL
    assert own.start("server", _python(SERVER)).pid != child.pid


def test_a_restart_drains_and_starts_the_same_command(own: Supervisor) -> None:
    """The old process gets its stop signal and ends by itself; the new one is ready and writes to the same log."""
    child = own.start("server", _python(SERVER))
    before = child.identity
    child.restart()
    assert child.identity != before
    assert child.address == "127.0.0.1:4711"
    assert child.log.read_text().splitlines() == ["READY 127.0.0.1:4711", "drained", "READY 127.0.0.1:4711"]
    assert child.output() == "READY 127.0.0.1:4711\n"


def test_a_stubborn_child_is_killed_after_the_grace(own: Supervisor) -> None:
    """A process that ignores its stop signal, and one that stands still, end all the same."""
    assert own.start("deaf", _python(STUBBORN)).stop(0.1) == -signal.SIGKILL
    frozen = own.start("frozen", _python(SERVER))
    frozen.kill(signal.SIGSTOP)
    assert frozen.stop(5) == 7


def test_services_end_before_what_they_stand_on(tmp_path: Path) -> None:
    """The lower tier gets its stop signal only when the higher has ended."""
    told = tmp_path / "told"
    code = (
        "import signal, sys, time\n"
        f"def end(*_): time.sleep(float(sys.argv[2])); open({str(told)!r}, 'a').write(sys.argv[1]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('READY x', flush=True)\n"
        "while True: time.sleep(60)"
    )
    with Supervisor(logs=tmp_path / "logs") as own:
        own.start("broker", [*_python(code), "broker;", "0"], tier=INFRASTRUCTURE)
        own.start("service", [*_python(code), "service;", "0.3"])
    assert told.read_text() == "service;broker;"


def test_the_folder_goes_at_the_end_unless_it_is_kept(tmp_path: Path) -> None:
    """A run's temporary folder is removed with the run, and stays when somebody wants the logs."""
    for keep in (False, True):
        folder = tmp_path / f"run-{keep}"
        with Supervisor(logs=folder / "logs", removed=folder) as own:
            if keep:
                own.keep()
        assert folder.exists() is keep


RUNNER = f"""
import sys, time
from pathlib import Path
from compose.runner.processes import Supervisor
with Supervisor(logs=Path(sys.argv[1]) / "logs", removed=Path(sys.argv[1]), grace_s=1) as own:
    child = own.start("parent", [sys.executable, "-c", '''
import os, subprocess, sys, time
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("READY", own.pid, os.getpid(), sep="-", flush=True)
        time.sleep(600)
    os._exit(0)
time.sleep(600)
'''], ready=r"^READY-(\\d+-\\d+)$")
    deaf = own.start("deaf", [sys.executable, "-c", {STUBBORN!r}])
    print(child.pid, *child.address.split("-"), deaf.pid, own.pids["watcher"], flush=True)
    EXIT
    time.sleep(600)
"""


@pytest.mark.parametrize(
    "end", ["kill", "raise RuntimeError('crash')", "import os; os._exit(1)", "sys.exit(0)"], ids=lambda end: end[:8]
)
def test_nothing_outlives_the_runner(tmp_path: Path, end: str, eventually: Eventually) -> None:
    """However the runner ends, everything is gone: its children, grandchildren in sessions of their own, daemons
    without a living ancestor, processes deaf to SIGTERM, the watcher and the folder.
    """
    folder = tmp_path / "run"
    code = RUNNER.replace("EXIT", "" if end == "kill" else end)
    with subprocess.Popen(
        [*_python(code), str(folder)], cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as runner:
        assert runner.stdout is not None
        pids = [int(pid) for pid in runner.stdout.readline().split()]
        assert len(pids) == 5
        if end == "kill":
            runner.kill()
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), GONE_S)
    assert eventually(lambda: not folder.exists(), GONE_S)


def test_a_runner_inside_a_run_ends_with_it(own: Supervisor, tmp_path: Path, eventually: Eventually) -> None:
    """A supervised runner that is killed together with its own watcher leaves no orphan to the outer run either."""
    inner = own.start("inner", [*_python(RUNNER.replace("EXIT", "")), str(tmp_path / "in")], ready=r"^(\d+ \d+ .*)$")
    pids = [int(pid) for pid in str(inner.address).split()]
    os.kill(pids[-1], signal.SIGKILL)
    inner.kill()
    own.__exit__(None, None, None)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), GONE_S)


def test_a_pid_that_was_used_again_is_never_hit(own: Supervisor) -> None:
    """The watcher's signal goes to the process it knew; another start time under the same pid is somebody else."""
    child = own.start("server", _python(SERVER))
    other = procfs.Identity(pid=child.pid, start_ticks=child.identity.start_ticks - 1)
    watcher.send(other, signal.SIGKILL)
    assert watcher.sweep("no-such-mark", {other: signal.SIGKILL}, grace_s=0.0)
    assert child.running
    watcher.send(child.identity, signal.SIGKILL)
    assert child.wait(5) == -signal.SIGKILL


def test_a_torn_line_on_the_pipe_changes_nothing() -> None:
    """The runner may die while it writes: half a line registers nobody."""
    registry: watcher.Registry = {}
    for line in ("add 12 34 15", "add 56 78 2", "del 12 34"):
        watcher.apply(registry, line)
    assert registry == {procfs.Identity(pid=56, start_ticks=78): 2}
    for torn in ("", "add 1", "add 1 2", "del"):
        with pytest.raises((ValueError, IndexError)):
            watcher.apply(registry, torn)
    assert registry == {procfs.Identity(pid=56, start_ticks=78): 2}


def test_memory_counts_what_was_started_and_what_that_started(own: Supervisor) -> None:
    """A grandchild's 50 MiB are in the peak, and stay there after it has ended."""
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', "
        "\"x = bytearray(b'x') * (50 << 20); print('READY x', flush=True); import time; time.sleep(600)\"]).wait()"
    )
    before = own.memory.peak_mib
    child = own.start("parent", _python(code))
    peak = own.memory.peak_mib
    assert 50 < peak - before < 120
    child.stop(1)
    assert own.memory.peak_mib == peak


def test_free_ports_differ_and_can_be_bound() -> None:
    """Each port is free, and below those that the kernel gives to clients."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    lowest_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < port < lowest_of_clients for port in ports)
