"""A seeded stream of orders and adjustments: new lines, edits, cancels, duplicates, old states, stock (pure)."""

import json
from bisect import bisect
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

CHANNEL = "shop"
ORDERS, ADJUSTMENTS = "order.confirmed", "stock.adjusted"
ZIPF = 1.1
RECENT = 3_000
"""Lines that may still be edited, cancelled, or delivered again."""
UNSTOCKED_EVERY = 10
"""Every so many SKUs there is one that was not counted beforehand."""
DAY_MS = 86_400_000


class Sent(NamedTuple):
    """One record to produce."""

    topic: str
    key: bytes
    fields: dict[str, Any]

    @property
    def value(self) -> bytes:
        """Return the record on the wire."""
        return json.dumps(self.fields, separators=(",", ":")).encode()


class Book:
    """
    What a day's customers and operators do.

    Args:
        random: all chance comes from it.
        skus: how many SKUs; the first sell most.
        run: makes the names of this stream's orders unlike any other's.

    """

    def __init__(self, random: Random, skus: int, run: str = "o") -> None:
        """Start with nothing sold."""
        self._random, self._run = random, run
        self.skus = [f"SKU-{number}" for number in range(skus)]
        self._weights = list(accumulate(1 / (number + 1) ** ZIPF for number in range(skus)))
        self._lines: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self._number = 0
        self._shares: Sequence[tuple[float, Callable[[int], Sent]]] = (
            (0.68, self.order),
            (0.76, self._edit),
            (0.82, self._cancel),
            (0.88, self._again),
            (0.90, self._stale),
            (0.91, self._seen_again),
            (0.915, self._ancient),
            (0.975, self._add),
            (0.985, self._take_out),
            (0.995, self._count),
            (1.0, self._pause),
        )

    def counts(self, now: int) -> list[Sent]:
        """Return the first count of most SKUs."""
        return [
            self._adjustment(sku, "set", 40 + 400 // (place + 1), now)
            for place, sku in enumerate(self.skus)
            if (place + 1) % UNSTOCKED_EVERY
        ]

    def next(self, now: int) -> Sent:
        """Return what happens next, at time `now` (ms)."""
        draw = self._random.random()
        return next(act for share, act in self._shares if draw < share)(now)

    def order(self, now: int) -> Sent:
        """Return a new order line."""
        return self._order(self._sku(), now, now)

    def _order(self, sku: str, ordered_at: int, now: int) -> Sent:
        self._number += 1
        line = {"sku": sku, "orderId": f"{CHANNEL}_{self._run}{self._number}_1", "orderedAt": ordered_at}
        return self._state(line, self._random.choice((1, 1, 1, 2, 3)), 1, now)

    def _state(self, line: dict[str, Any], qty: int, revision: int, now: int) -> Sent:
        fields = {
            "v": 1,
            "sku": line["sku"],
            "listingSku": line["sku"],
            "qty": qty,
            "channel": CHANNEL,
            "orderId": line["orderId"],
            "revision": revision,
            "seenAt": now,
            "orderedAt": line["orderedAt"],
            "receivedAt": now,
        }
        self._lines.append(fields)
        return _sent(ORDERS, fields)

    def _known(self, now: int) -> dict[str, Any]:
        if not self._lines:
            self.order(now)
        return self._random.choice(self._lines)

    def _edit(self, now: int) -> Sent:
        line = self._known(now)
        return self._state(line, self._random.randint(0, 4), line["revision"] + 1, now)

    def _cancel(self, now: int) -> Sent:
        line = self._known(now)
        return self._state(line, 0, line["revision"] + 1, now)

    def _again(self, now: int) -> Sent:
        return _sent(ORDERS, self._known(now))

    def _stale(self, now: int) -> Sent:
        line = self._known(now)
        return _sent(ORDERS, line | {"seenAt": line["seenAt"] - 1, "qty": 9})

    def _seen_again(self, now: int) -> Sent:
        line = self._known(now)
        return self._state(line, line["qty"], line["revision"], max(now, line["seenAt"] + 1))

    def _ancient(self, now: int) -> Sent:
        return self._order(self._sku(), now - 100 * DAY_MS, now)

    def _add(self, now: int) -> Sent:
        return self._adjustment(self._sku(), "add", self._random.randint(1, 40), now)

    def _take_out(self, now: int) -> Sent:
        return self._adjustment(self._sku(), "add", -self._random.randint(1, 5), now)

    def _count(self, now: int) -> Sent:
        return self._adjustment(self._sku(), "set", self._random.randint(0, 80), now)

    def _pause(self, now: int) -> Sent:
        return self._adjustment(self._sku(), self._random.choice(("pause", "resume", "resume")), 0, now)

    def _adjustment(self, sku: str, kind: str, qty: int, now: int) -> Sent:
        self._number += 1
        return adjustment(sku, kind, qty, f"{self._run}{self._number}", now)

    def _sku(self) -> str:
        return self.skus[bisect(self._weights, self._random.random() * self._weights[-1])]


def adjustment(sku: str, kind: str, qty: int, name: str, now: int, if_version: int | None = None) -> Sent:
    """Return an adjustment."""
    fields = {
        "v": 1,
        "sku": sku,
        "kind": kind,
        "qty": qty,
        "adjustmentId": name,
        "ifVersion": if_version,
        "reason": "",
        "actor": "faults",
        "receivedAt": now,
    }
    return _sent(ADJUSTMENTS, fields)


def _sent(topic: str, fields: dict[str, Any]) -> Sent:
    return Sent(topic, fields["sku"].encode(), fields)
