"""
Shopify: `inventorySetQuantities` over GraphQL, all-or-nothing, compare-and-set, idempotent by key.

Facts: shopify.dev `api/admin-graphql/2026-10/mutations/inventorySetQuantities`, `api/usage/limits` (250 items in an
array), `api/usage/implementing-idempotency` (`@idempotent` is required from 2026-04, as is `changeFromQuantity`), and
`apis/graphql-admin/rate-limits` (100 points a second on the Standard plan; THROTTLED comes inside a 200).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from publishers.limiter import Window
from publishers.push import (
    Account,
    Again,
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    ReadBack,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Shows,
    Stale,
    Throttled,
    Verdict,
    all_rows,
    retry_after_ms,
    split,
)
from schemas.channel_records import Listing

LIMITS = (Window(amount=100, per_ms=1_000, burst=1_000, points=True),)
LADDER = (1_000, 5_000, 30_000, 120_000, 600_000)
BATCH = 250
HOT_BATCH = 10
COST = 13
"""What a one-row mutation asked for in a recorded answer; corrected by every answer's `extensions.cost`."""
SECRETS = ("ACCESS_TOKEN",)
THROTTLE_MS = 1_000
"""The wait where a throttling answer names none."""
TRACK = ["input", "quantities"]
"""How the `field` of a row's error begins; the row's index follows."""

MUTATION = """mutation Tell($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { field message code }
  }
}"""
QUERY = """query Numbers($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } }
    }
  }
}"""

Judge = Callable[[str], Verdict]
USER_ERRORS: Mapping[str, Judge] = {
    "CHANGE_FROM_QUANTITY_STALE": lambda _: Stale(),
    "COMPARE_QUANTITY_STALE": lambda _: Stale(),
    "IDEMPOTENCY_CONCURRENT_REQUEST": lambda reason: Retry(reason, unsure=True),
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": Retry,
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": Retry,
    "INVALID_LOCATION": Credentials,
    "INVALID_NAME": Credentials,
    "INVALID_REASON": Credentials,
    "INVALID_REFERENCE_DOCUMENT": Credentials,
}
"""What a user error asks for; any other code rejects its row."""
WHOLE_CALL = (Credentials, Retry)
"""Verdicts that hold for every row, whichever row the error names."""
TOP_ERRORS: Mapping[str, Judge] = {
    "ACCESS_DENIED": Credentials,
    "BAD_REQUEST": Credentials,
    "INVALID_FIELD_ARGUMENTS": Credentials,
    "INTERNAL_SERVER_ERROR": lambda reason: ChannelDown(reason, unsure=True),
}
"""What a top-level error asks for; any other splits the call."""
REFUSED = frozenset({401, 402, 403, 404, 423})
"""Statuses of a refused token, a shop that is frozen or locked, or a wrong address."""


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the access token's header."""
    return {"X-Shopify-Access-Token": secrets["ACCESS_TOKEN"]}


def group(_listing: Listing) -> str:
    """Return one group for all: any rows may share a call."""
    return ""


def request(rows: Sequence[Row], account: Account, request_id: str) -> Request:
    """
    Return the mutation for these rows; the idempotency key is the hash of its input.

    The reference document carries `request_id`: without it the same change made twice in a day (7 -> 5, later again)
    would have one key, and Shopify would answer the second from its memory without doing it.
    """
    document = {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": f"gid://lastunit/Call/{request_id}",
        "quantities": [_quantity(row, account) for row in rows],
    }
    key = hashlib.sha256(orjson.dumps(document)).hexdigest()
    return _graphql(MUTATION, {"input": document, "key": key}, account)


def _quantity(row: Row, account: Account) -> dict[str, object]:
    return {
        "inventoryItemId": _item(row),
        "locationId": account.location,
        "quantity": row.quantity,
        "changeFromQuantity": row.expected,
    }


def _item(row: Row) -> str:
    return f"gid://shopify/InventoryItem/{row.listing.ids['inventory_item']}"


def _graphql(query: str, variables: dict[str, object], account: Account) -> Request:
    body = orjson.dumps({"query": query, "variables": variables})
    return Request(path=f"/admin/api/{account.api_version}/graphql.json", body=body)


def classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer to the mutation: throttling, refusals and bad rows all come inside a 200."""
    return _judged(rows, response, _mutation)


def _judged(rows: Sequence[Row], response: Response, judge: Callable[[Sequence[Row], Any], Answer]) -> Answer:
    refused = _transport(response)
    if refused is not None:
        return all_rows(refused, rows)
    try:
        document = orjson.loads(response.body)
        errors = document.get("errors") or []
        answer = _top(rows, errors[0], document) if errors else judge(rows, document["data"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # A proxy's page or a shape that we do not know: the call may have been carried out.
        return all_rows(ChannelDown(f"unreadable answer: {error!r:.200}", unsure=True), rows)
    cost = (document.get("extensions") or {}).get("cost") or {}
    available = (cost.get("throttleStatus") or {}).get("currentlyAvailable")
    return Answer(
        verdicts=answer.verdicts,
        available=None if available is None else int(available),
        cost=cost.get("requestedQueryCost"),
    )


def _transport(response: Response) -> Verdict | None:
    if response.status == 200:
        return None
    if response.status == 0:
        return ChannelDown(response.err, unsure=not response.unsent)
    reason = f"HTTP {response.status}"
    if response.status in (429, 430):
        return Throttled(retry_after_ms(response, THROTTLE_MS))
    if response.status in REFUSED:
        return Credentials(reason)
    return ChannelDown(reason, unsure=True)


def _top(rows: Sequence[Row], error: dict[str, object], document: dict[str, object]) -> Answer:
    extensions = error.get("extensions")
    code = str(extensions.get("code", "")) if isinstance(extensions, dict) else ""
    reason = f"{code}: {error.get('message', '')!s:.300}"
    if code == "THROTTLED":
        return all_rows(Throttled(_throttle_ms(document)), rows)
    judge = TOP_ERRORS.get(code)
    return all_rows(judge(reason), rows) if judge else split(reason, rows)


def _throttle_ms(document: dict[str, object]) -> int:
    """Return when the bucket holds what the call asked for: (requested - available) / restore rate."""
    extensions = document.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    if not cost:
        return THROTTLE_MS
    status = cost["throttleStatus"]
    missing = cost["requestedQueryCost"] - status["currentlyAvailable"]
    return max(1, int(-(-missing * 1_000 // status["restoreRate"])))


def _mutation(rows: Sequence[Row], data: Any) -> Answer:
    errors = data["inventorySetQuantities"]["userErrors"]
    if not errors:
        return all_rows(Delivered(), rows)
    verdicts: list[Verdict] = [Again()] * len(rows)
    for error in errors:
        code = str(error.get("code", ""))
        reason = f"{code}: {error.get('message', '')!s:.300}"
        verdict = USER_ERRORS.get(code, Rejected)(reason)
        index = _index(error.get("field"), len(rows))
        if isinstance(verdict, WHOLE_CALL):
            return all_rows(verdict, rows)
        if index is None:
            return split(reason, rows) if len(rows) > 1 else all_rows(verdict, rows)
        verdicts[index] = verdict
    return Answer(verdicts=tuple(verdicts))


def _index(field: object, rows: int) -> int | None:
    """Return the row that an error's `field` names: `["input", "quantities", "3", "inventoryItemId"]` is 3."""
    if not isinstance(field, list) or field[:2] != TRACK or len(field) < 3 or not str(field[2]).isdecimal():
        return None
    index = int(field[2])
    return index if index < rows else None


def read_request(rows: Sequence[Row], account: Account) -> Request:
    """Return the query for what these rows show at the account's location."""
    return _graphql(QUERY, {"ids": [_item(row) for row in rows], "location": account.location}, account)


def read_classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer to the query: `nodes` keeps the order of the ids and has null for an unknown one."""
    return _judged(rows, response, _numbers)


def _numbers(rows: Sequence[Row], data: Any) -> Answer:
    return Answer(verdicts=tuple(_number(node) for node, _ in zip(data["nodes"], rows, strict=True)))


def _number(node: Any) -> Verdict:
    if not node:
        return Rejected("UNKNOWN_ITEM: the inventory item does not exist")
    level = node.get("inventoryLevel")
    if not level:
        return Rejected("NOT_STOCKED: the inventory item is not stocked at the location")
    for quantity in level["quantities"]:
        number = quantity["quantity"]
        if quantity["name"] == "available" and isinstance(number, int):
            return Shows(number)
    return Retry("the answer names no available quantity")


READ_BACK = ReadBack(read_request, read_classify)
