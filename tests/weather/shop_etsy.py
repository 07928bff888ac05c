"""Etsy: whole inventories, listings that are switched off, or sell out."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from publishers.push import Request, Response
from schemas.channel_records import Listing
from tests.scale.buckets import Sliding
from tests.weather.shop import Shop, told

ONE = re.compile(r"/v3/application/(?:shops/\w+/)?listings/(\d+)(/inventory)?")


@dataclass
class Etsy(Shop):
    """A listing here is a product; `states` are those of Etsy's listings."""

    states: dict[str, str] = field(default_factory=dict)
    second: Sliding = field(default_factory=lambda: Sliding(most=10, per_ms=1_000))

    def add(self, listing: Listing, number: int) -> None:
        """Put a product into its listing."""
        super().add(listing, number)
        self.states.setdefault(listing.ids["listing"], "active")

    def _members(self, name: str) -> list[str]:
        return [one for one in self.numbers if self.listings[one].ids["listing"] == name]

    def shows(self, name: str) -> int:
        """Return the number where the listing is on sale."""
        return self.numbers[name] if self.states[self.listings[name].ids["listing"]] == "active" else 0

    def sell(self, name: str, units: int) -> bool:
        """Sell; the last unit makes the listing sold out."""
        sold = super().sell(name, units)
        if sold:
            self._sell_out(self.listings[name].ids["listing"])
        return sold

    def _sell_out(self, listing: str) -> None:
        if self.states[listing] == "active" and not any(self.numbers[one] > 0 for one in self._members(listing)):
            self.states[listing] = "sold_out"

    def edit(self, name: str, number: int) -> None:
        """Change a number by hand: what has sold out is renewed so, what has nothing left sells out."""
        super().edit(name, number)
        listing = self.listings[name].ids["listing"]
        if name in self.numbers and self.states[listing] == "sold_out" and number > 0:
            self.states[listing] = "active"
        self._sell_out(listing)

    def switches(self, name: str) -> tuple[Callable[[], None], Callable[[], None]]:
        """Switch off what is on sale, and on again what is still off."""
        listing, states = self.listings[name].ids["listing"], self.states

        def turn(before: str, after: str) -> None:
            if states[listing] == before:
                states[listing] = after

        return partial(turn, "active", "inactive"), partial(turn, "inactive", "active")

    def pays(self, request: Request, now: int) -> bool:
        """Ten a second that slide."""
        del request
        if self.second.left(now) <= 0:
            return False
        self.second.calls.append(now)
        return True

    def done(self, request: Request, now: int) -> Response:
        """Answer."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        if "/batch" in parts.path:
            return self._batch(query["listing_ids"][0].split(","), whole=parts.path.endswith("/inventory"))
        found = ONE.fullmatch(parts.path)
        if found is None:
            return self._page(query)
        name = found[1]
        if not self._members(name):
            return told({"error": "Resource not found"}, 404)
        if request.method == "PATCH":
            return self._switch(name, parse_qs(request.body.decode())["state"][0], now)
        if request.method == "PUT":
            return self._put(name, orjson.loads(request.body), now)
        return told({**self._inventory(name), "listing": {"listing_id": int(name), "state": self.states[name]}})

    def _batch(self, names: list[str], *, whole: bool) -> Response:
        there = [name for name in names if self._members(name)]
        if whole and there != names:
            return told({"error": "Resource not found"}, 404)
        states = [{"listing_id": int(name), "state": self.states[name]} for name in there]
        return told({"results": [self._row(name) for name in there] if whole else states})

    def _page(self, query: dict[str, list[str]]) -> Response:
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        names = [name for name, state in self.states.items() if state == "active" and self._members(name)]
        return told({"results": [self._row(name) for name in names[offset : offset + limit]]})

    def _row(self, name: str) -> dict[str, Any]:
        return {"listing_id": int(name), "state": self.states[name], "inventory": self._inventory(name)}

    def _switch(self, name: str, state: str, now: int) -> Response:
        if state == "active" and self.states[name] == "sold_out":
            self.numbers[self._members(name)[0]] = 1
        self.states[name] = state
        self.writes.append((now, self._members(name)[0], -1))
        return told({"listing_id": int(name), "state": state})

    def _put(self, name: str, body: dict[str, Any], now: int) -> Response:
        numbers = {row["sku"]: row["offerings"][0]["quantity"] for row in body["products"]}
        if not any(numbers.values()):
            return told({"error": "One offering must have quantity greater than 0"}, 400)
        if self.stumbles():
            return told({"error": "busy"}, self.dice.choice([400, 409]))
        for one in self._members(name):
            sku = self.listings[one].ids["label"]
            if sku in numbers:
                self.write(one, numbers[sku], now)
        return told(self._inventory(name))

    def _inventory(self, name: str) -> dict[str, Any]:
        members = self._members(name)
        varies = [513] if len(members) > 1 else []
        products = [self._product(one, varies=bool(varies)) for one in members]
        return {
            "products": products,
            "quantity_on_property": varies,
            "sku_on_property": varies,
            "price_on_property": [],
        }

    def _product(self, one: str, *, varies: bool) -> dict[str, Any]:
        price = {"amount": 1950, "divisor": 100, "currency_code": "EUR"}
        offering = {"offering_id": 1, "quantity": max(0, self.numbers[one]), "is_enabled": True, "is_deleted": False}
        value = {"property_id": 513, "property_name": "Size", "value_ids": [int(one)], "values": [one]}
        return {
            "product_id": int(one),
            "sku": self.listings[one].ids["label"],
            "is_deleted": False,
            "offerings": [{**offering, "price": price}],
            "property_values": [value] if varies else [],
        }
