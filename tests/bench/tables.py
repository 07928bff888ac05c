"""Filled state topics: what a processor that has decided so many SKUs finds, without deciding them."""

from collections.abc import Iterator

import orjson

from schemas.cluster import now_ms, topic_ids
from schemas.codec import encode
from schemas.events import headers
from schemas.partition import partition_of
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_LEVEL
from tests.bench.rig import Deployment, Encoded, encoded
from tests.bench.samples import LEVEL, OUTCOME, order, sku

LINES = 5
"""Order lines for each SKU."""


def fill(found: Deployment, skus: int, lines: int = LINES) -> None:
    """
    Write one level and `lines` outcomes for each of `skus` SKUs, as the processor writes them.

    All of them name the first order of their partition as their source, which is there; the group has no position, so
    a worker goes on after it.
    """
    now, partitions = now_ms(), found.config.kafka.partitions
    found.produce(_one_order_each(partitions, now))
    topic_id = topic_ids(found.config, [ORDER_CONFIRMED])[ORDER_CONFIRMED]
    found.produce(_rows((skus, lines), partitions, topic_id, now))


def _one_order_each(partitions: int, now: int) -> list[Encoded]:
    """Return an order for each partition, of SKUs that the tables do not have."""
    firsts: dict[int, str] = {}
    for number in range(10_000_000):
        name = f"first-{number}"
        firsts.setdefault(partition_of(name.encode(), partitions), name)
        if len(firsts) == partitions:
            break
    return [
        each._replace(partition=place)
        for place, name in firsts.items()
        for each in encoded([order(place, name, now=now)])
    ]


def _rows(size: tuple[int, int], partitions: int, topic_id: str, now: int) -> Iterator[Encoded]:
    skus, lines = size
    level, outcome = _template(LEVEL, topic_id, now), _template(OUTCOME, topic_id, now)
    about = headers(ORDER_OUTCOME, f"0-{topic_id}-0-0", "/processor", sku(1), now)
    known, own = sku(1), OUTCOME.order_id
    for number in range(skus):
        name = sku(number)
        key = name.encode()
        partition = partition_of(key, partitions)
        yield Encoded(STOCK_LEVEL, key, level.replace(known, name).encode(), about, partition)
        mine = outcome.replace(known, name)
        for line in range(lines):
            order_id = order(number * lines + line, name).order_id
            yield Encoded(
                ORDER_OUTCOME, f"{order_id}|{name}".encode(), mine.replace(own, order_id).encode(), about, partition
            )


def _template(record: object, topic_id: str, now: int) -> str:
    value = orjson.loads(encode(record))  # type: ignore[arg-type] # one of our records
    times = {name: now for name in ("updatedAt", "timestamp", "orderedAt", "seenAt", "revision") if name in value}
    return orjson.dumps({**value, **times, "source": {topic_id: 0}}).decode()
