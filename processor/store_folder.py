"""
Where databases stand: `STATE_DIR/GROUP/INSTANCE/PARTITION-ID-ID`, the ids being those of the two changelogs.

Two workers never share one, so each has its own name in the path; a topic that was made anew has another id, so the
state of the old one is never taken for it.
"""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from processor.store import Store, StoreError
from processor.store_rocksdb import DAMAGED, Rocks
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

log = logging.getLogger(__name__)

ASIDE = ".aside"
BUSY = (
    "lock hold",
    "While lock file",
    "No locks available",
    "No space left",
    "Permission denied",
    "Read-only file system",
    "Too many open files",
)
"""What an opening may fail with though the files are sound: nothing is put aside for these."""


class Folder:
    """The databases of one worker."""

    def __init__(self, state_dir: str, group: str, instance: str) -> None:
        """Use the folder below `state_dir` that belongs to a group's worker, "" for one without a lasting name."""
        self._home = Path(state_dir) / quote(group, safe="") / (quote(instance, safe="") or "-")

    def open(self, partition: int, ids: Mapping[str, str]) -> Store:
        """Return the partition's database; one that cannot be used is put aside, and an empty one takes its place."""
        # An id is 16 bytes in base64, which has slashes.
        path = self._home / quote(f"{partition}-{ids[STOCK_LEVEL]}-{ids[ORDER_OUTCOME]}", safe="")
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            self._forget_others(path, partition)
            if (path / DAMAGED).exists():
                _put_aside(path, "it was found damaged")
            return _open(path, ids)
        except OSError as error:
            raise StoreError(f"{path}: {error}") from error

    def _forget_others(self, path: Path, partition: int) -> None:
        for other in self._home.glob(f"{partition}-*"):
            if other.name.removesuffix(ASIDE) != path.name:
                log.warning("%s belongs to topics that were made anew: removed", other)
                shutil.rmtree(other)


def _open(path: Path, ids: Mapping[str, str]) -> Rocks:
    try:
        return Rocks(path, ids)
    except Exception as error:
        if _busy(path, str(error)):
            raise StoreError(f"{path}: {error}") from error
        _put_aside(path, str(error))
    try:
        return Rocks(path, ids)
    except Exception as error:
        raise StoreError(f"{path}: {error}") from error


def _busy(path: Path, said: str) -> bool:
    """Whether RocksDB could not open sound files; its words name paths, and say "block" of a damaged one."""
    said = said.replace(str(path), "")
    return "Corruption" not in said and any(words in said for words in BUSY)


def _put_aside(path: Path, reason: str) -> None:
    """Keep the newest unusable database for whoever wants to look at it; the topics have all that it had."""
    aside = path.with_name(path.name + ASIDE)
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    log.error("%s cannot be used (%s): put aside, the tables are read back from the topics", path, reason)
