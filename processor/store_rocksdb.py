"""
A partition's tables on disk: one RocksDB database each.

Rows, reach and the queue of what grows old are one atomic write, always after Kafka's commit.  Nothing is synced: what
a power cut takes from the end of the database's own log is read again from the topics, from the reach that is left.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import orjson
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch

from processor.store import Change, Reach, Rows, StoreError, merged
from processor.tails import decided_at

log = logging.getLogger(__name__)

LEVELS, LINES, QUEUE = "levels", "lines", "queue"
REACH = b"reach"
DAMAGED = "DAMAGED"
"""A file of this name in a database's folder says that it must not be used any more."""
MEMTABLE_BYTES = 4 * 1_048_576
CACHE_BYTES = 64 * 1_048_576
BLOOM_BITS = 10
OPEN_FILES = 64
_LENGTH = 4
_TIME = 8
_cache = Cache(CACHE_BYTES)


def options() -> Options:
    """Return how a database is laid out: small, since a worker has many; bounded, since they share its memory."""
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(BLOOM_BITS, block_based=False)  # most lines that are looked up are new
    blocks.set_block_cache(_cache)
    blocks.set_cache_index_and_filter_blocks(v=True)
    chosen = Options(raw_mode=True)
    chosen.create_if_missing(create_if_missing=True)
    chosen.create_missing_column_families(create_missing_cfs=True)
    chosen.set_write_buffer_size(MEMTABLE_BYTES)
    chosen.set_max_total_wal_size(4 * MEMTABLE_BYTES)
    chosen.set_max_open_files(OPEN_FILES)
    chosen.set_keep_log_file_num(2)
    chosen.set_compression_type(DBCompressionType.lz4())
    chosen.set_block_based_table_factory(blocks)
    return chosen


class RocksTable:
    """One column family, read only."""

    def __init__(self, column: Rdict, failed: Callable[[Exception], StoreError]) -> None:
        """Read `column`; `failed` makes an error of what RocksDB raises."""
        self._column = column
        self._failed = failed

    def get(self, key: bytes, /) -> bytes | None:
        """Return the bytes under a key."""
        try:
            found: bytes | None = self._column.get(key)
        except Exception as error:
            raise self._failed(error) from error
        return found

    def __len__(self) -> int:
        """Return RocksDB's own estimate."""
        return self._column.property_int_value("rocksdb.estimate-num-keys") or 0


class Rocks:
    """
    A database.

    Beside the two tables it has a queue: for each change, under its time, the keys of its lines.  So what grows old is
    found at the queue's head and each line is looked at once or twice for each time that it was written, never in a
    scan.
    """

    def __init__(self, path: Path, ids: Mapping[str, str]) -> None:
        """Open or make the database of these changelogs in folder `path`; raises what RocksDB raises."""
        self._path = path
        self.ids = ids
        self._open()

    def _open(self) -> None:
        columns = {name: options() for name in (LEVELS, LINES, QUEUE)}
        self._db: Rdict = Rdict(str(self._path), options(), column_families=columns)
        self._handles = {name: self._db.get_column_family_handle(name) for name in columns}
        self._queue = self._db.get_column_family(QUEUE)
        self.levels = RocksTable(self._db.get_column_family(LEVELS), self._failed)
        self.lines = RocksTable(self._db.get_column_family(LINES), self._failed)
        self.reach = _reach(self._db.get(REACH))
        self._number = self._db.latest_sequence_number()
        self._closed = False

    def take(self, change: Change) -> None:
        """Write a change."""
        reach = merged(self.reach, change.reach)
        batch = WriteBatch(raw_mode=True)
        self._rows(batch, LEVELS, change.levels)
        self._rows(batch, LINES, change.lines)
        if change.lines:
            self._remember(batch, change.at, change.lines)
        batch.put(REACH, orjson.dumps({"read": reach.read, "highest": reach.highest}))
        self._write(batch)
        self.reach = reach

    def sweep(self, before: int, limit: int) -> int:
        """Delete the oldest lines, and what named them in the queue."""
        batch, seen = WriteBatch(raw_mode=True), 0
        try:
            for item in self._queue.items():
                name, packed = cast("tuple[bytes, bytes]", item)  # raw mode knows nothing but bytes
                if seen >= limit or int.from_bytes(name[:_TIME]) >= before:
                    break
                batch.delete(name, self._handles[QUEUE])
                for key in _unpacked(packed):
                    seen += 1
                    row = self.lines.get(key)
                    if row is None:
                        continue
                    if (at := decided_at(row)) < before:
                        batch.delete(key, self._handles[LINES])
                    else:  # decided again since, or by a clock that is ahead of ours: nothing else may name it
                        self._remember(batch, at, [key])
        except StoreError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        if seen:
            self._write(batch)
        return seen

    def clear(self) -> None:
        """Delete the files and make them anew."""
        self.close()
        try:
            shutil.rmtree(self._path)
            self._open()
        except Exception as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the files, unless they are."""
        if self._closed:
            return
        self._closed = True
        # RocksDB keeps a database open as long as anything refers to it.
        del self.levels, self.lines, self._queue
        self._handles.clear()
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001 - rocksdict knows no other; what was not flushed is in its log
            log.warning("%s was not closed cleanly: %s", self._path, error)

    def _remember(self, batch: WriteBatch, at: int, keys: Iterable[bytes]) -> None:
        """Put lines into the queue of what grows old."""
        self._number += 1
        batch.put(at.to_bytes(_TIME) + self._number.to_bytes(_TIME), b"".join(_packed(keys)), self._handles[QUEUE])

    def _rows(self, batch: WriteBatch, column: str, rows: Rows) -> None:
        handle = self._handles[column]
        for key, value in rows.items():
            if value is None:
                batch.delete(key, handle)
            else:
                batch.put(key, value, handle)

    def _write(self, batch: WriteBatch) -> None:
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StoreError:
        """Return the store's own error; damaged files are marked, so that the next opening puts them aside."""
        if "Corruption" in str(error):
            try:
                (self._path / DAMAGED).touch()
            except OSError as doubt:
                log.warning("%s cannot be marked as damaged: %s", self._path, doubt)
        return StoreError(f"{self._path}: {error}")


def _reach(raw: bytes | None) -> Reach:
    return Reach() if raw is None else Reach(**orjson.loads(raw))


def _packed(keys: Iterable[bytes]) -> Iterator[bytes]:
    for key in keys:
        yield len(key).to_bytes(_LENGTH)
        yield key


def _unpacked(packed: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(packed):
        start = at + _LENGTH
        at = start + int.from_bytes(packed[at:start])
        yield packed[start:at]
