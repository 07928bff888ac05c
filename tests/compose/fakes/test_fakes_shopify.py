"""The stand-in Shopify shop against the vendor's published facts and recorded answers."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from compose.fakes import shopify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOCATION = "gid://shopify/Location/24826418"
SET = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      id createdAt reason changes { name delta quantityAfterChange item { id } location { id } } }
    userErrors { field message code } } }"""
ORDERS = """query Missed($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt cancelledAt test
      lineItems(first: 50) { nodes { id sku quantity currentQuantity variant { id } } }
      refunds { refundLineItems(first: 20) { nodes { quantity restockType lineItem { id } } } } }
    pageInfo { hasNextPage endCursor } } }"""


def row(listing: dict[str, Any], quantity: int, expected: int | None) -> dict[str, Any]:
    item = f"gid://shopify/InventoryItem/{listing['ids']['inventory_item_id']}"
    return {"inventoryItemId": item, "locationId": LOCATION, "quantity": quantity, "changeFromQuantity": expected}


def wish(*rows: dict[str, Any], key: str = "k1", name: str = "available", **more: Any) -> dict[str, Any]:
    return {"input": {"reason": "correction", "name": name, "quantities": list(rows), **more}, "key": key}


async def listings(stand: Any) -> list[dict[str, Any]]:
    state = await stand.read("state")
    found: list[dict[str, Any]] = state["listings"]
    return found


async def levels(stand: Any) -> dict[str, int]:
    found: dict[str, int] = (await stand.read("state"))["levels"]
    return found


async def test_a_sale_is_told_in_a_signed_order(open_account: Any, receiver: Any) -> None:
    """`orders/create` carries the vendor's headers and body, signed over the raw bytes."""
    stand = await open_account("shopify")
    sold = await stand.control("sell", {"sku": "TEE-M", "qty": 2})
    headers, body = (await receiver.wait(1))[0]
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    assert headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(digest).decode()
    assert headers["X-Shopify-Topic"] == "orders/create"
    assert headers["X-Shopify-Shop-Domain"] == "shopify-a.myshopify.com"
    assert headers["X-Shopify-API-Version"]
    assert headers["X-Shopify-Webhook-Id"]
    order = json.loads(body)
    assert str(order["id"]) == sold["order_id"]
    assert order["updated_at"].endswith("-05:00")
    assert "." not in order["updated_at"]
    line = order["line_items"][0]
    assert (line["sku"], line["quantity"], line["current_quantity"]) == ("TEE-M", 2, 2)
    assert line["variant_id"] == sold["lines"][0]["listing"] or isinstance(line["variant_id"], int)


async def test_a_duplicate_is_the_same_delivery_twice(open_account: Any, receiver: Any) -> None:
    """Same webhook id, same event id, same bytes."""
    stand = await open_account("shopify")
    await stand.control("sell", {"sku": "TEE-M", "qty": 1, "duplicate": True})
    (first, one), (second, two) = await receiver.wait(2)
    assert one == two
    assert first["X-Shopify-Webhook-Id"] == second["X-Shopify-Webhook-Id"]
    assert (await stand.read("state"))["webhooks"]["duplicates"] == 1


async def test_a_retry_carries_the_original_payload(open_account: Any, receiver: Any) -> None:
    """What changed since does not show in a retry, and the ladder ends with the first success."""
    stand = await open_account("shopify", time_scale=0.0005)
    receiver.statuses = [503]
    await stand.control("sell", {"sku": "TEE-M", "qty": 1, "order_id": "77", "line_id": "1"})
    await receiver.wait(1)
    (_, original), (_, again) = await receiver.wait(2)
    assert original == again
    await stand.until(lambda account: account.sender.pending == 0)
    assert [one.status for one in stand.account.sender.attempts] == [503, 200]


async def test_delivery_is_given_up_after_eight_retries(open_account: Any, receiver: Any) -> None:
    """Nine attempts in all; a redirect is a failure like any other."""
    stand = await open_account("shopify", time_scale=0.0)
    receiver.statuses = [302, *[503] * 20]
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    await stand.until(lambda account: account.sender.counts["given_up"] == 1)
    assert len(stand.account.sender.attempts) == 9


def test_the_ladder_spans_four_hours_with_growing_gaps() -> None:
    """8 retries over 4 h; 5 s for an answer, 1 s to connect."""
    gaps = shopify.POLICY.retry_after_s
    assert len(gaps) == 8
    assert list(gaps) == sorted(gaps)
    assert sum(gaps) == pytest.approx(4 * 3600)
    assert (shopify.POLICY.timeout_s, shopify.POLICY.connect_s) == (5.0, 1.0)


