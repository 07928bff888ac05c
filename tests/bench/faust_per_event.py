"""
The other alternative to the processor: a Faust agent with two tables in memory, as Faust's documentation shows it.

`python faust_per_event.py CONFIG SETTINGS`.  The tables' changelogs are its output, as ours are.  It promises
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
from schemas.topics import ORDER_CONFIRMED
from tests.bench.hasty import decide

GROUP = "faust-per-event"
KAFKA = load(Path(sys.argv[1])).kafka
APP = faust.App(
    KAFKA.group(GROUP),
    broker=f"kafka://{KAFKA.bootstrap}",
    store="memory://",
    topic_partitions=KAFKA.partitions,
    topic_replication_factor=1,
    datadir=str(Path(sys.argv[1]).with_suffix(".faust")),
    broker_commit_interval=0.1,  # as often as the plain loop; the default of 2.8 s would be counted as work
    **json.loads(sys.argv[2]),
)
ORDERS = APP.topic(KAFKA.topic(ORDER_CONFIRMED), key_type=str, key_serializer="raw", value_serializer="json")
LEVELS = APP.Table("levels", partitions=KAFKA.partitions)
LINES = APP.Table("lines", partitions=KAFKA.partitions)


@APP.agent(ORDERS)
async def stock(orders: Any) -> None:
    """Decide one order at a time."""
    async for order in orders:
        sku, key = order["sku"], f"{order['orderId']}|{order['sku']}"
        before = LINES.get(key)
        level, line = decide(order, LEVELS.get(sku), before, 0, time.time_ns() // 1_000_000)
        if line is not before:
            LEVELS[sku], LINES[key] = level, line


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "--without-web", "--loglevel", "error"]
    APP.main()
