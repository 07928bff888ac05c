"""
WooCommerce in virtual time.

woocommerce-rest-api-docs `products.md`, `product-variations.md`: batches of at most 100 objects, absolute numbers, one
parent's variations a call.  The API has no limit of its own; this host's firewall answers 429 above 5 calls a second,
which is the politeness that we ask of ourselves.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.scale.vendor import Vendor, told

BATCH_MAX = 100
BATCH = re.compile(r"/wp-json/wc/v3/products(?:/(\d+)/variations)?/batch")


@dataclass
class WooCommerce(Vendor):
    """One shop; `parents` has the parent product of each variation."""

    parents: dict[str, str] = field(default_factory=dict)
    calls: Leaky = field(default_factory=lambda: Leaky(rate=5, most=5))

    def answer(self, request: Request, now: int) -> Response:
        """Answer a request of the REST API."""
        if not self.calls.take(1, now):
            self.refused.append(now)
            return told({"code": "too_many_requests", "message": "slow down"}, now, 429, {"retry-after": "2"})
        batch = BATCH.fullmatch(request.path)
        self.charged("tell" if batch else "read", 1, now)
        if batch is None:
            return told(self._listed(request.path), now)
        rows = orjson.loads(request.body)["update"]
        if len(rows) > BATCH_MAX:
            return told({"code": "woocommerce_rest_request_entity_too_large", "message": "100 at most"}, now, 413)
        return told({"update": [self._update(str(row["id"]), batch[1], row) for row in rows]}, now)

    def _update(self, name: str, parent: str | None, row: dict[str, Any]) -> dict[str, Any]:
        if name not in self.numbers or self.parents.get(name) != parent:
            error = {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}}
            return {"id": 0, "error": error}
        if row.get("manage_stock") is True and "stock_quantity" in row:
            self.numbers[name] = row["stock_quantity"]
        return self._object(name)

    def _object(self, name: str) -> dict[str, Any]:
        stock = {"manage_stock": True, "stock_quantity": self.numbers[name], "backorders": "no"}
        return {"id": int(name), "parent_id": int(self.parents.get(name, "0")), "type": "simple", **stock}

    def _listed(self, path: str) -> list[dict[str, Any]]:
        include = parse_qs(urlsplit(path).query)["include"][0]
        return [self._object(name) for name in include.split(",") if name in self.numbers]