async def test_a_cancellation_tells_what_went_back_to_stock(open_account: Any, receiver: Any) -> None:
    """`orders/cancelled`, `orders/updated` and `refunds/create`; the refund says restock type cancel."""
    stand = await open_account("shopify")
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "77", "line_id": "1"})
    await stand.control("cancel", {"order_id": "77"})
    got = {headers["X-Shopify-Topic"]: json.loads(body) for headers, body in await receiver.wait(4)}
    assert set(got) == {"orders/create", "orders/cancelled", "orders/updated", "refunds/create"}
    cancelled = got["orders/cancelled"]
    assert cancelled["cancelled_at"]
    assert cancelled["line_items"][0]["current_quantity"] == 0
    assert cancelled["refunds"][0]["refund_line_items"][0]["restock_type"] == "cancel"
    assert got["refunds/create"]["order_id"] == 77
    assert (await levels(stand))["TEE-M"] == 5


async def test_a_refund_without_restock_lowers_the_order_and_not_the_stock_taken(open_account: Any) -> None:
    """`current_quantity` drops, the oracle's `qty` (units taken from stock) stays."""
    stand = await open_account("shopify", webhooks=False)
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "77", "line_id": "1"})
    refund = {"order_id": "77", "lines": [{"line_id": "1", "qty": 1}], "restock_type": "no_restock"}
    answer = await stand.control("refund", refund)
    assert answer["lines"][0]["qty"] == 2
    answer = await stand.graphql(ORDERS, {"first": 10})
    line = answer["data"]["orders"]["nodes"][0]["lineItems"]["nodes"][0]
    assert (line["quantity"], line["currentQuantity"]) == (2, 1)
    assert (await levels(stand))["TEE-M"] == 3


async def test_a_level_is_set_when_it_is_still_what_the_caller_believed(open_account: Any) -> None:
    """The write is accepted, answered as recorded, and listed for the oracle."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    answer = await stand.graphql(SET, wish(row(medium, 3, 5)))
    payload = answer["data"]["inventorySetQuantities"]
    assert payload["userErrors"] == []
    changes = payload["inventoryAdjustmentGroup"]["changes"]
    assert [(one["name"], one["delta"], one["quantityAfterChange"]) for one in changes] == [
        ("available", -2, None),
        ("on_hand", -2, None),
    ]
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 13
    pushes = (await stand.read("pushes?since=0"))["pushes"]
    assert [(one["sku"], one["quantity"]) for one in pushes] == [("TEE-M", 3)]


async def test_one_stale_row_fails_the_whole_call(open_account: Any) -> None:
    """All or nothing; the error names the row, and nothing was written."""
    stand = await open_account("shopify")
    medium, large = await listings(stand)
    answer = await stand.graphql(SET, wish(row(medium, 3, 5), row(large, 0, 9)))
    payload = answer["data"]["inventorySetQuantities"]
    assert payload["inventoryAdjustmentGroup"] is None
    assert [(one["code"], one["field"]) for one in payload["userErrors"]] == [
        ("CHANGE_FROM_QUANTITY_STALE", ["input", "quantities", "1", "changeFromQuantity"])
    ]
    assert await levels(stand) == {"TEE-M": 5, "TEE-L": 1}
    assert answer["extensions"]["cost"]["actualQueryCost"] == 10


async def test_a_null_skips_the_comparison(open_account: Any) -> None:
    """`changeFromQuantity: null` writes whatever stands; a write that changes nothing has no group."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    await stand.graphql(SET, wish(row(medium, 9, None)))
    assert (await levels(stand))["TEE-M"] == 9
    answer = await stand.graphql(SET, wish(row(medium, 9, 9), key="k2"))
    assert answer["data"]["inventorySetQuantities"] == {"inventoryAdjustmentGroup": None, "userErrors": []}


