"""Amazon: patches and feeds that are applied later, in any order, or never."""

import heapq
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from publishers.push import Request, Response
from tests.scale.buckets import Leaky
from tests.scale.vendor_amazon import FILES, PLANS, ROUTES
from tests.weather.shop import Shop, told

WAYS = (*ROUTES, ("DELETE", r"/feeds/2021-06-30/feeds/(?P<name>[^/]+)", "cancelFeed"))
PLANS_HERE = {**PLANS, "cancelFeed": (2, 15)}
PATCH_MS, FEED_MS = (500, 4_000), (20_000, 90_000)


@dataclass
class Amazon(Shop):
    """One seller; a listing's id is the seller's SKU."""

    plans: dict[str, Leaky] = field(default_factory=lambda: {name: Leaky(*plan) for name, plan in PLANS_HERE.items()})
    later: list[tuple[int, int, str, int]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    feeds: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    count: int = 0

    def due(self, now: int) -> None:
        """Apply what is due."""
        while self.later and self.later[0][0] <= now:
            _, _, name, quantity = heapq.heappop(self.later)
            if name in self.numbers:
                self.numbers[name] = quantity

    def _apply(self, at: int, name: str, quantity: int) -> None:
        self.count += 1
        heapq.heappush(self.later, (at, self.count, name, quantity))

    def _route(self, request: Request) -> tuple[str, str]:
        path = urlsplit(request.path).path
        for way, pattern, operation in WAYS:
            found = re.fullmatch(pattern, path)
            if way == request.method and found:
                return operation, unquote(found.groupdict().get("name") or "")
        raise AssertionError(request.path)

    def pays(self, request: Request, now: int) -> bool:
        """Each operation has a bucket."""
        return bool(request.url) or self.plans[self._route(request)[0]].take(1, now)

    def too_fast(self, request: Request, after: int | None = 2) -> Response:
        """Throttle."""
        del request
        headers = {} if after is None else {"x-amzn-ratelimit-limit": "5"}
        return told({"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota."}]}, 429, headers)

    def done(self, request: Request, now: int) -> Response:
        """Answer."""
        if request.url:
            name = request.url.removeprefix(FILES)
            if request.method == "PUT":
                self.files[name] = request.body
                return Response(status=200)
            return Response(status=200, body=self.files[name])
        operation, name = self._route(request)
        query = parse_qs(urlsplit(request.path).query)
        answer: Response = getattr(self, f"_{operation}")(name, query, request.body, now)
        return answer

    def _patchListingsItem(self, name: str, _query: Any, body: bytes, now: int) -> Response:  # noqa: N802 - Amazon's name
        if name not in self.numbers:
            return told({"errors": [{"code": "NOT_FOUND", "message": f"SKU {name} not found"}]}, 404)
        if self.stumbles():
            internal = {"code": "4000000", "message": "An internal error", "severity": "ERROR"}
            wrong = {"code": "90220", "message": "wrong", "severity": "ERROR"}
            return told({"sku": name, "status": "INVALID", "issues": [self.dice.choice([internal, wrong])]})
        quantity = orjson.loads(body)["patches"][0]["value"][0]["quantity"]
        self.writes.append((now, name, quantity))
        wait = self.dice.randint(*PATCH_MS)
        if self.bad and self.dice.random() < 0.2:
            wait = self.dice.choice([20_000, 70_000, 200_000, 700_000, 10**12])
        self._apply(now + wait, name, quantity)
        return told({"sku": name, "status": "ACCEPTED", "submissionId": f"s{self.count}", "issues": []})

    def _searchListingsItems(self, _: str, query: dict[str, list[str]], _body: bytes, _now: int) -> Response:  # noqa: N802 - Amazon's name
        if "identifiers" in query:
            names = [name for name in query["identifiers"][0].split(",") if name in self.numbers]
            return told({"items": [self._item(name) for name in names]})
        start = int(query.get("pageToken", ["0"])[0])
        names = [*self.numbers][start : start + 20]
        more = {"pagination": {"nextToken": str(start + 20)}} if start + 20 < len(self.numbers) else {}
        return told({"items": [self._item(name) for name in names], **more})

    def _item(self, name: str) -> dict[str, Any]:
        number = {"fulfillmentChannelCode": "DEFAULT", "quantity": max(0, self.numbers[name])}
        return {"sku": name, "fulfillmentAvailability": [number]}

    def _createFeedDocument(self, _: str, _query: Any, _body: bytes, _now: int) -> Response:  # noqa: N802 - Amazon's name
        self.count += 1
        return told({"feedDocumentId": f"d{self.count}", "url": f"{FILES}d{self.count}"}, 201)

    def _createFeed(self, _: str, _query: Any, body: bytes, now: int) -> Response:  # noqa: N802 - Amazon's name
        file = self.files.get(orjson.loads(body)["inputFeedDocumentId"])  # a proxy may have said that it was taken
        rows = [] if file is None else orjson.loads(file)["messages"]
        starts, name = now + self.dice.randint(*FEED_MS), f"{50_000 + len(self.feeds)}"
        fate = self.dice.choice(["good", "good", "nothing", "stuck", "late", "FATAL"]) if self.bad else "good"
        fate = "FATAL" if file is None else fate
        starts = 10**15 if fate == "stuck" else starts
        for place, row in enumerate(rows):
            number = row["patches"][0]["value"][0]["quantity"]
            self.writes.append((now, row["sku"], number))
            if fate not in ("nothing", "stuck"):
                self._apply(starts + place * 2 + (600_000 if fate == "late" else 0), row["sku"], number)
        self.feeds[name] = (starts, starts + len(rows) * 2, fate)
        return told({"feedId": name}, 202)

    def _getFeed(self, name: str, _query: Any, _body: bytes, now: int) -> Response:  # noqa: N802 - Amazon's name
        starts, ends, fate = self.feeds[name]
        if now < ends:
            return told({"feedId": name, "processingStatus": "IN_QUEUE" if now < starts else "IN_PROGRESS"})
        if fate == "FATAL":
            return told({"feedId": name, "processingStatus": "FATAL"})
        self.files[f"report-{name}"] = orjson.dumps({"header": {}, "issues": [], "summary": {}})
        return told({"feedId": name, "processingStatus": "DONE", "resultFeedDocumentId": f"report-{name}"})

    def _cancelFeed(self, _name: str, _query: Any, _body: bytes, _now: int) -> Response:  # noqa: N802 - Amazon's name
        return told({})

    def _getFeedDocument(self, name: str, _query: Any, _body: bytes, _now: int) -> Response:  # noqa: N802 - Amazon's name
        return told({"feedDocumentId": name, "url": f"{FILES}{name}"})
