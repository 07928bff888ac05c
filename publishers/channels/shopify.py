"""
Shopify: `inventorySetQuantities` over GraphQL, all-or-nothing, compare-and-set, idempotent by key.

Facts: shopify.dev `api/admin-graphql/2026-10/mutations/inventorySetQuantities`, `api/usage/limits` (250 items in an
array), `api/usage/implementing-idempotency` (`@idempotent` is required from 2026-04, as is `changeFromQuantity`), and
`apis/graphql-admin/rate-limits` (100 points a second on the Standard plan; THROTTLED comes inside a 200).
"""

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from publishers.channels import shopify_answers
from publishers.limiter import Window
from publishers.push import Account, Answer, ReadBack, Request, Response, Row
from schemas.channel_records import Listing

LIMITS = (Window(amount=100, per_ms=1_000, burst=1_000, points=True),)
LADDER = (1_000, 5_000, 30_000, 120_000, 600_000)
BATCH = 250
HOT_BATCH = 10
COST = 13
"""What a one-row mutation asked for in a recorded answer; corrected by every answer's `extensions.cost`."""
SECRETS = ("ACCESS_TOKEN",)

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
    """Judge the answer to the mutation."""
    return shopify_answers.classify(rows, response)


def read_request(rows: Sequence[Row], account: Account) -> Request:
    """Return the query for what these rows show at the account's location."""
    return _graphql(QUERY, {"ids": [_item(row) for row in rows], "location": account.location}, account)


READ_BACK = ReadBack(read_request, shopify_answers.read_classify)
