"""The stand-in WooCommerce shop against the vendor's code and REST documentation."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MISSED = "/orders?dates_are_gmt=true&orderby=modified&order=asc&status=any&per_page=100"


async def level(stand: Any, sku: str) -> int:
    found: int = (await stand.read("state"))["levels"][sku]
    return found


async def keys(stand: Any) -> dict[str, int]:
    return {one["sku"]: int(one["listing"]) for one in (await stand.read("state"))["listings"]}


async def test_a_new_webhook_is_pinged_unsigned_and_active_after_a_200(open_account: Any, receiver: Any) -> None:
    """The ping is a form with the webhook's number and no signature."""
    stand = await open_account("woocommerce", webhooks=False)
    answer = await stand.control("webhook", {"url": receiver.url})
    assert answer["active"] is True
    headers, body = receiver.got[0]
    assert body.startswith(b"webhook_id=")
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "X-WC-Webhook-Signature" not in headers


async def test_a_webhook_whose_ping_fails_stays_disabled(open_account: Any, receiver: Any) -> None:
    """Only 200 activates: 204 does not, and then nothing is told."""
    stand = await open_account("woocommerce", webhooks=False)
    receiver.statuses = [204, 204]
    assert (await stand.control("webhook", {"url": receiver.url}))["active"] is False
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    status, hooks, _ = await stand.woo("GET", "/webhooks?status=disabled")
    assert (status, len(hooks)) == (200, 2)
    assert len(receiver.got) == 2


async def test_a_sale_is_told_in_a_signed_snapshot(open_account: Any, receiver: Any) -> None:
    """`order.created` with the vendor's headers; the line says what it took from stock."""
    stand = await open_account("woocommerce")
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "727", "line_id": "315"})
    headers, body = (await receiver.wait(1))[0]
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    assert headers["X-WC-Webhook-Signature"] == base64.b64encode(digest).decode()
    assert headers["X-WC-Webhook-Topic"] == "order.created"
    assert (headers["X-WC-Webhook-Resource"], headers["X-WC-Webhook-Event"]) == ("order", "created")
    assert headers["X-WC-Webhook-Delivery-ID"]
    order = json.loads(body)
    assert (order["id"], order["status"]) == (727, "processing")
    assert len(order["date_modified_gmt"]) == len("2026-11-21T10:00:05")
    line = order["line_items"][0]
    assert (line["id"], line["sku"], line["quantity"], line["variation_id"]) == (315, "TEE-M", 2, 0)
    assert [(one["key"], one["value"]) for one in line["meta_data"]] == [("_reduced_stock", "2")]


async def test_a_failed_delivery_is_never_retried(open_account: Any, receiver: Any) -> None:
    """One attempt; only a later change tells the order again."""
    stand = await open_account("woocommerce", time_scale=0.0)
    receiver.statuses = [503]
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    await stand.until(lambda account: account.sender.pending == 0)
    assert [one.status for one in stand.account.sender.attempts] == [503]


async def test_a_webhook_is_disabled_with_the_seventh_failure_in_a_row(open_account: Any, receiver: Any) -> None:
    """The code tests more than 5 before it counts; a PUT makes it active again, and leaves the count where it is."""
    stand = await open_account("woocommerce")
    receiver.statuses = [500] * 20
    hook = next(one for one in stand.account.sender.subscriptions.values() if one.topic == "order.created")
    for number in range(7):
        assert hook.active
        await stand.control("sell", {"sku": "TEE-M", "qty": 1, "respect_levels": False})
        await stand.until(lambda account, done=number + 1: len(account.sender.attempts) == done)
    assert not hook.active
    status, shown, _ = await stand.woo("PUT", f"/webhooks/{hook.number}", {"status": "active"})
    assert (status, shown["status"]) == (200, "active")
    await stand.control("sell", {"sku": "TEE-M", "qty": 1, "respect_levels": False})
    await stand.until(lambda account: len(account.sender.attempts) == 8)
    assert not hook.active, "the next failure is one too many at once"
    await stand.woo("PUT", f"/webhooks/{hook.number}", {"status": "active"})
    receiver.statuses = [200]
    await stand.control("sell", {"sku": "TEE-M", "qty": 1, "respect_levels": False})
    await stand.until(lambda account: len(account.sender.attempts) == 9)
    assert (hook.active, hook.failures) == (True, 0), "a success takes the count to zero"


