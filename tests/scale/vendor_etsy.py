"""
Etsy in virtual time.

developers.etsy.com "Rate limits": an app has 10 calls a second and 10,000 in 24 hours that slide, orders included, and
four headers say what is left.  `updateListingInventory` replaces the whole set and refuses one that has nothing left
(open-api #395); `updateListing` switches a listing off and on.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Sliding
from tests.scale.vendor import Vendor, told

LISTING = re.compile(r"/v3/application/(?:shops/\w+/)?listings/(\d+)(/inventory)?")
DAY_MS = 86_400_000


@dataclass
class Etsy(Vendor):
    """One shop of one app; each listing has one product, whose id is the listing's."""

    off: set[str] = field(default_factory=set)
    second: Sliding = field(default_factory=lambda: Sliding(most=10, per_ms=1_000))
    day: Sliding = field(default_factory=lambda: Sliding(most=10_000, per_ms=DAY_MS))

    def shows(self, listing: str, now: int) -> int:
        """Return the number that a shopper sees: none of a listing that is switched off."""
        return 0 if listing in self.off else super().shows(listing, now)

    def poll_orders(self, now: int) -> None:
        """Answer the order poll; calls are counted for the whole app."""
        self._take(now)

    def _take(self, now: int) -> bool:
        if self.second.left(now) <= 0 or self.day.left(now) <= 0:
            return False
        self.second.calls.append(now)
        self.day.calls.append(now)
        return True

    def answer(self, request: Request, now: int) -> Response:
        """Answer a request of the Open API."""
        if not self._take(now):
            self.refused.append(now)
            return told({"error": "Exceeded rate limit"}, now, 429, {"retry-after": "1", **self._headers(now)})
        self.charged(request.bucket, 1, now)
        status, document = self._done(request)
        return told(document, now, status, self._headers(now))

    def _headers(self, now: int) -> dict[str, str]:
        return {
            "x-limit-per-second": "10",
            "x-remaining-this-second": str(self.second.left(now)),
            "x-limit-per-day": "10000",
            "x-remaining-today": str(self.day.left(now)),
        }

    def _done(self, request: Request) -> tuple[int, dict[str, Any]]:
        found = LISTING.fullmatch(urlsplit(request.path).path)
        if found is None or found[1] not in self.numbers:
            return 404, {"error": "Resource not found"}
        name = found[1]
        if request.method == "PATCH":
            return self._switch(name, parse_qs(request.body.decode())["state"][0])
        if request.method == "PUT":
            return self._write(name, orjson.loads(request.body))
        return 200, self._inventory(name)

    def _switch(self, name: str, state: str) -> tuple[int, dict[str, Any]]:
        (self.off.add if state == "inactive" else self.off.discard)(name)
        return 200, {"listing_id": int(name), "state": state}

    def _write(self, name: str, inventory: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        (product,) = inventory["products"]
        (offering,) = product["offerings"]
        if offering["quantity"] <= 0:
            return 400, {"error": "One offering must have quantity greater than 0"}
        self.numbers[name] = offering["quantity"]
        return 200, self._inventory(name)

    def _inventory(self, name: str) -> dict[str, Any]:
        price = {"amount": 1950, "divisor": 100, "currency_code": "EUR"}
        offering = {"offering_id": 1, "quantity": self.numbers[name], "is_enabled": True, "is_deleted": False}
        product = {
            "product_id": int(name),
            "sku": f"L-{name}",
            "is_deleted": False,
            "offerings": [{**offering, "price": price, "readiness_state_id": 1}],
            "property_values": [],
        }
        settings: dict[str, list[int]] = {f"{what}_on_property": [] for what in ("price", "quantity", "sku")}
        listing = {"listing_id": int(name), "state": "inactive" if name in self.off else "active"}
        return {"products": [product], **settings, "listing": listing}
