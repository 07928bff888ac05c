"""
What the processor holds for a channel's order lines: an index of `order.outcome`, by order.  Pure.

Where the lines are kept is another's: in memory, or on disk (`ingest.poll.held_disk`).  What was sent and is not
decided yet is in memory only; after a restart it may be sent once more.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from schemas.ids import order_prefix
from schemas.records import OrderConfirmed, OrderOutcome

TOLD_MAX = 100_000
"""Lines sent and not decided yet that are remembered, so that a processor that is down is not sent them each poll."""

LineKey = tuple[str, str]
"""(orderId, SKU)"""


class Known(NamedTuple):
    """
    What is known of a line: its state when it was last decided or sent, and whether it holds units or waits for them.

    `at` is when it was decided, milliseconds; 0 for one that was only sent.
    """

    revision: int
    seen_at: int
    qty: int
    holds: bool
    ordered_at: int
    at: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Return what decides which of two states is the newer one."""
        return self.revision, self.seen_at


class Rows(Protocol):
    """Where decided lines are kept, by the prefix that an order's lines share."""

    def order(self, prefix: str) -> Mapping[LineKey, Known]:
        """Return an order's lines."""

    def line(self, prefix: str, key: LineKey) -> Known | None:
        """Return a line."""

    def put(self, prefix: str, key: LineKey, known: Known) -> None:
        """Keep a line in the place of its older state."""

    def drop(self, prefix: str, key: LineKey) -> None:
        """Forget a line."""

    def forget_before(self, at: int) -> None:
        """Forget the lines that were last decided before a time, milliseconds."""

    def torn(self) -> Iterable[str]:
        """Return the prefixes of all orders of which a line that holds units is older than the newest line."""

    def __len__(self) -> int:
        """Return how many lines there are."""


def is_torn(lines: Iterable[Known]) -> bool:
    """Say whether an older line of an order still holds units: such a line may have left the order."""
    seen = [*lines]
    newest = max((line.revision for line in seen), default=0)
    return any(line.holds and line.revision < newest for line in seen)


class InMemory:
    """Rows in memory, about 0.75 KB a line."""

    def __init__(self) -> None:
        """Begin empty."""
        self._orders: dict[str, dict[LineKey, Known]] = {}

    def __len__(self) -> int:
        """Return how many lines there are."""
        return sum(len(lines) for lines in self._orders.values())

    def order(self, prefix: str) -> Mapping[LineKey, Known]:
        """Return an order's lines."""
        return self._orders.get(prefix, {})

    def line(self, prefix: str, key: LineKey) -> Known | None:
        """Return a line."""
        return self._orders.get(prefix, {}).get(key)

    def put(self, prefix: str, key: LineKey, known: Known) -> None:
        """Keep a line."""
        self._orders.setdefault(prefix, {})[key] = known

    def drop(self, prefix: str, key: LineKey) -> None:
        """Forget a line, and with the last one its order."""
        lines = self._orders.get(prefix, {})
        lines.pop(key, None)
        if not lines:
            self._orders.pop(prefix, None)

    def forget_before(self, at: int) -> None:
        """Forget old lines."""
        old = [(prefix, key) for prefix, lines in self._orders.items() for key, known in lines.items() if known.at < at]
        for prefix, key in old:
            self.drop(prefix, key)

    def torn(self) -> Iterable[str]:
        """Return the torn orders."""
        return (prefix for prefix, lines in self._orders.items() if is_torn(lines.values()))


