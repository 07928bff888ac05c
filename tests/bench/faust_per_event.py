"""
The other alternative to the processor: a Faust agent with two tables in memory, as Faust's documentation shows it.

`python faust_per_event.py CONFIG`.  The tables' changelogs are its output, as ours are.  It promises less: nothing here
is one transaction, and after a restart it may skip or repeat orders.
"""

import sys
import time
from pathlib import Path
from typing import Any

import faust

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.config import load
from schemas.topics import ORDER_CONFIRMED

GROUP = "faust-per-event"
STOCK = 1_000_000
KAFKA = load(Path(sys.argv[1])).kafka
APP = faust.App(
    KAFKA.group(GROUP),
    broker=f"kafka://{KAFKA.bootstrap}",
    store="memory://",
    topic_partitions=KAFKA.partitions,
    topic_replication_factor=1,
    broker_commit_interval=0.1,  # as often as the plain loop; the default of 2.8 s would be counted as work
    web_enabled=False,
)
ORDERS = APP.topic(KAFKA.topic(ORDER_CONFIRMED), key_type=str, key_serializer="raw", value_serializer="json")
LEVELS = APP.Table("levels", partitions=KAFKA.partitions)
LINES = APP.Table("lines", partitions=KAFKA.partitions)


@APP.agent(ORDERS)  # type: ignore[untyped-decorator] # Faust ships no types
async def stock(orders: Any) -> None:
    """Decide one order at a time."""
    async for order in orders:
        sku, key = order["sku"], f"{order['orderId']}|{order['sku']}"
        line = LINES.get(key)
        if line and (line["revision"], line["seenAt"]) >= (order["revision"], order["seenAt"]):
            continue
        level = LEVELS.get(sku) or {"v": 1, "sku": sku, "quantity": STOCK, "version": 0}
        delta = order["qty"] - (line["held"] if line else 0)
        now, quantity, version = time.time_ns() // 1_000_000, level["quantity"] - delta, level["version"] + 1
        cause = {name: order[name] for name in ("channel", "orderId", "listingSku", "orderedAt", "receivedAt")}
        LEVELS[sku] = {
            **level,
            **{"quantity": quantity, "version": version, "paused": None, "policy": "reject", "waiting": []},
            **{"waitingMore": 0, "velocity": 0, "cause": {"kind": "order", "delta": delta, **cause}},
            "updatedAt": now,
        }
        LINES[key] = {
            **{name: order[name] for name in ("v", "sku", "orderId", "channel", "revision", "seenAt", "qty")},
            **{"held": order["qty"], "shortfall": 0, "delta": delta, "result": "accepted", "newQty": quantity},
            **{"version": version, "orderedAt": order["orderedAt"], "timestamp": now},
        }


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "--loglevel", "error"]
    APP.main()
