"""The process that outlives a killed runner for as long as it takes to end everything that the runner started.

It holds the reading end of a pipe whose only writing end is in the runner. However the runner ends, SIGKILL and the
out-of-memory killer included, the kernel closes that end, the watcher reads end of file and sweeps:
first every registered process gets its own stop signal, and after a grace SIGKILL goes to whatever is left of the
registered processes, of their descendants and of all processes that carry the run's mark in their environment.
Signals go through pidfds whose process was compared with its start time, so a pid that was used again is never hit.

At last it removes the run's temporary folder, unless the line `keep` said otherwise.

`python -m compose.runner.watcher MARK [FOLDER]` with lines `add PID START_TICKS SIGNAL`, `del PID START_TICKS` and
`keep` on stdin.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable

from compose.runner.procfs import Identity, alive, marked, with_descendants

GRACE_S = 3.0
"""How long the registered processes have to end by themselves once the runner is gone."""
SWEEP_S = 20.0
"""How long the watcher goes on killing before it gives up (a process in uninterruptible sleep cannot be ended)."""
POLL_S = 0.02

Registry = dict[Identity, int]


def apply(registry: Registry, line: str) -> None:
    """Change the registry of processes (to their stop signals) as one line of the pipe says."""
    verb, pid, start, *rest = line.split()
    identity = Identity(pid=int(pid), start_ticks=int(start))
    if verb == "add":
        registry[identity] = int(rest[0])
    else:
        registry.pop(identity, None)


def send(identity: Identity, number: int) -> None:
    """Send a signal to exactly this process; do nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(identity.pid)
        try:
            # Compared after the pidfd is open: from here on the handle cannot come to mean another process.
            if alive(identity):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def sweep(mark: str, registry: Registry, *, grace_s: float = GRACE_S) -> bool:
    """End everything that the runner started; return whether nothing is left."""
    family = _family(mark, registry)
    for identity, number in registry.items():
        send(identity, number)
    _wait(registry, grace_s)
    deadline = time.monotonic() + SWEEP_S
    while time.monotonic() < deadline:
        # What was seen once stays listed: an orphan has lost the parent by which it was found.
        family = {one for one in family | _family(mark, registry) if alive(one)}
        if not family:
            return True
        for identity in family:
            send(identity, signal.SIGKILL)
        _wait(family, POLL_S)
    return False


def _family(mark: str, registry: Registry) -> set[Identity]:
    me = os.getpid()
    return {one for one in with_descendants(marked(mark) | registry.keys()) if one.pid != me}


def _wait(identities: Iterable[Identity], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(alive(one) for one in identities):
        time.sleep(POLL_S)


def main(argv: list[str]) -> int:
    """Read the registry from stdin until the runner is gone, then sweep."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    mark, *folders = argv
    registry: Registry = {}
    for line in sys.stdin:
        if line == "keep\n":
            folders = []
            continue
        # The runner may die in the middle of a line: what it meant is then found by the mark.
        with contextlib.suppress(ValueError, IndexError):
            apply(registry, line)
    clean = sweep(mark, registry)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
