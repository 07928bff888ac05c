"""
Asks a worker for its tables with records whose outcomes tell what they hold, and change nothing.

An `add` of nothing that demands the version is refused where the level's version differs, and otherwise names the
quantity.  A line's last state, seen once more, is `unchanged` and names what the line holds.  Whoever has lost a row
answers otherwise, and the oracle compares every answer.
"""

import json
import time
from random import Random

from tests.faults.load import Load
from tests.faults.orders import CHANNEL, ORDERS, Sent, adjustment
from tests.faults.reading import Reader

LINES = 4_000
"""Lines asked for, drawn by chance where there are more; levels are asked for one and all."""


def ask(reader: Reader, load: Load, chance: Random) -> int:
    """Ask for everything and return how many rows were asked for."""
    now = time.time_ns() // 1_000_000
    levels = [json.loads(value) for value in reader.newest("stock.level").values()]
    lines = [json.loads(value) for value in reader.newest("order.outcome").values()]
    orders = [line for line in lines if line["channel"] == CHANNEL]
    asked = chance.sample(orders, min(LINES, len(orders)))
    for level in levels:
        load.send(adjustment(level["sku"], "add", 0, f"ask-{level['sku']}-{now}", now, level["version"]))
    for line in asked:
        load.send(_again(line, now))
    load.flush()
    return len(levels) + len(asked)


def _again(line: dict[str, object], now: int) -> Sent:
    sku = str(line["sku"])
    fields = {
        "v": 1,
        "sku": sku,
        "listingSku": sku,
        "qty": line["qty"],
        "channel": CHANNEL,
        "orderId": line["orderId"],
        "revision": line["revision"],
        "seenAt": max(now, int(str(line["seenAt"])) + 1),
        "orderedAt": line["orderedAt"],
        "receivedAt": now,
    }
    return Sent(ORDERS, sku.encode(), fields)
