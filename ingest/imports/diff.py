"""What a file would change, row by row, as values: the same diff is printed, given out as JSON and written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Change(StrEnum):
    """What a row does."""

    NEW = "new"
    """Nothing was known of it."""

    CHANGED = "changed"
    """It says something else than what is known."""

    EQUAL = "equal"
    """A count that the level already has; written all the same, so that the file counts as decided for good."""

    UNCHANGED = "unchanged"
    """Nothing is written: this very row has been decided, or the listing stands as it is."""

    GONE = "gone"
    """A listing that its channel does not have any more."""

    LEFT = "left"
    """Something on the channel that is not written; `why` says what to do."""

    REFUSED = "refused"
    """It cannot be used; `why` says what is wrong.  A file with such a row is not written at all."""


FOUND_ONLY = frozenset({Change.GONE, Change.LEFT})
"""What comes of a channel's own listings only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One record to write, in the partition of its SKU; a `value` of None is a tombstone."""

    topic: str
    key: bytes
    partition: int
    value: bytes | None
    record_id: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One row of the diff.

    `facts` are what a person decides by (level now, new count, sales since), in the order in which they are shown.
    """

    row: int
    change: Change
    facts: Mapping[str, str | int | None] = field(default_factory=dict)
    why: str = ""
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What a whole file would change; `kind` is "stock", "listings" or "bundles"."""

    kind: str
    sha256: str
    entries: tuple[Entry, ...]

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each change; what no file can do is named where it is there only."""
        found = Counter(entry.change for entry in self.entries)
        return {change.value: found[change] for change in Change if found[change] or change not in FOUND_ONLY}

    def of(self, *changes: Change) -> list[Entry]:
        """Return the entries of these changes, in the file's order."""
        return [entry for entry in self.entries if entry.change in changes]

    def writes(self) -> list[Write]:
        """Return what is to be written: new records first, tombstones of moved listings after them."""
        every = [write for entry in self.entries for write in entry.writes]
        return sorted(every, key=lambda write: write.value is None)