@pytest.mark.usefixtures("receiver")
async def test_a_webhook_can_be_paused_and_a_wrong_status_is_refused(open_account: Any) -> None:
    """`paused` is an administrator's word; the list can be filtered by each of the three, and by nothing else."""
    stand = await open_account("woocommerce")
    hook = next(iter(stand.account.sender.subscriptions.values()))
    _, shown, _ = await stand.woo("PUT", f"/webhooks/{hook.number}", {"status": "paused"})
    _, listed, _ = await stand.woo("GET", "/webhooks?status=paused")
    assert (shown["status"], [row["id"] for row in listed], hook.active) == ("paused", [hook.number], False)
    refused = [
        await stand.woo("PUT", f"/webhooks/{hook.number}", {"status": "asleep"}),
        await stand.woo("PUT", "/webhooks/999999", {"status": "active"}),
        await stand.woo("GET", "/webhooks?status=asleep"),
    ]
    assert [(status, error["code"]) for status, error, _ in refused] == [
        (400, "woocommerce_rest_shop_webhook_invalid_status"),
        (400, "woocommerce_rest_shop_webhook_invalid_id"),
        (400, "rest_invalid_param"),
    ]


async def test_the_control_can_switch_the_disabling_off(open_account: Any, receiver: Any) -> None:
    """For runs in which the receiver is killed on purpose."""
    stand = await open_account("woocommerce")
    await stand.control("webhook", {"url": receiver.url, "auto_disable": False})
    receiver.statuses = [500] * 20
    for number in range(8):
        await stand.control("sell", {"sku": "TEE-M", "qty": 1, "respect_levels": False})
        await stand.until(lambda account, done=number + 1: len(account.sender.attempts) == done)
    assert all(one.active for one in stand.account.sender.subscriptions.values())


async def test_the_body_is_built_when_it_is_sent(open_account: Any, receiver: Any) -> None:
    """During an outage of the shop two changes wait as one job, and it tells the order as it then is."""
    stand = await open_account("woocommerce")
    await stand.control("sell", {"sku": "TEE-M", "qty": 3, "order_id": "7", "line_id": "1"})
    await receiver.wait(1)
    await stand.control("faults", {"outage_s": 60, "outage_scope": ["webhooks"]})
    await stand.control("edit", {"order_id": "7", "line_id": "1", "qty": 2})
    await stand.control("edit", {"order_id": "7", "line_id": "1", "qty": 1})
    await stand.control("faults", {"clear": True})
    headers, body = (await receiver.wait(2))[1]
    await stand.until(lambda account: account.sender.pending == 0)
    assert headers["X-WC-Webhook-Topic"] == "order.updated"
    assert json.loads(body)["line_items"][0]["quantity"] == 1
    assert len(receiver.got) == 2
    assert stand.account.sender.counts["coalesced"] == 1


async def test_a_cancelled_order_is_an_update_with_a_status(open_account: Any, receiver: Any) -> None:
    """No topic of its own; the mark of the taken stock is gone, and no refund is listed."""
    stand = await open_account("woocommerce")
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "7", "line_id": "1"})
    await receiver.wait(1)
    await stand.control("cancel", {"order_id": "7"})
    headers, body = (await receiver.wait(2))[1]
    order = json.loads(body)
    assert headers["X-WC-Webhook-Topic"] == "order.updated"
    assert (order["status"], order["refunds"]) == ("cancelled", [])
    assert order["line_items"][0]["meta_data"] == []
    assert await level(stand, "TEE-M") == 5


async def test_a_refund_that_restocks_lowers_what_the_line_took(open_account: Any) -> None:
    """The order keeps its quantity; the mark drops, down to "0"; the refund's lines are asked for apart."""
    stand = await open_account("woocommerce", webhooks=False)
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "7", "line_id": "1"})
    await stand.control("refund", {"order_id": "7", "lines": [{"line_id": "1", "qty": 2}]})
    _, order, _ = await stand.woo("GET", "/orders/7")
    line = order["line_items"][0]
    assert (order["status"], line["quantity"], line["meta_data"][0]["value"]) == ("refunded", 2, "0")
    assert order["refunds"][0]["total"] == "-20.00"
    _, refunds, _ = await stand.woo("GET", "/orders/7/refunds")
    assert refunds[0]["line_items"][0]["quantity"] == -2