class Held:
    """One channel's lines."""

    def __init__(self, channel: str, rows: Rows | None = None, *, loading: bool = False) -> None:
        """
        Begin with the lines that are there; those of other channels are passed over.

        Args:
            channel: its name.
            rows: where lines are kept; None is memory.
            loading: torn orders are not looked for before `loaded` is called.

        """
        self.rows: Rows = InMemory() if rows is None else rows
        self._prefix = f"{channel}_"
        self._channel = channel
        self._told: OrderedDict[LineKey, Known] = OrderedDict()
        self._told_lines: defaultdict[str, set[LineKey]] = defaultdict(set)
        self._torn: dict[str, None] = {}
        self._touched: dict[str, None] = {}
        self._loading = loading

    def __len__(self) -> int:
        """Return how many decided lines are known."""
        return len(self.rows)

    def loaded(self) -> None:
        """Look for torn orders among all lines, and from now on with each line."""
        self._torn, self._loading = dict.fromkeys(self.rows.torn()), False

    def forget_before(self, at: int) -> None:
        """Forget the lines that were last decided before a time: nobody else remembers them either."""
        self.rows.forget_before(at)
        if not self._loading:
            self._touched.update(self._torn)

    def ours(self, key: bytes) -> bool:
        """Say whether a record's key is a line of this channel, so that others need not be decoded."""
        return key.startswith(self._prefix.encode())

    def take(self, outcome: OrderOutcome) -> None:
        """Take up a decision: the newest record of a line says what it holds."""
        key = (outcome.order_id, outcome.sku)
        order = _order_of(outcome.order_id)
        known = Known(
            revision=outcome.revision,
            seen_at=outcome.seen_at,
            qty=outcome.qty,
            holds=outcome.held != 0 or outcome.shortfall != 0,
            ordered_at=outcome.ordered_at,
            at=outcome.timestamp,
        )
        self.rows.put(order, key, known)
        told = self._told.get(key)
        if told is not None and told.order <= known.order:
            self._untell(key)
        self._touch(order)

    def _touch(self, order: str) -> None:
        if not self._loading:
            self._touched[order] = None

    def forget(self, key: bytes) -> None:
        """Take up a tombstone: the processor knows the line no more."""
        order_id, _, sku = key.decode().partition("|")
        order = _order_of(order_id)
        self.rows.drop(order, (order_id, sku))
        self._touch(order)

    def tell(self, record: OrderConfirmed) -> None:
        """Remember what Kafka has acknowledged and the processor has not decided yet."""
        key = (record.order_id, record.sku)
        self._told[key] = Known(
            revision=record.revision,
            seen_at=record.seen_at,
            qty=record.qty,
            holds=record.qty > 0,
            ordered_at=record.ordered_at,
        )
        self._told_lines[_order_of(record.order_id)].add(key)
        if len(self._told) > TOLD_MAX:
            self._untell(next(iter(self._told)))

    def _untell(self, key: LineKey) -> None:
        del self._told[key]
        order = _order_of(key[0])
        self._told_lines[order].discard(key)
        if not self._told_lines[order]:
            del self._told_lines[order]

    def newest(self, key: LineKey) -> Known | None:
        """Return the newest state of a line, decided or only sent."""
        known = self.rows.line(_order_of(key[0]), key)
        told = self._told.get(key)
        return told if known is None or (told is not None and told.order > known.order) else known

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return the newest states of an order's lines, by the channel's number."""
        prefix = order_prefix(self._channel, order)
        found = dict(self.rows.order(prefix))
        for key in self._told_lines.get(prefix, ()):
            told, known = self._told[key], found.get(key)
            if known is None or told.order > known.order:
                found[key] = told
        return found

    def _mark(self, order: str) -> None:
        if is_torn(self.rows.order(order).values()):
            self._torn[order] = None
        else:
            self._torn.pop(order, None)

    def torn(self) -> Iterator[str]:
        """
        Yield the orders, by `order_prefix`, of which a line that holds units is older than the order's newest line.

        It was left out of a newer snapshot, or the processor has not come to it yet: reading the order tells.
        """
        # Looked at here and not with each line: an order of 10,000 lines would be gone through 10,000 times.
        for order in self._touched:
            self._mark(order)
        self._touched.clear()
        yield from tuple(self._torn)


def _order_of(order_id: str) -> str:
    return order_id[: order_id.rfind("_") + 1]
