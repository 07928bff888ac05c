"""The cache folder: one writer at a time, and nothing half-made is ever seen under its final name."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRATCH = ".scratch-"


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Yield a new folder in `home` (so that moving is renaming), gone afterwards; wait while another process has one.

    The lock ends with its process, however that ends; what a killed one left behind is removed here.
    """
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in home.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=home))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
