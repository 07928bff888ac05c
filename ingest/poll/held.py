"""
What the processor holds for a channel's order lines: an index of `order.outcome`, by order.  Pure.

In memory, about 0.5 KB a line over the whole dedupe horizon; it is rebuilt from the topic at each start.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.ids import order_prefix
from schemas.records import OrderConfirmed, OrderOutcome

TOLD_MAX = 100_000
"""Lines sent and not decided yet that are remembered, so that a processor that is down is not sent them each poll."""

LineKey = tuple[str, str]
"""(orderId, SKU)"""


class Known(NamedTuple):
    """What is known of a line: its state when it was last decided or sent, and the units it holds or waits for."""

    revision: int
    seen_at: int
    qty: int
    holds: bool
    ordered_at: int

    @property
    def order(self) -> tuple[int, int]:
        """Return what decides which of two states is the newer one."""
        return self.revision, self.seen_at


class Held:
    """One channel's lines."""

    def __init__(self, channel: str) -> None:
        """Begin empty; lines of other channels are passed over."""
        self._prefix = f"{channel}_"
        self._channel = channel
        self._orders: dict[str, dict[LineKey, Known]] = {}
        self._told: OrderedDict[LineKey, Known] = OrderedDict()
        self._told_lines: defaultdict[str, set[LineKey]] = defaultdict(set)
        self._torn: dict[str, None] = {}
        self._touched: dict[str, None] = {}

    def __len__(self) -> int:
        return sum(len(lines) for lines in self._orders.values())

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
        )
        self._orders.setdefault(order, {})[key] = known
        told = self._told.get(key)
        if told is not None and told.order <= known.order:
            self._untell(key)
        self._touched[order] = None

    def forget(self, key: bytes) -> None:
        """Take up a tombstone: the processor knows the line no more."""
        order_id, _, sku = key.decode().partition("|")
        order = _order_of(order_id)
        lines = self._orders.get(order, {})
        lines.pop((order_id, sku), None)
        self._touched[order] = None
        if not lines:
            self._orders.pop(order, None)

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
        known = self._orders.get(_order_of(key[0]), {}).get(key)
        told = self._told.get(key)
        return told if known is None or (told is not None and told.order > known.order) else known

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return the newest states of an order's lines, by the channel's number."""
        prefix = order_prefix(self._channel, order)
        keys = {*self._orders.get(prefix, {}), *self._told_lines.get(prefix, ())}
        return {key: known for key in keys if (known := self.newest(key)) is not None}

    def _mark(self, order: str) -> None:
        """Note an order in which an older line still holds units: such a line may have left the order."""
        lines = self._orders.get(order, {}).values()
        newest = max((line.revision for line in lines), default=0)
        if any(line.holds and line.revision < newest for line in lines):
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
