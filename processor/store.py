"""What a partition's tables are to the lane: one interface for every store, and the rule's view of it (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from processor.exits import WedgedError
from schemas.codec import Record, WireError, decode
from schemas.records import OrderOutcome, StockLevel

R = TypeVar("R", bound=Record)
Rows = Mapping[bytes, bytes | None]
"""What is to be kept by key, the very bytes that stand in the topic; None deletes."""

LEVELS_CACHED = 20_000
"""Decoded levels kept beside the bytes, per partition: hot SKUs are decoded once, memory stays bounded."""


class Table(Protocol):
    """One table of one partition."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return the bytes under a key."""

    def __len__(self) -> int:
        """Return how many rows there are; an estimate where counting would mean reading them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """
    How far a store goes.

    Args:
        read: by topic (without a deployment's prefix), the offset up to which the table holds all of its changelog.
            A store may hold newer rows as well: reading on from here to the log's end gives exactly the log's tables.
        highest: by topic id, the highest source offset that the tables come from.

    """

    read: Mapping[str, int] = field(default_factory=dict)
    highest: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    What is taken over as one: rows that stand in the log already, and how far the store goes with them.

    Args:
        levels: rows of `stock.level`.
        lines: rows of `order.outcome`, in the order of their decisions.
        at: when the newest of `lines` was decided, ms.
        reach: what is new of the reach; what it does not name stays.

    """

    levels: Rows
    lines: Rows
    at: int
    reach: Reach


class Store(Protocol):
    """
    A partition's two tables, wherever they are.

    A store follows the log and never leads it: it is told only what is committed.  `take` happens as a whole or not at
    all, so a store that is found after a kill is what the log was at its `reach`.
    """

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids of the changelogs that it holds, by topic."""

    @property
    def levels(self) -> Table:
        """The levels by SKU."""

    @property
    def lines(self) -> Table:
        """The newest outcomes by line."""

    @property
    def reach(self) -> Reach:
        """How far the store goes."""

    def take(self, change: Change) -> None:
        """Take over a change; raises `StoreError` when it cannot, and the store is of no more use."""

    def sweep(self, before: int, limit: int) -> int:
        """
        Forget lines that were decided before a time (ms), the oldest first; return how many rows were looked at.

        At most about `limit` are looked at in one go; less than that means that nothing is left to do.
        """

    def clear(self) -> None:
        """Forget everything, on disk as well, and go on empty; this may block."""

    def close(self) -> None:
        """Give up files and memory; what is on disk stays."""


class StoreError(Exception):
    """A store cannot be read or written: the worker must not go on with it (a full disk, damaged files)."""


class Shelf(Protocol):
    """Where a worker's stores stand."""

    def open(self, partition: int, ids: Mapping[str, str]) -> Store:
        """
        Return a partition's store, as it was left or empty; this may block.

        Args:
            partition: the partition.
            ids: the ids of the two changelogs, by topic; a store of other topics is never returned.

        """


@dataclass(slots=True)
class View:
    """The two tables of one partition, as the rule reads them; decoded on demand."""

    store: Store
    _decoded: dict[str, StockLevel] = field(default_factory=dict)

    @property
    def levels(self) -> Table:
        """The levels' bytes."""
        return self.store.levels

    @property
    def lines(self) -> Table:
        """The lines' bytes."""
        return self.store.lines

    def level(self, sku: str) -> StockLevel | None:
        """Return the SKU's level."""
        found = self._decoded.get(sku)
        if found is None and (raw := self.store.levels.get(sku.encode())) is not None:
            found = self._decoded[sku] = _known(StockLevel, raw)
        return found

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return the line's newest outcome."""
        raw = self.store.lines.get(key)
        return None if raw is None else _known(OrderOutcome, raw)

    def commit(self, decoded: Mapping[str, StockLevel], change: Change) -> None:
        """Take over what a transaction has committed: the store follows the log, it never leads it."""
        self.store.take(change)
        self._decoded.update(decoded)
        if len(self._decoded) > LEVELS_CACHED:
            self._decoded.clear()


def _known(kind: type[R], raw: bytes) -> R:
    """Read what the table holds; the records that meet a row which this version cannot read are not to blame for it."""
    try:
        return decode(kind, raw)
    except WireError as error:
        raise WedgedError(f"a row of the tables cannot be read: {error}") from None


def merged(old: Reach, new: Reach) -> Reach:
    """Return the reach after a change."""
    highest = dict(old.highest)
    for topic_id, offset in new.highest.items():
        highest[topic_id] = max(offset, highest.get(topic_id, offset))
    return Reach(read={**old.read, **new.read}, highest=highest)
