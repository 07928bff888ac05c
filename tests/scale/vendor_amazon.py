"""
Amazon in virtual time.

amzn/selling-partner-api-models `listingsItems_2021-08-01.json`, `feeds_2021-06-30.json`: a token bucket for each
operation; a patch is ACCEPTED and applied later; a feed is a document, an upload, a feed and its report.
"""

import heapq
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.scale.vendor import Vendor, told

PLANS: dict[str, tuple[float, float]] = {
    "patchListingsItem": (5, 5),
    "searchListingsItems": (5, 5),
    "createFeedDocument": (0.5, 15),
    "createFeed": (0.0083, 15),
    "getFeed": (2, 15),
    "getFeedDocument": (0.0222, 10),
}
"""The usage plan of each operation: calls a second, and the burst."""
ROUTES: tuple[tuple[str, str, str], ...] = (
    ("PATCH", r"/listings/2021-08-01/items/[^/]+/(?P<name>[^/]+)", "patchListingsItem"),
    ("GET", r"/listings/2021-08-01/items/[^/]+", "searchListingsItems"),
    ("POST", r"/feeds/2021-06-30/documents", "createFeedDocument"),
    ("POST", r"/feeds/2021-06-30/feeds", "createFeed"),
    ("GET", r"/feeds/2021-06-30/feeds/(?P<name>[^/]+)", "getFeed"),
    ("GET", r"/feeds/2021-06-30/documents/(?P<name>[^/]+)", "getFeedDocument"),
)
FILES = "https://files.example.com/"
PATCH_MS = (1_000, 4_000)
"""When a patch is applied."""
FEED_MS = (60_000, 120_000)
"""When a feed is: it stands in a queue first."""
FEED_ROW_MS = 2


@dataclass
class Amazon(Vendor):
    """One seller in one marketplace."""

    dice: Random = field(default_factory=Random)
    plans: dict[str, Leaky] = field(default_factory=lambda: {name: Leaky(*plan) for name, plan in PLANS.items()})
    later: list[tuple[int, int, str, int]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    feeds: dict[str, tuple[int, int]] = field(default_factory=dict)
    count: int = 0

    def due(self, now: int) -> None:
        """Apply what was accepted long enough ago, in the order of its time."""
        while self.later and self.later[0][0] <= now:
            _, _, name, quantity = heapq.heappop(self.later)
            self.numbers[name] = quantity

    def _apply(self, at: int, name: str, quantity: int) -> None:
        self.count += 1
        heapq.heappush(self.later, (at, self.count, name, quantity))

    def answer(self, request: Request, now: int) -> Response:
        """Answer a request of the Selling Partner API, or of its file storage."""
        self.due(now)
        if request.url:
            return self._file(request, now)
        parts = urlsplit(request.path)
        routes = [(re.fullmatch(pattern, parts.path), name) for way, pattern, name in ROUTES if way == request.method]
        found, operation = next(route for route in routes if route[0])
        rate = {"x-amzn-ratelimit-limit": str(PLANS[operation][0])}
        if not self.plans[operation].take(1, now):
            self.refused.append(now)
            return told({"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota."}]}, now, 429, rate)
        self.charged(operation, 1, now)
        name = unquote(found.groupdict().get("name", "")) if found else ""
        document = getattr(self, f"_{operation}")(name, parse_qs(parts.query), request.body, now)
        return told(document, now, 200 if request.method in ("GET", "PATCH") else 202, rate)

    def _patchListingsItem(self, name: str, _query: Any, body: bytes, now: int) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        self._apply(now + self.dice.randrange(*PATCH_MS), name, _number(orjson.loads(body)["patches"]))
        return {"sku": name, "status": "ACCEPTED", "submissionId": f"s{self.count}", "issues": []}

    def _searchListingsItems(self, _: str, query: dict[str, list[str]], _body: bytes, _now: int) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        names = [name for name in query["identifiers"][0].split(",") if name in self.numbers]
        return {"numberOfResults": len(names), "items": [self._item(name) for name in names]}

    def _item(self, name: str) -> dict[str, Any]:
        return {
            "sku": name,
            "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": max(0, self.numbers[name])}],
        }

    def _createFeedDocument(self, _: str, _query: Any, _body: bytes, _now: int) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        self.count += 1
        name = f"amzn1.tortuga.{self.count}"
        return {"feedDocumentId": name, "url": f"{FILES}{name}"}

    def _createFeed(self, _: str, _query: Any, body: bytes, now: int) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        rows = orjson.loads(self.files[orjson.loads(body)["inputFeedDocumentId"]])["messages"]
        starts = now + self.dice.randrange(*FEED_MS)
        for place, row in enumerate(rows):
            self._apply(starts + place * FEED_ROW_MS, row["sku"], _number(row["patches"]))
        name = f"{50_000 + len(self.feeds)}"
        self.feeds[name] = (starts, starts + len(rows) * FEED_ROW_MS)
        return {"feedId": name}

    def _getFeed(self, name: str, _query: Any, _body: bytes, now: int) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        starts, ends = self.feeds[name]
        if now < ends:
            return {"feedId": name, "processingStatus": "IN_QUEUE" if now < starts else "IN_PROGRESS"}
        self.files[f"report-{name}"] = orjson.dumps({"header": {"version": "2.0"}, "issues": [], "summary": {}})
        return {"feedId": name, "processingStatus": "DONE", "resultFeedDocumentId": f"report-{name}"}

    def _getFeedDocument(self, name: str, _query: Any, _body: bytes, _now: int) -> dict[str, Any]:  # noqa: N802 - Amazon's name
        return {"feedDocumentId": name, "url": f"{FILES}{name}"}

    def _file(self, request: Request, now: int) -> Response:
        name = request.url.removeprefix(FILES)
        if request.method == "PUT":
            self.files[name] = request.body
            return Response(status=200, at=now)
        return Response(status=200, body=self.files[name], at=now)


def _number(patches: list[dict[str, Any]]) -> int:
    (patch,) = patches
    assert (patch["op"], patch["path"]) == ("merge", "/attributes/fulfillment_availability")
    number: int = patch["value"][0]["quantity"]
    return number
