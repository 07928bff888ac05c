"""How Shopify is told levels, and what its answers mean: each file in `pushes/` is one answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from publishers.channels import shopify as kind
from publishers.kind import Kind
from publishers.push import Account, Row
from schemas.channel_records import Listing

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
Judges = Callable[[Kind, Callable[[int], list[Row]], Path], None]
ACCOUNT = Account(api_version="2026-10", location="gid://shopify/Location/1")


def listing(number: int) -> Listing:
    """Make a listing."""
    name = str(100 + number)
    return Listing(channel="s", listing_id=name, sku=f"S{number}", ids={"variant": name, "inventory_item": f"9{name}"})


def rows(count: int) -> list[Row]:
    """Make rows, each with a number of its own."""
    return [Row(sku=f"S{n}", listing=listing(n), quantity=5 + n, version=1, expected=9 + n) for n in range(count)]


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_answer_gets_its_verdicts(path: Path, judges: Judges) -> None:
    """Row by row, with what the answer says of the budget."""
    judges(kind, rows, path)


def body(told: list[Row], request_id: str = "r1") -> dict[str, Any]:
    """Return the mutation's variables."""
    document: dict[str, Any] = orjson.loads(next(kind.tell(told, ACCOUNT, request_id)).body)
    return document


def test_a_call_sets_each_row_from_the_number_that_we_believe() -> None:
    """Compare-and-set per row, the key as a variable of the directive, the version in the path."""
    request = next(kind.tell(rows(2), ACCOUNT, "r1"))
    assert (request.method, request.path) == ("POST", "/admin/api/2026-10/graphql.json")
    document = body(rows(2))
    assert "inventorySetQuantities(input: $input) @idempotent(key: $key)" in document["query"]
    assert document["variables"]["input"] == {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": "gid://lastunit/Call/r1",
        "quantities": [
            {
                "inventoryItemId": f"gid://shopify/InventoryItem/910{n}",
                "locationId": "gid://shopify/Location/1",
                "quantity": 5 + n,
                "changeFromQuantity": 9 + n,
            }
            for n in range(2)
        ],
    }


def test_the_idempotency_key_is_equal_for_an_equal_call_only() -> None:
    """The same call again has the same key; the same change in a later call has another, or it would not be made."""
    assert body(rows(2)) == body(rows(2))
    keys = [
        body(rows(2))["variables"]["key"],
        body(rows(1))["variables"]["key"],
        body(rows(2), "r2")["variables"]["key"],
    ]
    assert len(set(keys)) == 3
    assert all(len(key) == 64 for key in keys)


def test_a_number_that_is_not_known_is_sent_as_no_comparison() -> None:
    """From 2026-04 the field must be there, if only as null."""
    (row,) = rows(1)
    told = Row(sku=row.sku, listing=row.listing, quantity=3, version=1)
    assert body([told])["variables"]["input"]["quantities"][0]["changeFromQuantity"] is None


def test_a_read_back_asks_for_the_rows_in_their_order() -> None:
    """One query for all of them, at the account's location."""
    document = orjson.loads(next(kind.read(rows(2), ACCOUNT)).body)
    assert document["variables"] == {
        "ids": ["gid://shopify/InventoryItem/9100", "gid://shopify/InventoryItem/9101"],
        "location": "gid://shopify/Location/1",
    }
    assert 'quantities(names: ["available"])' in document["query"]


def test_all_listings_may_share_a_call() -> None:
    """There is one group; the token is a header."""
    assert kind.group(listing(1)) == kind.group(listing(2))
    assert kind.headers({"ACCESS_TOKEN": "shpat_1"}) == {"X-Shopify-Access-Token": "shpat_1"}
    assert (kind.BATCH, kind.HOT_BATCH, kind.READ_BATCH) == (250, 10, 50)
    assert kind.key(listing(1)) == "9101"
