"""A partition's tables in memory: for catalogues that fit, read back from the topics at every start (pure)."""

from collections.abc import Mapping
from itertools import islice

from processor.store import Change, Reach, Rows, Store, merged
from processor.tails import decided_at


class Memory:
    """Two dictionaries of bytes; that of the lines is in the order of the decisions, so its oldest are its first."""

    def __init__(self, ids: Mapping[str, str] | None = None) -> None:
        """Start empty; `ids` are those of the changelogs, by topic."""
        self.ids: Mapping[str, str] = ids or {}
        self.levels: dict[bytes, bytes] = {}
        self.lines: dict[bytes, bytes] = {}
        self.reach = Reach()

    def take(self, change: Change) -> None:
        """Take over a change."""
        _put(self.levels, change.levels)
        _move(self.lines, change.lines)
        self.reach = merged(self.reach, change.reach)

    def sweep(self, before: int, limit: int) -> int:
        """Forget the oldest lines."""
        gone: list[bytes] = []
        for key, value in islice(self.lines.items(), limit):
            if decided_at(value) >= before:
                break
            gone.append(key)
        for key in gone:
            del self.lines[key]
        return len(gone)

    def clear(self) -> None:
        """Forget everything."""
        self.levels, self.lines, self.reach = {}, {}, Reach()

    def close(self) -> None:
        """Forget everything: there is nothing else."""
        self.clear()


class MemoryShelf:
    """Keeps nothing."""

    def open(self, partition: int, ids: Mapping[str, str]) -> Store:  # noqa: ARG002 - the interface's argument
        """Return an empty store."""
        return Memory(ids)


def _put(table: dict[bytes, bytes], rows: Rows) -> None:
    for key, value in rows.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def _move(table: dict[bytes, bytes], rows: Rows) -> None:
    for key, value in rows.items():
        table.pop(key, None)  # or it would keep its old place
        if value is not None:
            table[key] = value