async def test_the_same_key_has_one_effect_and_one_answer(open_account: Any) -> None:
    """A repeat is answered as before, though the number has moved; another body under the key is refused."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    first = await stand.graphql(SET, wish(row(medium, 3, 5)))
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    again = await stand.graphql(SET, wish(row(medium, 3, 5)))
    assert again["data"] == first["data"]
    assert (await levels(stand))["TEE-M"] == 2
    other = await stand.graphql(SET, wish(row(medium, 7, 2)))
    codes = [one["code"] for one in other["data"]["inventorySetQuantities"]["userErrors"]]
    assert codes == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]


@pytest.mark.parametrize(
    ("query", "drop", "code"),
    [
        (SET.replace("@idempotent(key: $key)", "").replace(", $key: String!", ""), None, "BAD_REQUEST"),
        (SET, "changeFromQuantity", "INVALID_FIELD_ARGUMENTS"),
    ],
)
async def test_what_the_server_demands_beyond_the_schema(
    open_account: Any, query: str, drop: str | None, code: str
) -> None:
    """No directive, or no `changeFromQuantity`: a top-level error and null data, as recorded."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    one = row(medium, 3, 5)
    one.pop(drop, None) if drop else None
    answer = await stand.graphql(query, wish(one))
    assert answer["errors"][0]["extensions"]["code"] == code
    assert answer["data"] == {"inventorySetQuantities": None}
    assert answer["status"] == 200


