"""A stand-in Shopify shop: webhooks with the vendor's retries, and the GraphQL Admin API with its cost bucket."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import shopify_bodies as bodies
from compose.fakes.account import Account
from compose.fakes.books import Change, Listing
from compose.fakes.bucket import Bucket
from compose.fakes.graphql_cost import cost
from compose.fakes.graphql_engine import Request, execute, prepare
from compose.fakes.shop import Shop
from compose.fakes.shopify_access import Access
from compose.fakes.shopify_queries import Queries
from compose.fakes.webhooks import Event, Policy, Render, Subscription

HOUR_S = 3600.0
POLICY = Policy(
    timeout_s=5.0,
    connect_s=1.0,
    retry_after_s=tuple(share * 4 * HOUR_S for share in (0.001, 0.004, 0.015, 0.04, 0.08, 0.16, 0.3, 0.4)),
)
"""8 retries over 4 h; the vendor says "growing gaps" and no numbers, so these are ours: 14 s to 1.6 h.

The subscriptions are those of an app's own file: the vendor deletes after failures only what was made by the Admin API.
"""
TOPICS = bodies.TOPICS
ID_BASE = 5_600_000_000_000
PINGS = False
MAX_QUERY_COST = 1000
UNAUTHORIZED = b'{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}'
THROTTLED = {
    "message": "Throttled",
    "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
}


def listing(shop: Shop, wish: Mapping[str, Any]) -> Listing:
    """
    Make a variant, of a product of its own or of the one that `parent` names.

    The key is the inventory item's id, to which stock belongs; `oversells` is its inventory policy, "CONTINUE".
    """
    place = shop.number()
    parent = str(wish.get("parent") or f"product-{place}")
    ids = {
        "product_id": 8_100_000_000_000 + shop.parents.setdefault(parent, len(shop.parents) + 1),
        "variant_id": 45_000_000_000_000 + place,
        "inventory_item_id": 47_000_000_000_000 + place,
        "location_id": bodies.LOCATION_ID,
    }
    return Listing(
        key=str(ids["inventory_item_id"]),
        sku=str(wish["sku"]),
        ids=ids,
        level=int(wish.get("quantity", 0)),
        managed=bool(wish.get("managed", True)),
        oversells=str(wish.get("oversells", "")),
    )


def events(account: Account, change: Change) -> list[Event]:
    """Tell a change under each of its topics; the body is fixed now, and so are the headers of each delivery."""
    return [_event(account, change, topic, bodies.body(topic, change)) for topic in bodies.topics(change)]


def _event(account: Account, change: Change, topic: str, sent: bytes) -> Event:
    """Fix one event."""

    def opened(subscription: Subscription) -> Render:
        headers = bodies.headers(
            secret=account.secrets.webhook,
            shop=account.name,
            topic=topic,
            name=str(subscription.number),
            change=change,
            sent=sent,
        )
        return lambda _: (headers, sent)

    return Event(topic=topic, order_id=change.order.order_id, open=opened)


def routes(account: Account) -> list[web.RouteDef]:
    """Serve the Admin API of every version alike, by the rules of 2026-04 and later."""
    api = Api(account)
    return [
        web.post(r"/admin/api/{version:\d{4}-\d\d|unstable}/graphql.json", api.graphql),
        web.post("/admin/oauth/access_token", api.access.token),
        web.get(r"/bulk/{number:\d+}", api.file),
        web.post("/_control/bulk", api.control),
    ]


def throttled(_account: Account) -> web.Response | None:
    """Let the API itself answer a storm: a throttled call is a 200 with an error inside."""
    return None


async def subscribed(_account: Account) -> bool:
    """Subscriptions of an app are active at once."""
    return True


class Api:
    """The GraphQL endpoint of one account."""

    def __init__(self, account: Account) -> None:
        """Open the bucket full."""
        self.account, self.access = account, Access(account)
        self.bucket = Bucket(at=account.clock())
        queries = Queries(account)
        self.bulk, self.inventory = queries.bulk, queries.inventory
        self.resolvers = queries.table()

    async def graphql(self, request: web.Request) -> web.Response:
        """Answer a post: 401 without a token, else 200 with data, errors and the cost."""
        token = request.headers.get("X-Shopify-Access-Token", "")
        if not self.access.allows(token):
            return web.Response(status=401, body=UNAUTHORIZED, content_type="application/json")
        try:
            post = orjson.loads(await request.read())
            text, variables, name = post["query"], post.get("variables") or {}, post.get("operationName")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _json({"errors": {"query": "Required parameter missing or invalid"}}, status=400)
        prepared = prepare(text, variables, name)
        if isinstance(prepared, list):
            return _json({"errors": prepared})
        self.bulk.origin = str(request.url.origin())
        answer = self.serve(prepared)
        if answer.get("errors") == [THROTTLED]:
            self.inventory.throttled(variables.get("input"))
        return _json(answer)

    async def file(self, request: web.Request) -> web.Response:
        """Give a bulk operation's file or a part of it, as a cloud store does: its address is all that it asks for."""
        self.bulk.leaks += "X-Shopify-Access-Token" in request.headers
        body = self.bulk.file(int(request.match_info["number"]))
        if body is None:
            return web.Response(status=404, text="NoSuchKey")
        part = body[request.http_range]
        if not part:
            return web.Response(status=416, text="InvalidRange")
        status = 206 if "Range" in request.headers else 200
        return web.Response(status=status, body=part, content_type="application/jsonl")

    async def control(self, request: web.Request) -> web.Response:
        """
        `POST /_control/bulk {outcome?, takes_ms?}`: how the next bulk operations end, and after how long.

        Answers with how many tokens were sent to the file store, which are none of its business.
        """
        wish = orjson.loads(await request.read())
        self.bulk.outcome = str(wish.get("outcome", self.bulk.outcome))
        self.bulk.takes_ms = int(wish.get("takes_ms", self.bulk.takes_ms))
        return _json({"leaks": self.bulk.leaks, "operations": len(self.bulk.operations)})

    def serve(self, prepared: Request) -> dict[str, Any]:
        """Charge a request and run it; what it did not use is given back."""
        now = self.account.clock()
        asked = cost(prepared)
        if asked > MAX_QUERY_COST:
            message = f"Query cost is {asked}, which exceeds the single query max cost limit ({MAX_QUERY_COST})."
            return {"errors": [{"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": asked}}]}
        if self.account.faults.throttled(now) or not self.bucket.take(now, asked):
            self.account.counts["throttled"] += 1
            return {
                "errors": [THROTTLED],
                "extensions": self.cost(asked, None, storm=self.account.faults.throttled(now)),
            }
        answer = execute(prepared, self.resolvers)
        used = used_points(prepared, answer, asked)
        self.bucket.give(asked - used)
        return {**answer, "extensions": self.cost(asked, used, storm=False)}

    def cost(self, asked: int, used: int | None, *, storm: bool) -> dict[str, Any]:
        """Write `extensions`; in a storm other callers of the app have emptied the bucket."""
        status = {**self.bucket.status(), **({"currentlyAvailable": 0} if storm else {})}
        return {"cost": {"requestedQueryCost": asked, "actualQueryCost": used, "throttleStatus": status}}


def used_points(prepared: Request, answer: dict[str, Any], asked: int) -> int:
    """Tell the points that were used: a refused mutation 10 (recorded), a query by the rows that it returned."""
    data = answer["data"]
    if prepared.root.name == "Mutation":
        wrote = any(value and value.get("inventoryAdjustmentGroup", True) for value in data.values())
        return asked if wrote else min(asked, 10)
    counts = {
        key: len(value.get("nodes") or value.get("edges") or ())
        for key, value in data.items()
        if isinstance(value, dict)
    }
    return min(asked, cost(prepared, counts))


def _json(answer: dict[str, Any], status: int = 200) -> web.Response:
    """Write a JSON answer."""
    headers = {"X-Shopify-API-Version": bodies.API_VERSION}
    return web.Response(status=status, body=orjson.dumps(answer), content_type="application/json", headers=headers)
