"""A batch, purely: the rows of some records, and how far each partition moves when they are written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from publishers.ledger.rows import Feed, Position, Row, UnstorableError, checked, fault, fault_kind
from publishers.ledger.tables import BY_NAME
from schemas.codec import WireError

Slot = tuple[str, int]
"""Topic, without the deployment's prefix, and partition."""
Partition = tuple[str, int]
"""Topic id and partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A record, or (`end`) the news that a partition's end was seen at this offset."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    end: bool


@dataclass(slots=True, kw_only=True)
class Move:
    """A partition's step: from the offset that must stand in the table to the next one to read."""

    topic: str
    expected: int
    next_offset: int
    at_end: bool = False


@dataclass(slots=True)
class Batch:
    """
    Rows by table, and moves by partition; written in one PostgreSQL transaction or not at all.

    Of keyed rows only the newest of each owner is kept: a thousand levels of one SKU are one row.
    """

    feeds: Mapping[str, Feed]
    positions: Mapping[Partition, int]
    moves: dict[Partition, Move] = field(default_factory=dict)
    added: dict[str, list[Row]] = field(default_factory=dict)
    newest: dict[str, dict[tuple[str, ...], tuple[Row, list[Row]]]] = field(default_factory=dict)
    records: int = 0

    def add(self, topic: str, position: Position, key: bytes | None, value: bytes | None) -> None:
        """Take a record in; what cannot be read or stored becomes a row of `ledger_faults`, and is never dropped."""
        self.records += 1
        self._move(topic, position, position.offset + 1, at_end=False)
        feed = self.feeds[topic]
        try:
            self._put(feed, position, key or b"", value)
        except (WireError, UnstorableError, UnicodeDecodeError) as error:
            kind = "unreadable" if isinstance(error, UnicodeDecodeError) else fault_kind(error)
            self._add("ledger_faults", position, fault(topic, kind, str(error), position.offset))

    def end(self, topic: str, position: Position) -> None:
        """Note that a partition's end was seen at an offset; transaction markers may lie before it."""
        self._move(topic, position, position.offset, at_end=True)

    def expire(self, topic: str, position: Position, low: int) -> None:
        """Write down that the records from `position` up to `low` were deleted before they were read."""
        self._move(topic, position, low, at_end=False)
        self._add("ledger_faults", position, fault(topic, "expired", "deleted by Kafka before it was read", low - 1))

    def _move(self, topic: str, position: Position, next_offset: int, *, at_end: bool) -> None:
        at = (position.topic_id, position.partition)
        move = self.moves.get(at) or Move(topic=topic, expected=self.positions[at], next_offset=self.positions[at])
        move.next_offset, move.at_end = max(move.next_offset, next_offset), at_end
        self.moves[at] = move

    def _put(self, feed: Feed, position: Position, key: bytes, value: bytes | None) -> None:
        if feed.owner is not None:
            rows = [] if value is None else checked(feed.read(value))
            (owner,) = checked([feed.owner(key.decode())])
            if any(row[: len(owner)] != owner for row in rows):
                raise WireError(f"the key says {owner[0]!r}, the value another SKU")
            if feed.placed:
                place = str(position.partition)
                rows = [(*row[: len(owner)], place, *row[len(owner) :]) for row in rows]
                owner = (*owner, place)
            stamped = [(*row, *position.row) for row in rows]
            self.newest.setdefault(feed.table, {})[owner] = ((*owner, *position.row), stamped)
        elif value is not None:  # a tombstone takes a line out of the processor's table; history keeps it
            for row in checked(feed.read(value)):
                self._add(feed.table, position, row)

    def _add(self, table: str, position: Position, row: Row) -> None:
        self.added.setdefault(table, []).append((*row, *position.row))

    def removals(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield by table the owners whose older rows go, with the position of the record that speaks for them."""
        for table, owners in self.newest.items():
            several = BY_NAME[table].owner != BY_NAME[table].key
            gone = [owner for owner, rows in owners.values() if several or not rows]
            if gone:
                yield table, gone

    def rows(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the rows to write, by table."""
        yield from self.added.items()
        for table, owners in self.newest.items():
            rows = [row for _, rows in owners.values() for row in rows]
            if rows:
                yield table, rows