async def test_the_removed_field_is_an_invalid_variable(open_account: Any) -> None:
    """`ignoreCompareQuantity` is gone since 2026-04."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    answer = await stand.graphql(SET, wish(row(medium, 3, 5), ignoreCompareQuantity=True))
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"


async def test_more_than_250_rows_are_refused(open_account: Any) -> None:
    """250 items in any input array."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    answer = await stand.graphql(SET, wish(*[row(medium, 3, 5)] * 251))
    assert answer["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"


ITEM = {"inventoryItemId": "gid://shopify/InventoryItem/42", "locationId": LOCATION}


@pytest.mark.parametrize(
    ("change", "name", "code", "place"),
    [
        (ITEM, "available", "INVALID_INVENTORY_ITEM", ["quantities", "0", "inventoryItemId"]),
        (
            {"locationId": "gid://shopify/Location/9"},
            "available",
            "INVALID_LOCATION",
            ["quantities", "0", "locationId"],
        ),
        ({"quantity": 1_000_000_001}, "available", "INVALID_QUANTITY_TOO_HIGH", ["quantities", "0", "quantity"]),
        ({"quantity": -2_000_000_000}, "available", "INVALID_QUANTITY_TOO_LOW", ["quantities", "0", "quantity"]),
        ({"quantity": -5}, "on_hand", "INVALID_QUANTITY_NEGATIVE", ["quantities", "0", "quantity"]),
        ({}, "damaged", "INVALID_NAME", ["name"]),
    ],
)
async def test_wrong_rows_are_user_errors(
    open_account: Any, change: dict[str, Any], name: str, code: str, place: list[str]
) -> None:
    """Codes and field paths as recorded."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    answer = await stand.graphql(SET, wish({**row(medium, 3, 5), **change}, name=name))
    errors = answer["data"]["inventorySetQuantities"]["userErrors"]
    assert (code, ["input", *place]) in [(one["code"], one["field"]) for one in errors]


async def test_available_may_be_negative_and_a_pair_only_once(open_account: Any) -> None:
    """-5 available is accepted; the same item twice names both rows."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    await stand.graphql(SET, wish(row(medium, -5, 5)))
    assert (await levels(stand))["TEE-M"] == -5
    answer = await stand.graphql(SET, wish(row(medium, 1, -5), row(medium, 2, -5), key="k2"))
    errors = answer["data"]["inventorySetQuantities"]["userErrors"]
    assert [one["field"][2] for one in errors] == ["0", "1"]
    assert {one["code"] for one in errors} == {"NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"}


async def test_on_hand_counts_the_units_of_open_orders(open_account: Any) -> None:
    """Setting on_hand leaves available = on_hand - committed."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    await stand.control("sell", {"sku": "TEE-M", "qty": 2})
    await stand.graphql(SET, wish(row(medium, 10, 5), name="on_hand"))
    assert (await levels(stand))["TEE-M"] == 8


async def test_levels_are_read_back_by_sku_and_by_id(open_account: Any) -> None:
    """`inventoryItems` with a search, and `nodes` with fragments; an unknown id is null in its place."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    await stand.control("sell", {"sku": "TEE-M", "qty": 2})
    level = 'inventoryLevels(first: 5) { nodes { quantities(names: ["available", "on_hand"]) { name quantity } } }'
    found = await stand.graphql(
        f'{{ inventoryItems(first: 50, query: "sku:TEE-M OR sku:X") {{ nodes {{ sku {level} }} }} }}'
    )
    numbers = [{"name": "available", "quantity": 3}, {"name": "on_hand", "quantity": 5}]
    shown = {"sku": "TEE-M", "inventoryLevels": {"nodes": [{"quantities": numbers}]}}
    assert found["data"]["inventoryItems"]["nodes"] == [shown]
    ids = [f"gid://shopify/InventoryItem/{key}" for key in (42, medium["ids"]["inventory_item_id"])]
    query = f"query N($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename id ... on InventoryItem {{ sku {level} }} }} }}"
    answer = await stand.graphql(query, {"ids": ids})
    assert answer["data"]["nodes"] == [None, {"__typename": "InventoryItem", "id": ids[1], **shown}]


async def test_missed_orders_are_paged_by_the_time_of_their_change(open_account: Any) -> None:
    """`updated_at:>=` includes its second; pages go on by cursor until all are read."""
    clock = [1_795_255_200_000]
    stand = await open_account("shopify", clock=lambda: clock[0])
    for number in range(4):
        clock[0] += 1000
        await stand.control("sell", {"sku": "TEE-M", "qty": 1, "order_id": str(100 + number), "line_id": "1"})
    variables: dict[str, Any] = {"first": 2, "query": "updated_at:>='2026-11-21T10:00:02Z'"}
    first = (await stand.graphql(ORDERS, variables))["data"]["orders"]
    assert [one["id"] for one in first["nodes"]] == ["gid://shopify/Order/101", "gid://shopify/Order/102"]
    variables["after"] = first["pageInfo"]["endCursor"]
    rest = (await stand.graphql(ORDERS, variables))["data"]["orders"]
    assert [one["id"] for one in rest["nodes"]] == ["gid://shopify/Order/103"]
    assert rest["pageInfo"]["hasNextPage"] is False


async def test_a_wrong_token_is_401_and_a_wrong_query_an_error(open_account: Any) -> None:
    """The token is asked for first; an unknown field is named."""
    stand = await open_account("shopify")
    assert (await stand.graphql("{ shop { name } }", token="other"))["status"] == 401
    assert (await stand.graphql("{ shop { name } }"))["data"] == {"shop": {"name": "shopify-a"}}
    answer = await stand.graphql("{ shop { secret } }")
    assert "secret" in answer["errors"][0]["message"]
    assert (await stand.graphql("{ shop {"))["errors"]


async def test_an_empty_bucket_is_throttled_inside_a_200(open_account: Any) -> None:
    """THROTTLED with the state of the bucket; time refills it."""
    clock = [1_795_255_200_000]
    stand = await open_account("shopify", clock=lambda: clock[0])
    medium, _ = await listings(stand)
    answer: Any = {}
    for number in range(154):
        answer = await stand.graphql(SET, wish(row(medium, number + 6, None), key=f"k{number}"))
    assert answer["status"] == 200
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    status = answer["extensions"]["cost"]["throttleStatus"]
    assert status["currentlyAvailable"] < 13
    assert status["restoreRate"] == 100
    clock[0] += 130
    answer = await stand.graphql(SET, wish(row(medium, 1, None), key="later"))
    assert "errors" not in answer


async def test_a_storm_throttles_every_call(open_account: Any) -> None:
    """While it lasts nothing passes and nothing is written."""
    stand = await open_account("shopify")
    medium, _ = await listings(stand)
    await stand.control("faults", {"throttle_s": 60})
    answer = await stand.graphql(SET, wish(row(medium, 3, 5)))
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert (await levels(stand))["TEE-M"] == 5
    await stand.control("faults", {"clear": True})
    assert "errors" not in await stand.graphql(SET, wish(row(medium, 3, 5)))


async def test_a_refused_row_fails_the_batch_and_is_named(open_account: Any) -> None:
    """`row_errors` stands for what the vendor refuses of its own, such as the parent of a bundle."""
    stand = await open_account("shopify")
    medium, large = await listings(stand)
    await stand.control("faults", {"row_errors": {"TEE-L": {"code": "NON_MUTABLE_INVENTORY_ITEM"}}})
    answer = await stand.graphql(SET, wish(row(medium, 3, 5), row(large, 0, 1)))
    errors = answer["data"]["inventorySetQuantities"]["userErrors"]
    assert [(one["code"], one["field"][2]) for one in errors] == [("NON_MUTABLE_INVENTORY_ITEM", "1")]
    assert await levels(stand) == {"TEE-M": 5, "TEE-L": 1}


async def test_a_refusal_deep_inside_an_answer_is_an_error_of_its_root(open_account: Any) -> None:
    """A connection below the root without a size is refused like one at the root."""
    stand = await open_account("shopify", webhooks=False)
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    answer = await stand.graphql("{ orders(first: 5) { nodes { lineItems { nodes { id } } } } shop { name } }")
    assert answer["errors"][0]["path"] == ["orders"]
    assert answer["data"] == {"orders": None, "shop": {"name": "shopify-a"}}


async def test_single_things_are_read_by_their_id(open_account: Any) -> None:
    """Orders, refunds, variants, items and the location; an unknown one is null, a text that is no id an error."""
    stand = await open_account("shopify", webhooks=False)
    medium, _ = await listings(stand)
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "77", "line_id": "1"})
    await stand.control("refund", {"order_id": "77", "lines": [{"line_id": "1", "qty": 1}]})
    answer = await stand.graphql('{ order(id: "gid://shopify/Order/77") { id refunds(first: 5) { id } } }')
    refund = answer["data"]["order"]["refunds"][0]["id"]
    query = """query One($id: ID!) { node(id: $id) { __typename ... on Refund {
      refundLineItems(first: 5) { nodes { quantity restockType lineItem { id } } } }
      ... on ProductVariant { sku product { title } inventoryItem { tracked } } } }"""
    line = {"quantity": 1, "restockType": "RETURN", "lineItem": {"id": "gid://shopify/LineItem/1"}}
    answer = await stand.graphql(query, {"id": refund})
    assert answer["data"]["node"] == {"__typename": "Refund", "refundLineItems": {"nodes": [line]}}
    variant = f"gid://shopify/ProductVariant/{medium['ids']['variant_id']}"
    answer = await stand.graphql(query, {"id": variant})
    shown = {"sku": "TEE-M", "product": {"title": "TEE-M"}, "inventoryItem": {"tracked": True}}
    assert answer["data"]["node"] == {"__typename": "ProductVariant", **shown}
    assert (await stand.graphql(query, {"id": "gid://shopify/Order/9"}))["data"] == {"node": None}
    assert (await stand.graphql(query, {"id": "77"}))["errors"][0]["path"] == ["node"]


