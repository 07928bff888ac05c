"""Child processes that never outlive us: `Supervisor` starts, finds ready, restarts and ends them.

Each child has a session (and so a process group) of its own and writes to a log file; a watcher process
(`compose.runner.watcher`) ends everything when we die without having done it.
"""

import contextlib
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from compose.runner import procfs
from compose.runner.child import POLL_S, Child, Launch
from compose.runner.memory import PeakMemory

HOME = Path(__file__).resolve().parents[2]
"""The folder that holds our packages: children run there unless told otherwise, so `python -m ingest` finds them."""

WATCHER_END_S = 30.0
"""Longer than the watcher's own grace and sweep together."""

READY = r"^READY (\S+)"
"""What every service of ours prints when it serves."""

INFRASTRUCTURE, SERVICE = 0, 1
"""Tiers: services are stopped before what they stand on, so that they can drain."""


class Supervisor:
    """Start processes, know them by name, and end them all: on leaving the block, on a crash, and on SIGKILL.

    Args:
        logs: folder for one log file per child (stdout and stderr together); made if missing.
        grace_s: seconds between a child's stop signal and SIGKILL.
        removed: a folder that is removed at the very end, after SIGKILL too, unless `keep` was called.

    """

    def __init__(self, *, logs: Path, grace_s: float = 10.0, removed: Path | None = None) -> None:
        """Prepare; nothing is started before the block is entered."""
        self.logs = logs
        self.grace_s = grace_s
        self.children: dict[str, Child] = {}
        self.memory = PeakMemory(self.roots)
        self._removed = removed
        self._mark = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the watcher and the memory sampler."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / "watcher.log").open("ab") as log:
            self._watcher = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "compose.runner.watcher",
                    self._mark,
                    *([str(self._removed)] * bool(self._removed)),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=HOME,
                start_new_session=True,
            )
        self.memory.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every child, then let the watcher end what they left behind."""
        self.memory.stop()
        try:
            self.stop_all()
        finally:
            self._release_watcher()

    def start(  # noqa: PLR0913 - each argument is one property of a process, all but two optional
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ready: str | None = READY,
        ready_s: float = 60.0,
        stop_signal: int = 15,
        user: str | None = None,
        tier: int = SERVICE,
    ) -> Child:
        """Start a process and wait until it is ready.

        Args:
            name: what it is called from now on; also its log file's name. The name must not be in use.
            argv: command and arguments.
            env: variables set on top of our own environment.
            cwd: working directory; by default the folder that holds our packages.
            ready: regular expression that a line of its output matches when it is ready; its first group, if there is
                one, becomes the child's `address`. None: ready at once.
            ready_s: seconds that readiness may take.
            stop_signal: the signal that asks it to end.
            user: the user to run as (root only).
            tier: higher tiers are stopped first.

        Raises:
            ChildEnded: it ended before it was ready.
            ChildNotReady: it was not ready in time.

        """
        launch = Launch(
            name=name,
            argv=tuple(argv),
            env=self._environment(env or {}),
            cwd=cwd or HOME,
            ready=ready,
            ready_s=ready_s,
            stop_signal=stop_signal,
            user=user,
            tier=tier,
            log=self.logs / f"{name}.log",
            grace_s=self.grace_s,
        )
        child = Child(launch, self._register)
        if self._watcher is None:
            message = "a supervisor starts processes only inside its with block"
            raise RuntimeError(message)
        with self._lock:
            if (old := self.children.get(name)) is not None and old.running:
                message = f"a process with the name {name} is already running"
                raise ValueError(message)
            self.children[name] = child
        child.start()
        return child

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        timeout_s: float = 60.0,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> Child:
        """Run a command to its end, guarded like everything else; the caller looks at `returncode` and `tail()`."""
        child = self.start(name, argv, env=env, ready=None, cwd=cwd, user=user)
        child.end_by(time.monotonic() + timeout_s)
        return child

    def stop_all(self) -> None:
        """End every child: tier by tier from the highest, all of a tier at once, with SIGKILL after the grace."""
        with self._lock:
            children = list(self.children.values())
        for tier in sorted({child.launch.tier for child in children}, reverse=True):
            members = [child for child in children if child.launch.tier == tier]
            for child in members:
                child.ask_to_end()
            deadline = time.monotonic() + self.grace_s
            for child in members:
                child.end_by(deadline)

    def keep(self) -> None:
        """Leave the folder that was to be removed: somebody wants to read the logs."""
        self._tell("keep")

    def roots(self) -> list[procfs.Identity]:
        """Return the identities of the children that run now."""
        with self._lock:
            found = [child.identity for child in self.children.values() if child.running]
        watcher = procfs.stat(self._watcher.pid) if self._watcher else None
        return [*found, watcher.identity] if watcher else found

    @property
    def pids(self) -> dict[str, int]:
        """The running children's pids by name, the watcher's included."""
        with self._lock:
            found = {name: child.pid for name, child in self.children.items() if child.running}
        return found | ({"watcher": self._watcher.pid} if self._watcher else {})

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        inherited = dict(os.environ)
        marks = [value for value in (inherited.get(procfs.MARK_VARIABLE), self._mark) if value]
        return inherited | dict(extra) | {procfs.MARK_VARIABLE: ":".join(marks)}

    def _register(self, identity: procfs.Identity, stop_signal: int, *, running: bool) -> None:
        """Tell the watcher that a process runs (without a watcher nothing may run) or has ended."""
        verb, tail = ("add", f" {stop_signal}") if running else ("del", "")
        with contextlib.nullcontext() if running else contextlib.suppress(BrokenPipeError):
            self._tell(f"{verb} {identity.pid} {identity.start_ticks}{tail}")

    def _tell(self, line: str) -> None:
        if self._watcher is not None and self._watcher.stdin is not None:
            os.write(self._watcher.stdin.fileno(), f"{line}\n".encode())

    def _release_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is None or watcher.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            watcher.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            watcher.wait(WATCHER_END_S)


__all__ = ["INFRASTRUCTURE", "POLL_S", "READY", "SERVICE", "Child", "Supervisor"]
