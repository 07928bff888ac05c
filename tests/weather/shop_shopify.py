"""Shopify: all or nothing, compared, idempotent by key; policies; pages of variants."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.weather.shop import Shop, told

COSTS = {"Tell": 13, "Numbers": 5, "Variants": 46, "Policies": 13, "Policy": 13}


@dataclass
class Shopify(Shop):
    """A listing's id is its inventory item's, and its variant's."""

    points: Leaky = field(default_factory=lambda: Leaky(rate=100, most=2_000))
    keys: dict[str, Any] = field(default_factory=dict)

    def _name(self, request: Request) -> str:
        return str(orjson.loads(request.body)["query"]).split("(")[0].split()[-1]

    def pays(self, request: Request, now: int) -> bool:
        """Take the points."""
        self.points.left(now)
        return self.points.take(COSTS[self._name(request)], now)

    def too_fast(self, request: Request, after: int | None = 2) -> Response:
        """Throttle inside a 200."""
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        cost = {} if after is None else {"extensions": self._cost(COSTS[self._name(request)])}
        return told({"errors": [error], **cost})

    def _cost(self, cost: int) -> dict[str, Any]:
        left = max(0, int(self.points.held))
        status = {"maximumAvailable": 2_000, "currentlyAvailable": left, "restoreRate": 100}
        return {"cost": {"requestedQueryCost": cost, "throttleStatus": status}}

    def done(self, request: Request, now: int) -> Response:
        """Answer GraphQL."""
        asked, name = orjson.loads(request.body), self._name(request)
        data = getattr(self, f"_{name.lower()}")(asked["variables"], now)
        return told({"data": data, "extensions": self._cost(COSTS[name])})

    def _tell(self, asked: dict[str, Any], now: int) -> Any:
        if asked["key"] in self.keys:
            return self.keys[asked["key"]]
        errors = []
        rows = [(_id(row["inventoryItemId"]), row) for row in asked["input"]["quantities"]]
        for at, (name, row) in enumerate(rows):
            code = None
            if name not in self.numbers:
                code = "INVALID_INVENTORY_ITEM"
            elif row["changeFromQuantity"] is not None and row["changeFromQuantity"] != self.numbers[name]:
                code = "CHANGE_FROM_QUANTITY_STALE"
            elif self.stumbles():
                code = self.dice.choice(["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "INVALID_QUANTITY_NEGATIVE"])
            if code:
                field_ = ["input", "quantities", str(at), "quantity"]
                errors.append({"field": field_, "message": code, "code": code})
        if not errors:
            for name, row in rows:
                self.write(name, row["quantity"], now)
        group = None if errors else {"id": "1"}
        data = {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": errors}}
        if not errors:
            self.keys[asked["key"]] = data
        return data

    def _numbers(self, asked: dict[str, Any], _now: int) -> Any:
        return {"nodes": [self._item(_id(name)) for name in asked["ids"]]}

    def _item(self, name: str) -> Any:
        if name not in self.numbers:
            return None
        level = {"quantities": [{"name": "available", "quantity": self.numbers[name]}]}
        return {"id": f"gid://shopify/InventoryItem/{name}", "tracked": True, "inventoryLevel": level}

    def _variant(self, name: str) -> Any:
        return {
            "id": f"gid://shopify/ProductVariant/{name}",
            "sku": name,
            "inventoryPolicy": "CONTINUE" if name in self.policy else "DENY",
            "inventoryItem": self._item(name),
            "product": {"id": f"gid://shopify/Product/{int(name) // 3}"},
        }

    def _variants(self, _asked: Any, _now: int) -> Any:
        nodes = [self._variant(name) for name in self.numbers]
        return {"productVariants": {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}}

    def _policies(self, asked: dict[str, Any], _now: int) -> Any:
        names = [_id(name) for name in asked["ids"]]
        return {"nodes": [self._variant(name) if name in self.numbers else None for name in names]}

    def _policy(self, asked: dict[str, Any], now: int) -> Any:
        for one in asked["variants"]:
            name = _id(one["id"])
            (self.policy.add if one["inventoryPolicy"] == "CONTINUE" else self.policy.discard)(name)
            self.writes.append((now, name, -1))
        return {"productVariantsBulkUpdate": {"productVariants": [], "userErrors": []}}


def _id(name: str) -> str:
    return name.rpartition("/")[2]
