"""Shopify's listings: the query, its pages, and what the answers mean."""

from typing import Any

import orjson
import pytest

from ingest.channels import shopify_listings as shopify
from ingest.discover.kind import Found, Listed
from ingest.poll.kind import Answer, Denied, Instead, Later
from schemas.settings import Channel, Kind

SHOP = Channel(name="uk", kind=Kind.SHOPIFY, since=0, base_url="https://uk.myshopify.com", api_version="2026-10")


def ok(value: object) -> Answer:
    return Answer(status=200, headers={}, body=orjson.dumps(value))


def variant(number: int, sku: object, *, tracked: bool = True) -> dict[str, Any]:
    item = {"id": f"gid://shopify/InventoryItem/{number + 1_000}", "tracked": tracked}
    return {"id": f"gid://shopify/ProductVariant/{number}", "sku": sku, "inventoryItem": item}


def page(*nodes: object, more: str | None = None, **envelope: object) -> Answer:
    connection = {"nodes": nodes, "pageInfo": {"hasNextPage": more is not None, "endCursor": more}}
    return ok({"data": {"productVariants": connection}, **envelope})


def listed(verdict: object) -> Listed[shopify.State]:
    assert isinstance(verdict, Listed)
    return verdict


def test_the_first_call_asks_for_the_largest_page_with_the_token() -> None:
    """The configured version of the API, no cursor, 250 variants."""
    request = shopify.request(SHOP, ("token",), shopify.start())

    assert request.url == "https://uk.myshopify.com/admin/api/2026-10/graphql.json"
    assert request.headers["x-shopify-access-token"] == "token"
    assert orjson.loads(request.body)["variables"] == {"first": 250, "after": None}


def test_variants_are_listings_with_their_inventory_items() -> None:
    """SKUs as given, blanks and all; a variant without one says so; what the shop does not track is marked."""
    read = listed(
        shopify.read(shopify.start(), page(variant(1, " tee "), variant(2, None), variant(3, "GIFT", tracked=False)))
    )

    assert read.found == (
        Found(listing_id="1", sku=" tee ", ids={"variant": "1", "inventory_item": "1001"}),
        Found(listing_id="2", sku="", ids={"variant": "2", "inventory_item": "1002"}),
        Found(listing_id="3", sku="GIFT", ids={"variant": "3", "inventory_item": "1003"}, tracked=False),
    )
    assert (read.next, read.unread) == (None, ())


def test_the_next_page_begins_behind_the_cursor() -> None:
    """Until the channel says that there is none."""
    first = listed(shopify.read(shopify.start(), page(variant(1, "A"), more="c1")))
    assert first.next is not None

    assert orjson.loads(shopify.request(SHOP, ("t",), first.next).body)["variables"] == {"first": 250, "after": "c1"}
    assert listed(shopify.read(first.next, page(variant(2, "B")))).next is None


def test_a_cursor_that_does_not_move_is_no_page() -> None:
    """Else one page would be read for ever."""
    first = listed(shopify.read(shopify.start(), page(variant(1, "A"), more="c1")))
    assert first.next is not None

    assert isinstance(shopify.read(first.next, page(variant(1, "A"), more="c1")), Later)


def test_a_variant_that_cannot_be_read_is_named_by_its_place() -> None:
    """The others are read; the sentence quotes nothing of the shop's."""
    first = listed(shopify.read(shopify.start(), page(variant(1, "A"), more="c1")))
    assert first.next is not None
    read = listed(
        shopify.read(first.next, page(variant(2, 5), {"id": "gid://shopify/ProductVariant/3"}, "x", variant(4, "D")))
    )

    assert [found.sku for found in read.found] == ["D"]
    assert read.unread == (
        "variant 2: sku: want text, got int",
        "variant 3: inventoryItem: want an object, got NoneType",
        "variant 4: node: want an object, got str",
    )


def test_a_page_that_is_too_costly_is_halved() -> None:
    """Down to one variant; a single one that is too costly is said to be."""
    costly = ok({"errors": [{"message": "m", "extensions": {"code": "MAX_COST_EXCEEDED"}}]})
    state, sizes = shopify.start(), []
    while isinstance(verdict := shopify.read(state, costly), Instead):
        state = verdict.next
        sizes.append(state.size)

    assert sizes == [125, 62, 31, 15, 7, 3, 1]
    assert isinstance(verdict, Later)


def test_a_throttled_call_waits_until_the_bucket_has_room_again() -> None:
    """An HTTP 200 that says THROTTLED, and how much is lacking at which rate."""
    status = {"maximumAvailable": 2000, "currentlyAvailable": 10, "restoreRate": 100}
    cost = {"cost": {"requestedQueryCost": 60, "actualQueryCost": None, "throttleStatus": status}}
    throttled = ok({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": cost})

    assert shopify.read(shopify.start(), throttled) == Later(why="throttled", after_ms=500)
    assert listed(shopify.read(shopify.start(), page(extensions=cost))).pause_ms == 500


def test_refused_credentials_end_the_reading() -> None:
    """A 401, or a token without the scope: the sentence names what is missing."""
    lacking = shopify.read(shopify.start(), ok({"errors": [{"extensions": {"code": "ACCESS_DENIED"}}]}))

    assert isinstance(lacking, Denied)
    assert "read_products" in lacking.why
    assert isinstance(shopify.read(shopify.start(), Answer(status=401, headers={}, body=b"")), Denied)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data":7}', b'{"data":{}}', b'{"data":{"productVariants":[]}}'])
def test_an_answer_of_another_shape_is_asked_for_again(body: bytes) -> None:
    """Never an exception, whatever comes."""
    assert isinstance(shopify.read(shopify.start(), Answer(status=200, headers={}, body=body)), Later)
