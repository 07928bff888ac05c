"""
Shopify in virtual time.

shopify.dev `apis/graphql-admin/rate-limits`: points leak out at 100 a second (Standard plan) of a bucket of 2,000; what
does not fit is answered 200 with THROTTLED.  `inventorySetQuantities`: all or nothing, refused where the number is not
the one that the call says; 13 points, as recorded.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.scale.vendor import Vendor, told

MUTATION, QUESTION, POLL = 13, 5, 8
ROWS_MAX = 250


@dataclass
class Shopify(Vendor):
    """One shop."""

    points: Leaky = field(default_factory=lambda: Leaky(rate=100, most=2_000))

    def poll_orders(self, now: int) -> None:
        """Answer the order poll; points are counted for the whole app."""
        self.points.take(POLL, now)

    def answer(self, request: Request, now: int) -> Response:
        """Answer a GraphQL request."""
        asked = orjson.loads(request.body)
        tells = "inventorySetQuantities" in asked["query"]
        cost = MUTATION if tells else QUESTION
        if not self.points.take(cost, now):
            self.refused.append(now)
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return told({"errors": [error], **self._extensions(cost, now)}, now)
        self.charged("tell" if tells else "read", cost, now)
        data = self._tell(asked["variables"]) if tells else self._read(asked["variables"])
        return told({"data": data, **self._extensions(cost, now)}, now)

    def _extensions(self, cost: int, now: int) -> dict[str, Any]:
        left = int(self.points.left(now))
        status = {"maximumAvailable": 2_000.0, "currentlyAvailable": left, "restoreRate": 100.0}
        return {"extensions": {"cost": {"requestedQueryCost": cost, "throttleStatus": status}}}

    def _tell(self, variables: dict[str, Any]) -> dict[str, Any]:
        rows = variables["input"]["quantities"]
        items = [row["inventoryItemId"].rpartition("/")[2] for row in rows]
        errors = [
            {
                "field": ["input", "quantities", str(at), "changeFromQuantity"],
                "message": "The changeFromQuantity argument no longer matches the persisted quantity.",
                "code": "CHANGE_FROM_QUANTITY_STALE",
            }
            for at, (item, row) in enumerate(zip(items, rows, strict=True))
            if row["changeFromQuantity"] is not None and row["changeFromQuantity"] != self.numbers[item]
        ]
        if len(rows) > ROWS_MAX:
            errors = [{"field": ["input"], "message": "too many items", "code": "MAX_INPUT_SIZE_EXCEEDED"}]
        if not errors:
            self.numbers.update({item: row["quantity"] for item, row in zip(items, rows, strict=True)})
        group = None if errors else {"id": "gid://shopify/InventoryAdjustmentGroup/1"}
        return {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": errors}}

    def _read(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"nodes": [self._node(name) for name in variables["ids"]]}

    def _node(self, name: str) -> dict[str, Any]:
        quantities = [{"name": "available", "quantity": self.numbers[name.rpartition("/")[2]]}]
        # What a question of a newer kind may ask for besides: nothing here is sold on at 0.
        variant = {"id": "gid://shopify/ProductVariant/1", "inventoryPolicy": "DENY"}
        return {"id": name, "tracked": True, "inventoryLevel": {"quantities": quantities}, "variant": variant}
