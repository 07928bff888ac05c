"""eBay: an item's number and its offer's, of which a listing shows the smaller; entries with a status each."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.weather.shop import Shop, told


@dataclass
class Ebay(Shop):
    """A listing's id is its inventory item's SKU; `numbers` is the smaller of the two."""

    calls: Leaky = field(default_factory=lambda: Leaky(rate=5, most=10))

    def pays(self, request: Request, now: int) -> bool:
        """A politeness of this stand-in."""
        del request
        return self.calls.take(1, now)

    def done(self, request: Request, now: int) -> Response:
        """Answer."""
        parts = urlsplit(request.path)
        if request.method == "GET":
            query = parse_qs(parts.query)
            limit, page = int(query["limit"][0]), int(query["offset"][0])
            rows = [self._item(name) for name in self.numbers][page * limit : (page + 1) * limit]
            return told({"total": len(self.numbers), "inventoryItems": rows})
        asked = orjson.loads(request.body)["requests"]
        if parts.path.endswith("bulk_get_inventory_item"):
            return told({"responses": [self._got(row["sku"]) for row in asked]})
        return told({"responses": [one for row in asked for one in self._told(row, now)]})

    def _item(self, name: str) -> dict[str, Any]:
        return {"sku": name, "availability": {"shipToLocationAvailability": {"quantity": max(0, self.numbers[name])}}}

    def _got(self, name: str) -> dict[str, Any]:
        if name not in self.numbers:
            return {"sku": name, "statusCode": 404, "errors": [{"errorId": 25710, "message": "not found"}]}
        return {"sku": name, "statusCode": 200, "inventoryItem": self._item(name)}

    def _told(self, row: dict[str, Any], now: int) -> list[dict[str, Any]]:
        name, offers = row["sku"], row.get("offers", [])
        status, errors = 200, list[dict[str, Any]]()
        if name not in self.numbers:
            status, errors = 404, [{"errorId": 25710, "message": "not found"}]
        elif self.stumbles():
            status, errors = self.dice.choice([400, 500]), [{"errorId": 1, "message": "no"}]
        if status == 200:
            numbers = [row["shipToLocationAvailability"]["quantity"], *(one["availableQuantity"] for one in offers)]
            self.write(name, min(numbers), now)
        return [{"sku": name, "offerId": one["offerId"], "statusCode": status, "errors": errors} for one in offers]
