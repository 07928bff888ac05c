"""How long this run took, order by order: from the sale to its decision, and to the other shops' new number.  Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compose.flashsale.evidence import Evidence, Shop, Write
from compose.flashsale.oracle import order_id
from compose.flashsale.timeline import Delay

SLACK_MS = 250
"""How far the publisher's clock reading and the shop's may lie apart for one call (one machine, coarse timers)."""


def percentiles(values: Sequence[int]) -> dict[str, int | None]:
    """Return p50, p99 and the maximum; nulls where nothing was measured."""
    ranked = sorted(values)
    if not ranked:
        return {"p50": None, "p99": None, "max": None}
    return {
        "p50": ranked[len(ranked) // 2],
        "p99": ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)],
        "max": ranked[-1],
    }


def to_outcome(evidence: Evidence) -> dict[str, int]:
    """Return, by order id, the milliseconds from the sale to the moment Kafka had its first decision."""
    decided: dict[str, int] = {}
    for seen in evidence.topics["order.outcome"]:
        if seen.value is not None:
            decided.setdefault(seen.value["orderId"], seen.at)
    sales = {order_id(line): line.at for shop in evidence.shops for line in shop.sold}
    return {name: max(0, decided[name] - at) for name, at in sales.items() if name in decided}


def to_channel(evidence: Evidence) -> dict[str, list[int]]:
    """
    Return, by order id, the milliseconds from the sale to each other shop's first accepted push of its level or newer.

    An order whose decision changed no level, or whose level a shop was never told alone, has no entry for that shop.
    """
    versions = {
        seen.value["orderId"]: seen.value["version"]
        for seen in evidence.topics["order.outcome"]
        if seen.value is not None and seen.value["version"] is not None and seen.value["result"] == "accepted"
    }
    pushes = {shop.channel: _accepted(evidence, shop) for shop in evidence.shops}
    return {
        order_id(line): [
            at - line.at
            for channel, rows in pushes.items()
            if channel != line.channel
            for at in _first(rows.get(line.sku, []), versions[order_id(line)], line.at)
        ]
        for shop in evidence.shops
        for line in shop.sold
        if order_id(line) in versions
    }


def _first(rows: Sequence[tuple[int, int]], version: int, since: int) -> Iterator[int]:
    yield from [at for at, pushed in rows if pushed >= version and at >= since][:1]


def _accepted(evidence: Evidence, shop: Shop) -> Mapping[str, list[tuple[int, int]]]:
    """Join the publisher's log of delivered rows with what the shop took: time by the shop, version by the log."""
    taken: dict[str, list[Write]] = defaultdict(list)
    for write in sorted(shop.writes, key=lambda write: write.at):
        taken[write.sku].append(write)
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for seen in evidence.topics["sync.log"]:
        row = seen.value
        if row is not None and row["channel"] == shop.channel and row["verdict"] == "delivered":
            for at in _match(row, taken[row["sku"]]):
                rows[row["sku"]].append((at, row["version"]))
    return {sku: sorted(found) for sku, found in rows.items()}


def _match(row: Mapping[str, Any], writes: Sequence[Write]) -> Iterator[int]:
    begin, end = row["startedAt"] - SLACK_MS, row["startedAt"] + row["durationMs"] + SLACK_MS
    for write in writes[bisect_left(writes, begin, key=lambda write: write.at) :]:
        if write.at > end:
            return
        if write.qty == row["quantity"]:
            yield write.at
            return


def measured(evidence: Evidence) -> dict[str, Delay]:
    """Return this run's delays by the shop's own order number, for the orders that have both."""
    outcome, channel = to_outcome(evidence), to_channel(evidence)
    return {
        line.order: Delay(decided_ms=outcome[order_id(line)], told_ms=max(channel[order_id(line)]))
        for shop in evidence.shops
        for line in shop.sold
        if order_id(line) in outcome and channel.get(order_id(line))
    }
