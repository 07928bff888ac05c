"""WooCommerce: absolute numbers, row errors inside a 200, backorders."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.scale.vendor_woocommerce import BATCH
from tests.weather.shop import Shop, told

OF_ONE = re.compile(r"/wp-json/wc/v3/products/(\d+)/variations")


@dataclass
class WooCommerce(Shop):
    """A listing's id is the post's: a product's or a variation's."""

    calls: Leaky = field(default_factory=lambda: Leaky(rate=5, most=5))

    def _parent(self, name: str) -> str:
        listing = self.listings[name]
        return listing.ids["product"] if "variation" in listing.ids else ""

    def pays(self, request: Request, now: int) -> bool:
        """Five a second."""
        del request
        return self.calls.take(1, now)

    def done(self, request: Request, now: int) -> Response:
        """Answer."""
        parts = urlsplit(request.path)
        batch = BATCH.fullmatch(parts.path)
        if batch:
            rows = orjson.loads(request.body)["update"]
            return told({"update": [self._update(str(row["id"]), batch[1] or "", row, now) for row in rows]})
        query, of_one = parse_qs(parts.query), OF_ONE.fullmatch(parts.path)
        if of_one:
            rows = [name for name in self.numbers if self._parent(name) == of_one[1]]
            objects = [self._object(name) for name in rows]
        elif parts.path.endswith("/variations"):
            objects = [self._object(name) for name in self.numbers if self._parent(name)]
        else:
            parents = {self._parent(name) for name in self.listings} - {""}
            objects = [self._object(name) for name in self.numbers if not self._parent(name)]
            objects += [{"id": int(name), "type": "variable", "manage_stock": False} for name in parents]
        if "include" in query:
            wanted = query["include"][0].split(",")
            return told([one for one in objects if str(one["id"]) in wanted])
        offset = int(query.get("offset", ["0"])[0])
        return told(sorted(objects, key=lambda one: one["id"])[offset : offset + 100])

    def _update(self, name: str, parent: str, row: dict[str, Any], now: int) -> dict[str, Any]:
        if name not in self.numbers or self._parent(name) != parent:
            return _error("woocommerce_rest_product_invalid_id", 400)
        if self.stumbles():
            return _error("woocommerce_rest_whatever", self.dice.choice([400, 500]))
        if "stock_quantity" in row:
            self.write(name, row["stock_quantity"], now)
        if "backorders" in row:
            (self.policy.discard if row["backorders"] == "no" else self.policy.add)(name)
            self.writes.append((now, name, -1))
        return self._object(name)

    def _object(self, name: str) -> dict[str, Any]:
        backorders = "yes" if name in self.policy else "no"
        stock = {"manage_stock": True, "stock_quantity": self.numbers[name], "backorders": backorders}
        return {"id": int(name), "parent_id": int(self._parent(name) or 0), "type": "simple", **stock}


def _error(code: str, status: int) -> dict[str, Any]:
    return {"id": 0, "error": {"code": code, "message": "no", "data": {"status": status}}}
