"""
The requests that are made of Shopify's GraphQL Admin API, as text and variables.  Pure.

Facts: shopify.dev `api/admin-graphql/2026-10` (`inventorySetQuantities`, `nodes`), `api/usage/implementing-idempotency`
(`@idempotent` is required from 2026-04 by the server and not by the schema, as is `changeFromQuantity`).
"""

import hashlib
from collections.abc import Mapping, Sequence

import orjson

from publishers.push import READ, TELL, Account, Request, Row

COST = 13
"""What a one-row mutation asked for in a recorded answer; corrected by every answer's `extensions.cost`."""
READ_COST = 5
"""What a read-back of a page of items asks for: an item, its level and the level's quantities, however many ids."""

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
      tracked
      inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } }
    }
  }
}"""


def mutation(rows: Sequence[Row], account: Account, request_id: str) -> Request:
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
    return graphql(MUTATION, {"input": document, "key": key}, account, TELL, COST)


def _quantity(row: Row, account: Account) -> dict[str, object]:
    return {
        "inventoryItemId": item(row),
        "locationId": account.location,
        "quantity": row.quantity,
        "changeFromQuantity": row.expected,
    }


def item(row: Row) -> str:
    """Return the global id of a row's inventory item."""
    return f"gid://shopify/InventoryItem/{row.listing.ids['inventory_item']}"


def numbers(rows: Sequence[Row], account: Account) -> Request:
    """Return the query for what these rows show at the account's location."""
    variables = {"ids": [item(row) for row in rows], "location": account.location}
    return graphql(QUERY, variables, account, READ, READ_COST)


def graphql(query: str, variables: Mapping[str, object], account: Account, bucket: str, cost: int) -> Request:
    """Return a post to the account's API version."""
    body = orjson.dumps({"query": query, "variables": variables})
    return Request(path=f"/admin/api/{account.api_version}/graphql.json", body=body, bucket=bucket, cost=cost)
