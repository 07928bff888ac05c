"""
The index of held lines on disk: rows and the offsets up to which `order.outcome` was read, in one SQLite file.

The file is a copy of what the topic says.  One that cannot be read, or that belongs to another topic, is put aside and
made anew; one that another process holds is left to it.
"""

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from ingest.poll.held import Known, LineKey

LOG = logging.getLogger(__name__)
FORMAT = "1"
BUSY_S = 5.0
"""How long to wait for a predecessor that is still ending."""
CACHE_KIB = 8_192
SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (part INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lines (
  prefix TEXT, line TEXT, sku TEXT, revision INTEGER NOT NULL, seen_at INTEGER NOT NULL, qty INTEGER NOT NULL,
  holds INTEGER NOT NULL, ordered_at INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (prefix, line, sku)
) WITHOUT ROWID;
"""
_TORN = """
SELECT prefix FROM lines GROUP BY prefix HAVING min(CASE WHEN holds THEN revision END) < max(revision)
"""
_STATE = "revision, seen_at, qty, holds, ordered_at, at"
Lost = sqlite3.DatabaseError
"""The file cannot be used any more; it has to be put aside."""


class Foreign(Exception):  # noqa: N818 - named for the reaction it demands
    """The file is a copy of something else: put it aside."""


class InUse(Exception):  # noqa: N818 - named for the reaction it demands
    """Another process holds the file: do without it."""


class Disk:
    """Rows on disk; whoever uses it from several threads does so behind one lock."""

    def __init__(self, path: Path, identity: str) -> None:
        """
        Open or make the file.

        Args:
            path: the file; its folder is there.
            identity: what it is a copy of: topic, its id, channel.

        Raises:
            InUse: another process has it open.
            Foreign: it is a copy of something else.
            sqlite3.DatabaseError: it cannot be read.

        """
        self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._open(identity)
        except BaseException:
            self._db.close()
            raise

    def _open(self, identity: str) -> None:
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise InUse(str(error)) from None
            raise
        # Losing the last moments with the power costs nothing: the offsets are lost with the rows.
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA synchronous = NORMAL")
        if self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise Lost("the file is damaged")
        self._db.executescript(SCHEMA)
        wanted = {"format": FORMAT, "identity": identity}
        found = dict(self._db.execute("SELECT name, value FROM facts"))
        if found and found != wanted:
            raise Foreign("it is a copy of something else")
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", wanted.items())

    def offsets(self) -> dict[int, int]:
        """Return by partition the offset to read on from."""
        return dict(self._db.execute("SELECT part, next FROM offsets"))

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Make durable all that was put and dropped since the last time, with the offsets that it stands for."""
        self._begin()
        self._db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?)", offsets.items())
        self._db.execute("COMMIT")

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN")

    def __len__(self) -> int:
        """Return how many lines there are."""
        (count,) = self._db.execute("SELECT count(*) FROM lines").fetchone()
        return int(count)

    def order(self, prefix: str) -> Mapping[LineKey, Known]:
        """Return an order's lines."""
        rows = self._db.execute(f"SELECT line, sku, {_STATE} FROM lines WHERE prefix = ?", (prefix,))  # noqa: S608 - our own columns
        return {(prefix + line, sku): _known(state) for line, sku, *state in rows}

    def line(self, prefix: str, key: LineKey) -> Known | None:
        """Return a line."""
        sought = (prefix, key[0][len(prefix) :], key[1])
        found = self._db.execute(f"SELECT {_STATE} FROM lines WHERE prefix = ? AND line = ? AND sku = ?", sought)  # noqa: S608 - likewise
        state = found.fetchone()
        return None if state is None else _known(state)

    def put(self, prefix: str, key: LineKey, known: Known) -> None:
        """Keep a line."""
        self._begin()
        row = (prefix, key[0][len(prefix) :], key[1], *known)
        self._db.execute("INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def drop(self, prefix: str, key: LineKey) -> None:
        """Forget a line."""
        self._begin()
        sought = (prefix, key[0][len(prefix) :], key[1])
        self._db.execute("DELETE FROM lines WHERE prefix = ? AND line = ? AND sku = ?", sought)

    def forget_before(self, at: int) -> None:
        """Forget old lines."""
        self._begin()
        self._db.execute("DELETE FROM lines WHERE at < ?", (at,))

    def torn(self) -> Iterable[str]:
        """Return the torn orders."""
        return [prefix for (prefix,) in self._db.execute(_TORN)]

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._db.close()


def _known(state: Iterable[int]) -> Known:
    revision, seen_at, qty, holds, ordered_at, at = state
    return Known(revision, seen_at, qty, bool(holds), ordered_at, at)


def opened(folder: Path, channel: str, identity: str) -> Disk | None:
    """
    Return the channel's index in a folder, made anew where it cannot be used.

    None where the folder cannot be used at all, or another process has it: the index is then kept in memory.
    """
    path = folder / f"poll-{channel}.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return Disk(path, identity)
        except (Lost, Foreign) as error:
            put_aside(folder, channel, str(error))
            return Disk(path, identity)
    except InUse:
        LOG.warning("%s: another process has it open; this one keeps the index in memory", path)
    except (OSError, Lost) as error:
        LOG.error("%s: %s; the index is kept in memory", path, error)  # noqa: TRY400 - the sentence is enough
    return None


def put_aside(folder: Path, channel: str, why: str) -> None:
    """Keep a file that cannot be used under another name, for whoever wants to look at it; the last one only."""
    path = folder / f"poll-{channel}.sqlite"
    LOG.warning("%s: %s; it is put aside and made anew from the topic", path, why)
    for end in ("", "-wal", "-shm"):
        part = path.with_name(path.name + end)
        if part.exists():
            part.replace(path.with_name(f"{path.name}.aside{end}"))
