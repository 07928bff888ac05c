"""A table's memory, by partition, holding the very bytes that stand in its topic; and the rule's view of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from processor.exits import WedgedError
from schemas.codec import Record, WireError, decode
from schemas.records import OrderOutcome, StockLevel

R = TypeVar("R", bound=Record)
LEVELS_CACHED = 20_000
"""Decoded levels kept beside the bytes, per partition: hot SKUs are decoded once, memory stays bounded."""

Values = dict[bytes, bytes]


class Partitions:
    """One dictionary of bytes per partition, so that a lost partition's memory goes at once and nothing is scanned."""

    def __init__(self) -> None:
        """Hold no partition."""
        self._values: dict[int, Values] = {}

    def open(self, partition: int) -> Values:
        """Start a partition empty, whatever it held."""
        values: Values = {}
        self._values[partition] = values
        return values

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._values.pop(partition, None)

    def apply(self, partition: int, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take over records in the log's order; a null value deletes."""
        values = self._values[partition]
        for key, value in records:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value

    def sizes(self) -> Mapping[int, int]:
        """Return how many keys each partition holds."""
        return {partition: len(values) for partition, values in self._values.items()}


@dataclass(slots=True)
class View:
    """The two tables of one partition, as the rule reads them; decoded on demand."""

    levels: Values
    lines: Values
    _decoded: dict[str, StockLevel] = field(default_factory=dict)

    def level(self, sku: str) -> StockLevel | None:
        """Return the SKU's level."""
        found = self._decoded.get(sku)
        if found is None and (raw := self.levels.get(sku.encode())) is not None:
            found = self._decoded[sku] = _known(StockLevel, raw)
        return found

    def line(self, key: bytes) -> OrderOutcome | None:
        """Return the line's newest outcome."""
        raw = self.lines.get(key)
        return None if raw is None else _known(OrderOutcome, raw)

    def commit(
        self, decoded: Mapping[str, StockLevel], levels: Mapping[bytes, bytes], lines: Mapping[bytes, bytes]
    ) -> None:
        """Take over what a transaction has committed: memory follows the log, it never leads it."""
        self.levels.update(levels)
        self.lines.update(lines)
        self._decoded.update(decoded)
        if len(self._decoded) > LEVELS_CACHED:
            self._decoded.clear()


def _known(kind: type[R], raw: bytes) -> R:
    """Read what the table holds; the records that meet a row which this version cannot read are not to blame for it."""
    try:
        return decode(kind, raw)
    except WireError as error:
        raise WedgedError(f"a row of the tables cannot be read: {error}") from None