async def test_the_catalogue_and_the_location_can_be_discovered(open_account: Any) -> None:
    """Variants with their items, newest last; the one location."""
    stand = await open_account("shopify", webhooks=False)
    query = (
        "{ productVariants(first: 1) { edges { cursor node { sku inventoryItem { id } } } pageInfo { hasNextPage } } }"
    )
    answer = (await stand.graphql(query))["data"]["productVariants"]
    assert answer["edges"][0]["node"]["sku"] == "TEE-M"
    assert answer["pageInfo"]["hasNextPage"] is True
    answer = await stand.graphql("{ locations(first: 5) { nodes { id isActive } } }")
    assert answer["data"]["locations"]["nodes"] == [{"id": LOCATION, "isActive": True}]


async def test_a_query_over_1000_points_is_refused(open_account: Any) -> None:
    """No single query may cost more, however full the bucket."""
    stand = await open_account("shopify", webhooks=False)
    deep = "orders(first: 250) { nodes { lineItems(first: 250) { nodes { variant { inventoryItem { id } } } } } }"
    copies = " ".join(f"a{number}: {deep}" for number in range(3))
    answer = await stand.graphql(f"{{ {copies} }}")
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


async def test_an_edit_tells_the_difference_and_not_the_order(open_account: Any, receiver: Any) -> None:
    """`orders/edited`, where it is subscribed to, names the line and its delta."""
    stand = await open_account("shopify")
    await stand.control("webhook", {"url": receiver.url, "topics": ["orders/edited"]})
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "77", "line_id": "1"})
    await stand.control("edit", {"order_id": "77", "line_id": "1", "qty": 1})
    headers, body = (await receiver.wait(1))[0]
    assert headers["X-Shopify-Topic"] == "orders/edited"
    edit = json.loads(body)["order_edit"]
    assert (edit["order_id"], edit["line_items"]) == (77, {"additions": [], "removals": [{"id": 1, "delta": 1}]})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"variables": {}}'])
async def test_a_post_without_a_query_is_a_400(open_account: Any, body: bytes) -> None:
    """What is no GraphQL post does not reach the bucket."""
    stand = await open_account("shopify", webhooks=False)
    url = stand.server.make_url("/admin/api/2026-10/graphql.json")
    headers = {"X-Shopify-Access-Token": "ck_key:cs_secret"}
    async with stand.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 400