async def test_orders_changed_after_a_time_are_listed_oldest_first(open_account: Any) -> None:
    """`modified_after` leaves its own second out, in UTC or in the shop's zone; pages and totals are told."""
    clock = [1_795_255_200_500]
    stand = await open_account("woocommerce", webhooks=False, clock=lambda: clock[0])
    for number in range(4):
        await stand.control("sell", {"sku": "TEE-M", "qty": 1, "order_id": str(100 + number), "line_id": "1"})
        clock[0] += 1000
    _, orders, headers = await stand.woo("GET", f"{MISSED}&modified_after=2026-11-21T10:00:01")
    assert [one["id"] for one in orders] == [102, 103]
    assert (headers["X-WP-Total"], headers["X-WP-TotalPages"]) == ("2", "1")
    local = MISSED.replace("dates_are_gmt=true", "dates_are_gmt=false")
    _, orders, _ = await stand.woo("GET", f"{local}&modified_after=2026-11-21T05:00:01")
    assert [one["id"] for one in orders] == [102, 103]
    _, orders, headers = await stand.woo("GET", "/orders?orderby=modified&order=asc&per_page=3&offset=1&exclude=101")
    assert [one["id"] for one in orders] == [102, 103]
    assert headers["X-WP-Total"] == "3"
    _, orders, _ = await stand.woo("GET", "/orders?per_page=1&page=2&status=processing")
    assert [one["id"] for one in orders] == [102]


async def test_a_batch_sets_levels_and_names_bad_rows_inside_a_200(open_account: Any) -> None:
    """Each row succeeds or fails alone; the answer keeps the order of the rows."""
    stand = await open_account("woocommerce", webhooks=False)
    ids = await keys(stand)
    rows = [{"id": ids["TEE-M"], "manage_stock": True, "stock_quantity": 7}, {"id": 94, "stock_quantity": 1}]
    status, body, _ = await stand.woo("POST", "/products/batch", {"update": rows})
    assert status == 200
    good, bad = body["update"]
    assert (good["id"], good["stock_quantity"]) == (ids["TEE-M"], 7)
    assert (bad["id"], bad["error"]["code"]) == (94, "woocommerce_rest_product_invalid_id")
    assert bad["error"]["data"] == {"status": 400}
    pushes = (await stand.read("pushes?since=0"))["pushes"]
    assert [(one["sku"], one["quantity"]) for one in pushes] == [("TEE-M", 7)]


async def test_a_write_goes_over_a_sale_that_nobody_told(open_account: Any) -> None:
    """An absolute set without comparison: the newest write stands."""
    stand = await open_account("woocommerce", webhooks=False)
    ids = await keys(stand)
    await stand.control("sell", {"sku": "TEE-M", "qty": 4})
    await stand.woo("PUT", f"/products/{ids['TEE-M']}", {"stock_quantity": 5})
    assert await level(stand, "TEE-M") == 5


async def test_a_number_without_stock_management_is_ignored(open_account: Any) -> None:
    """The row succeeds and shows no number."""
    stand = await open_account("woocommerce", webhooks=False)
    made = await stand.control("catalogue", {"products": [{"sku": "FREE", "quantity": 3, "managed": False}]})
    rows = [{"id": int(made["listings"][0]["listing"]), "stock_quantity": 9}]
    _, body, _ = await stand.woo("POST", "/products/batch", {"update": rows})
    assert body["update"][0]["stock_quantity"] is None
    assert await level(stand, "FREE") == 3


async def test_a_variation_is_reached_only_through_its_parent(open_account: Any) -> None:
    """`products/batch` refuses it, `products/{parent}/variations/batch` takes it, reads list it under its parent."""
    stand = await open_account("woocommerce", webhooks=False)
    made = await stand.control("catalogue", {"products": [{"sku": "RED-S", "quantity": 3, "parent": "RED"}]})
    ids = made["listings"][0]["ids"]
    rows = [{"id": ids["variation_id"], "stock_quantity": 2}]
    _, body, _ = await stand.woo("POST", "/products/batch", {"update": rows})
    assert body["update"][0]["error"]["code"] == "woocommerce_rest_invalid_product_id"
    _, body, _ = await stand.woo("POST", f"/products/{ids['parent_id']}/variations/batch", {"update": rows})
    assert body["update"][0]["stock_quantity"] == 2
    _, body, _ = await stand.woo("GET", f"/products/{ids['parent_id']}/variations")
    assert [(one["sku"], one["parent_id"]) for one in body] == [("RED-S", ids["parent_id"])]
    _, body, _ = await stand.woo("GET", "/variations?sku=RED-S")
    assert body[0]["stock_quantity"] == 2
    _, body, _ = await stand.woo("GET", f"/products/{ids['parent_id']}")
    assert (body["type"], body["variations"]) == ("variable", [ids["variation_id"]])


