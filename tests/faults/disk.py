"""
A small disk of a worker's own, which can be filled without harm to anybody.

Where this process may mount, it moves into a mount namespace of its own first: the disks go with its last process,
however that ends.  Elsewhere the kernel's limit on the size of files stands in (`EFBIG` instead of `ENOSPC`).
"""

import ctypes
import resource
from collections.abc import Callable
from pathlib import Path

from compose.runner import procfs

NEW_MOUNTS = 0x00020000
"""CLONE_NEWNS, <sched.h>."""
PRIVATE = 0x4000 | 0x40000
"""MS_REC | MS_PRIVATE, <sys/mount.h>."""
DISK_MIB = 160
CHUNK = b"\0" * 65_536
FILLER = "filler"


def alone() -> bool:
    """Move this process into a mount namespace of its own; call it before any thread. Returns whether that worked."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.unshare(NEW_MOUNTS) == 0 and libc.mount(b"none", b"/", None, PRIVATE, None) == 0)


def mount(folder: Path) -> bool:
    """Put a small disk at `folder`; returns whether that worked."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={DISK_MIB}m".encode()
    return bool(ctypes.CDLL(None).mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, size) == 0)


def unmount(folder: Path) -> None:
    """Take the disk away again (MNT_DETACH, so that nobody who has it open is in the way)."""
    ctypes.CDLL(None).umount2(str(folder).encode(), 2)


def fill(folder: Path) -> None:
    """Write until there is no room left."""
    with (folder / FILLER).open("ab", buffering=0) as file:
        try:
            while True:
                file.write(CHUNK)
        except OSError:
            return


def free(folder: Path) -> None:
    """Make room again."""
    (folder / FILLER).unlink(missing_ok=True)


def limit(pid: Callable[[], int | None], size: int) -> None:
    """Let no file of a process and its children grow beyond `size` bytes (-1: no limit)."""
    found = pid()
    stat = None if found is None else procfs.stat(found)
    if stat is None:
        return
    for one in procfs.with_descendants([stat.identity]):
        resource.prlimit(one.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
