"""
The other alternative to the processor: a Faust agent with two tables in memory, as Faust's documentation shows it.

`python faust_per_event.py CONFIG SETTINGS`.  Without headers the tables' changelogs are its output, as ours are.
Faust gives changelogs no headers, so with them it also sends both records to the topics of the contract.  It promises
less: nothing here is one transaction, and after a restart it may skip or repeat orders.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import faust

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.config import load
from schemas.events import headers
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_LEVEL
from tests.bench.hasty import Record, decide

GROUP = "faust-per-event"
SETTINGS = json.loads(sys.argv[2])
FULL = SETTINGS.pop("headers")
KAFKA = load(Path(sys.argv[1])).kafka
APP = faust.App(
    KAFKA.group(GROUP),
    broker=f"kafka://{KAFKA.bootstrap}",
    store="memory://",
    topic_partitions=KAFKA.partitions,
    topic_replication_factor=1,
    datadir=str(Path(sys.argv[1]).with_suffix(".faust")),
    broker_commit_interval=0.1,  # as often as the plain loop; the default of 2.8 s would be counted as work
    **SETTINGS,
)
ORDERS = APP.topic(KAFKA.topic(ORDER_CONFIRMED), key_type=str, key_serializer="raw", value_serializer="json")
OUTPUTS = {
    name: APP.topic(KAFKA.topic(name), key_serializer="raw", value_serializer="json")
    for name in (ORDER_OUTCOME, STOCK_LEVEL)
}
LEVELS = APP.Table("levels", partitions=KAFKA.partitions)
LINES = APP.Table("lines", partitions=KAFKA.partitions)


@APP.agent(ORDERS)
async def stock(orders: Any) -> None:
    """Decide one order at a time."""
    async for event in orders.events():
        order, now = event.value, time.time_ns() // 1_000_000
        sku, key = order["sku"], f"{order['orderId']}|{order['sku']}"
        before = LINES.get(key)
        level, line = decide(order, LEVELS.get(sku), before, event.message.offset, now)
        if line is not before:
            LEVELS[sku], LINES[key] = level, line
            if FULL:
                await send(ORDER_OUTCOME, key, line, event, now)
                await send(STOCK_LEVEL, sku, level, event, now)


async def send(topic: str, key: str, value: Record, event: Any, now: int) -> None:
    """Send a record with its headers to the partition that the order came from."""
    at = event.message
    about = headers(topic, f"{at.partition}-{at.offset}", "/agent", value["sku"], now)
    await OUTPUTS[topic].send(key=key.encode(), value=value, partition=at.partition, headers=about)


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "--without-web", "--loglevel", "error"]
    APP.main()