async def test_more_than_100_rows_are_413(open_account: Any) -> None:
    """The batch limit of the REST API."""
    stand = await open_account("woocommerce", webhooks=False)
    status, body, _ = await stand.woo("POST", "/products/batch", {"update": [{"id": 1}] * 101})
    assert (status, body["code"]) == (413, "woocommerce_rest_request_entity_too_large")


async def test_products_are_listed_by_a_comma_list_of_skus(open_account: Any) -> None:
    """The server splits at commas, and tries a SKU with a comma whole as well."""
    stand = await open_account("woocommerce", webhooks=False)
    await stand.control("catalogue", {"products": [{"sku": "A,B", "quantity": 2}]})
    _, body, headers = await stand.woo("GET", "/products?per_page=100&page=1&sku=TEE-M,TEE-L,NONE")
    assert [(one["sku"], one["stock_quantity"]) for one in body] == [("TEE-M", 5), ("TEE-L", 1)]
    assert headers["X-WP-Total"] == "2"
    _, body, _ = await stand.woo("GET", "/products?sku=A,B")
    assert [one["sku"] for one in body] == ["A,B"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/products?per_page=101", None, 400, "rest_invalid_param"),
        ("GET", "/orders?orderby=price", None, 400, "rest_invalid_param"),
        ("GET", "/orders?modified_after=yesterday", None, 400, "rest_invalid_param"),
        ("GET", "/orders/1", None, 404, "woocommerce_rest_shop_order_invalid_id"),
        ("GET", "/products/1", None, 404, "woocommerce_rest_product_invalid_id"),
        ("POST", "/products/batch", [1], 400, "rest_invalid_json"),
    ],
)
async def test_wrong_calls_get_the_error_shape_of_wordpress(
    open_account: Any, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """Code, message, and the status once more inside `data`."""
    stand = await open_account("woocommerce", webhooks=False)
    answered, error, _ = await stand.woo(method, path, body)
    assert (answered, error["code"], error["data"]) == (status, code, {"status": status})
    assert error["message"]


async def test_a_wrong_key_is_401(open_account: Any) -> None:
    """The key pair is asked for before anything else; it may stand in the query string."""
    stand = await open_account("woocommerce", webhooks=False)
    status, body, _ = await stand.woo("GET", "/orders", token="ck_other:cs_other")
    assert (status, body["code"]) == (401, "woocommerce_rest_authentication_error")
    url = stand.server.make_url("/wp-json/wc/v3/orders")
    async with stand.session.get(url) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "woocommerce_rest_cannot_view")
    async with stand.session.get(url, params={"consumer_key": "ck_key", "consumer_secret": "cs_secret"}) as answer:
        assert answer.status == 200


async def test_a_storm_is_429_with_the_time_to_wait(open_account: Any) -> None:
    """As a host or its firewall answers; nothing is written."""
    stand = await open_account("woocommerce", webhooks=False)
    ids = await keys(stand)
    await stand.control("faults", {"throttle_s": 60})
    status, _, headers = await stand.woo("PUT", f"/products/{ids['TEE-M']}", {"stock_quantity": 1})
    assert (status, headers["Retry-After"]) == (429, "1")
    assert await level(stand, "TEE-M") == 5


async def test_a_webhook_made_through_the_api_is_pinged_and_told(open_account: Any, receiver: Any) -> None:
    """`POST /webhooks` creates it active when the receiver says 200; a wrong topic is refused."""
    stand = await open_account("woocommerce", webhooks=False)
    wish = {"topic": "order.created", "delivery_url": receiver.url}
    status, made, _ = await stand.woo("POST", "/webhooks", wish)
    assert (status, made["status"], made["topic"]) == (201, "active", "order.created")
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    assert (await receiver.wait(2))[1][0]["X-WC-Webhook-ID"] == str(made["id"])
    status, error, _ = await stand.woo("POST", "/webhooks", {"topic": "moon", "delivery_url": receiver.url})
    assert (status, error["code"]) == (400, "woocommerce_rest_webhook_invalid_topic")
