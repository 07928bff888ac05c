"""
From an order as it was read to the records that are due: changed lines, and lines that have left the order.  Pure.

A line that is named as it is known needs no record, once it is settled: two changes within one second carry the same
revision, so a state counts as final only if it was seen `SETTLE_MS` after its own second.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingest.poll.held import Known, LineKey
from ingest.poll.watermark import SETTLE_MS
from schemas.ids import order_id
from schemas.records import OrderConfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When and as of which change an order was read; `received_at` is now."""

    channel: str
    number: str
    revision: int
    seen_at: int
    received_at: int


def changed(records: Sequence[OrderConfirmed], known: Mapping[LineKey, Known]) -> Iterator[OrderConfirmed]:
    """Yield the records that say something new, or the same for the first time since it is settled."""
    for record in records:
        line = known.get((record.order_id, record.sku))
        if line is None or (line.revision, line.qty) != (record.revision, record.qty):
            if line is None or line.order < (record.revision, record.seen_at):
                yield record
        elif settled(record.revision, record.seen_at) and not settled(line.revision, line.seen_at):
            yield record


def settled(revision: int, seen_at: int) -> bool:
    """Say whether an order's change at `revision` was over when it was seen."""
    return seen_at >= revision + SETTLE_MS


def gone(
    seen: Seen, lines: Sequence[str] | None, records: Sequence[OrderConfirmed], held: Mapping[LineKey, Known]
) -> Iterator[OrderConfirmed]:
    """
    Yield a record of 0 units for each line that holds units and is not in the order any more.

    The record's `listingSku` is the SKU itself: of which bundle it was a component, no topic remembers.  A line that is
    there under another SKU has moved and gives up the old one's units.  A line that is there but cannot
    be counted (not ours, not mapped, not readable) keeps what it holds; where the lines cannot be told apart (None)
    nothing is given up.
    """
    if lines is None:
        return
    present = {order_id(seen.channel, seen.number, line) for line in lines}
    named = {(record.order_id, record.sku) for record in records}
    counted = {record.order_id for record in records}
    for key, line in held.items():
        left = key[0] not in present or (key[0] in counted and key not in named)
        if line.holds and left and line.order < (seen.revision, seen.seen_at):
            yield _nothing(seen, key, line)


def _nothing(seen: Seen, key: LineKey, line: Known) -> OrderConfirmed:
    return OrderConfirmed(
        sku=key[1],
        listing_sku=key[1],
        qty=0,
        channel=seen.channel,
        order_id=key[0],
        revision=seen.revision,
        seen_at=seen.seen_at,
        ordered_at=line.ordered_at,
        received_at=seen.received_at,
    )
