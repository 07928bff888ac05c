"""One supervised process: start, readiness, signals, restart."""

import contextlib
import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from compose.runner import procfs
from compose.runner.errors import CannotRun

POLL_S = 0.02
TAIL_LINES = 15


class ChildEnded(CannotRun):
    """A process ended before it was ready: read its output and start it otherwise."""


class ChildNotReady(CannotRun):
    """A process runs but did not become ready in time."""


class Register(Protocol):
    """How a child tells the watcher that it runs or has ended."""

    def __call__(self, identity: procfs.Identity, stop_signal: int, *, running: bool) -> None:
        """Record the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything needed to start a process, and to start it again in the same way."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    ready: str | None
    ready_s: float
    stop_signal: int
    user: str | None
    tier: int
    log: Path
    grace_s: float


class Child:
    """A process that was started by a `Supervisor`.

    Attributes:
        launch: how it was started.
        address: what its READY line said, for instance `127.0.0.1:40123`; None until it is ready.
        log: the file with its stdout and stderr, all starts one after the other.

    """

    def __init__(self, launch: Launch, register: Register) -> None:
        """Prepare; `start` runs it."""
        self.launch = launch
        self.address: str | None = None
        self.log = launch.log
        self._register = register
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: procfs.Identity | None = None
        self._log_start = 0
        self._known = False

    def start(self) -> None:
        """Start the process and wait until it is ready.

        Raises:
            ChildEnded: it ended before it was ready.
            ChildNotReady: it was not ready in time; it has been ended.

        """
        launch, self.address = self.launch, None
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                launch.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=launch.cwd,
                env=launch.env,
                start_new_session=True,
                user=launch.user,
                group=None if launch.user is None else pwd.getpwnam(launch.user).pw_gid,
                extra_groups=None if launch.user is None else [],
            )
        found = procfs.stat(self._process.pid)
        if found is None:  # impossible before we have waited for it: the kernel keeps the entry of an unreaped child
            message = f"{launch.name}: process {self._process.pid} is not in /proc"
            raise ChildEnded(message)
        self._identity = found.identity
        self._register(self._identity, launch.stop_signal, running=True)
        self._known = True
        if launch.ready is not None:
            self._await_ready(re.compile(launch.ready, re.MULTILINE))

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        return self.identity.pid

    @property
    def identity(self) -> procfs.Identity:
        """Pid and start time of the last start."""
        if self._identity is None:
            message = f"{self.launch.name} was never started"
            raise RuntimeError(message)
        return self._identity

    @property
    def running(self) -> bool:
        """Whether it runs now; while it is being started it does not yet, for whoever asks from another thread."""
        return self._identity is not None and self._process is not None and self.returncode is None

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._forget()
        return code

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process and its group; nothing happens when it has ended."""
        if self.running:
            # The pid is ours until we wait for it, so its group cannot be anybody else's.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def ask_to_end(self) -> None:
        """Send the stop signal, to a process that stands still (SIGSTOP) too, and do not wait."""
        self.kill(self.launch.stop_signal)
        self.kill(signal.SIGCONT)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end and return the exit code; raises `subprocess.TimeoutExpired`."""
        if self._process is None:
            message = f"{self.launch.name} was never started"
            raise RuntimeError(message)
        code = self._process.wait(timeout_s)
        self._forget()
        return code

    def stop(self, grace_s: float | None = None) -> int:
        """Ask it to end, force it after the grace, and return the exit code."""
        self.ask_to_end()
        return self.end_by(time.monotonic() + (self.launch.grace_s if grace_s is None else grace_s))

    def end_by(self, deadline: float) -> int:
        """Wait until `deadline` (of the monotonic clock, seconds), then SIGKILL; return the exit code."""
        if self._process is None:
            return 0
        try:
            return self.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGKILL)
            return self.wait()

    def restart(self) -> None:
        """Stop it (gently) if it runs, and start the same command again."""
        self.stop()
        self.start()

    def output(self) -> str:
        """Return what it wrote since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def tail(self) -> str:
        """Return the last lines of its output."""
        return "\n".join(self.output().splitlines()[-TAIL_LINES:])

    def _await_ready(self, pattern: re.Pattern[str]) -> None:
        deadline = time.monotonic() + self.launch.ready_s
        while True:
            ended = self.returncode is not None  # asked before the log is read: the last words count
            # A line counts once it is whole: half an address is no address.
            if match := pattern.search(self.output().rpartition("\n")[0]):
                self.address = match.group(1) if pattern.groups else None
                return
            if ended:
                message = f"{self.launch.name} ended with code {self.returncode}:\n{self.tail()}"
                raise ChildEnded(message)
            if time.monotonic() > deadline:
                self.stop()
                message = f"{self.launch.name} was not ready within {self.launch.ready_s:g} s:\n{self.tail()}"
                raise ChildNotReady(message)
            time.sleep(POLL_S)

    def _forget(self) -> None:
        if self._known:
            self._known = False
            self._register(self.identity, self.launch.stop_signal, running=False)
