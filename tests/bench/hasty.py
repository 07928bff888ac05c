"""What both alternatives to the processor decide: records like ours, and none of the rule's care."""

from typing import Any

STOCK = 1_000_000
Record = dict[str, Any]
FROM_ORDER = ("v", "sku", "orderId", "channel", "revision", "seenAt", "qty", "orderedAt")
CAUSE = ("channel", "orderId", "listingSku", "orderedAt", "receivedAt")


def decide(order: Record, level: Record | None, line: Record | None, offset: int, now: int) -> tuple[Record, Record]:
    """
    Return the SKU's level and the line's outcome after an order, or the two as they are after a duplicate.

    Nothing waits, pauses, settles or is too old; a SKU that is new has plenty.
    """
    level = level or {"quantity": STOCK, "version": 0}
    if line and (line["revision"], line["seenAt"]) >= (order["revision"], order["seenAt"]):
        return level, line
    delta = order["qty"] - (line["held"] if line else 0)
    moved: Record = {
        "quantity": level["quantity"] - delta,
        "version": level["version"] + 1,
        "source": {"orders": offset},
    }
    cause = {"kind": "order", "delta": delta, **{name: order[name] for name in CAUSE}}
    fixed: Record = {"paused": None, "policy": "reject", "waiting": [], "waitingMore": 0, "velocity": 0}
    outcome = {
        **{name: order[name] for name in FROM_ORDER},
        "held": order["qty"],
        "shortfall": 0,
        "delta": delta,
        "result": "accepted",
        "newQty": moved["quantity"],
        "version": moved["version"],
        "timestamp": now,
        "source": moved["source"],
    }
    return {"v": 1, "sku": order["sku"], **moved, **fixed, "cause": cause, "updatedAt": now}, outcome
