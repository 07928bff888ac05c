"""
One call of Shopify's GraphQL Admin API, and what its envelope says.

Facts: GraphQL Admin API 2026-04 to 2026-10.  Throttling is an HTTP 200 whose errors say `THROTTLED`, and
`extensions.cost` tells how full the bucket is; a query that costs more than 1,000 points is refused with
`MAX_COST_EXCEEDED`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Later, Request, object_in
from schemas.settings import Channel

API_VERSION = "2026-07"
PAUSE_MAX_MS = 60_000
TOO_COSTLY = "MAX_COST_EXCEEDED"


def call(channel: Channel, secrets: Sequence[str], query: str, variables: Mapping[str, str | int | None]) -> Request:
    """Return the call of a query; the last of the secrets is the access token."""
    version = channel.api_version or API_VERSION
    return Request(
        method="POST",
        url=f"{channel.base_url}/admin/api/{version}/graphql.json",
        headers={"x-shopify-access-token": secrets[-1], "content-type": "application/json"},
        body=orjson.dumps({"query": query, "variables": variables}),
    )


def envelope(answer: Answer, scope: str) -> Object | Later | Denied | None:
    """
    Return the answer's object, whose `data` is an object; None where the query is too costly as it is.

    Args:
        answer: what came back.
        scope: what the token must be allowed, for the sentence where it is not.

    """
    value = object_in(answer)
    if isinstance(value, Later | Denied):
        return value
    if value.get("errors"):
        return _errors(value["errors"], value, scope)
    return value if isinstance(value.get("data"), dict) else Later(why="the answer holds no data")


def _errors(errors: Any, value: Object, scope: str) -> Later | Denied | None:
    codes = _codes(errors)
    if "THROTTLED" in codes:
        return Later(why="throttled", after_ms=pause(value) or None)
    if TOO_COSTLY in codes:
        return None
    if "ACCESS_DENIED" in codes:
        return Denied(why=f"the channel answers ACCESS_DENIED: the token lacks the scope {scope}")
    return Later(why=f"the channel answers errors: {', '.join(sorted(codes)) or 'without a code'}"[:200])


def _codes(errors: Any) -> set[str]:
    rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    extensions = [row["extensions"] for row in rows if isinstance(row.get("extensions"), dict)]
    return {str(found["code"])[:60] for found in extensions if found.get("code")}


def pause(value: Object) -> int:
    """Return how long the bucket needs until the same query fits again, milliseconds, from `extensions.cost`."""
    try:
        cost = value["extensions"]["cost"]
        status = cost["throttleStatus"]
        lacking = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(0, min(PAUSE_MAX_MS, round(lacking * 1_000 / float(status["restoreRate"]))))
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return 0


def page(data: Object, name: str) -> tuple[list[Any], str | None] | None:
    """Return a connection's nodes and the cursor of the next page (None at the end); None where it is no such thing."""
    try:
        connection = data[name]
        nodes, info = connection["nodes"], connection["pageInfo"]
        more, cursor = info["hasNextPage"] is True, info["endCursor"]
    except (KeyError, TypeError):
        return None
    if not isinstance(nodes, list) or (more and not isinstance(cursor, str)):
        return None
    return nodes, cursor if more else None
