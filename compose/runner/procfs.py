"""What Linux says about processes: identity, ancestry, environment marks and memory (proc(5)).

Standard library only: the watcher imports this module and must stay small and quick to start.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MARK_VARIABLE = "LASTUNIT_RUN"
"""Environment variable whose `:`-separated values name every run that a process belongs to."""

_AFTER_COMMAND_STATE, _AFTER_COMMAND_PARENT, _AFTER_COMMAND_START = 0, 1, 19
"""Positions in /proc/<pid>/stat behind the command name (fields 3, 4 and 22 of proc(5))."""

_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process for all time: a pid is used again, a pid with its start time is not."""

    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """The lines of /proc/<pid>/stat that matter here."""

    identity: Identity
    parent: int
    zombie: bool


def stat(pid: int) -> Stat | None:
    """Return what the kernel says about `pid`, or None if there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except _GONE:
        return None
    # The command name stands in brackets and may itself hold brackets and blanks.
    fields = text[text.rindex(")") + 2 :].split()
    identity = Identity(pid=pid, start_ticks=int(fields[_AFTER_COMMAND_START]))
    return Stat(
        identity=identity,
        parent=int(fields[_AFTER_COMMAND_PARENT]),
        zombie=fields[_AFTER_COMMAND_STATE] in {"Z", "X"},
    )


def alive(identity: Identity) -> bool:
    """Say whether exactly this process still runs (a zombie does not)."""
    now = stat(identity.pid)
    return now is not None and now.identity == identity and not now.zombie


def every() -> Iterator[Stat]:
    """Yield every process that is visible to us."""
    for entry in os.scandir(PROC):
        if entry.name.isdigit() and (found := stat(int(entry.name))) is not None:
            yield found


def marked(mark: str) -> set[Identity]:
    """Return the living processes that carry `mark` in their environment, however far they have wandered."""
    return {found.identity for found in every() if not found.zombie and mark in _marks(found.identity.pid)}


def with_descendants(roots: Iterable[Identity]) -> set[Identity]:
    """Return those of `roots` that live, and every process below them."""
    children: dict[int, list[Identity]] = {}
    for found in every():
        if not found.zombie:
            children.setdefault(found.parent, []).append(found.identity)
    result: set[Identity] = set()
    waiting = [root for root in roots if alive(root)]
    while waiting:
        one = waiting.pop()
        if one not in result:
            result.add(one)
            waiting.extend(children.get(one.pid, ()))
    return result


def pss_kib(pid: int) -> int:
    """Return the process's proportional share of memory in KiB; 0 when it is gone.

    The kernel shows it to the process's own user and to tracers only; for others the resident size stands in, which is
    never smaller.
    """
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except PermissionError:
        return _rss_kib(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0


def _rss_kib(pid: int) -> int:
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except _GONE:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def _marks(pid: int) -> list[str]:
    prefix = f"{MARK_VARIABLE}=".encode()
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except _GONE:
        return []
    for entry in environment.split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode(errors="replace").split(":")
    return []
