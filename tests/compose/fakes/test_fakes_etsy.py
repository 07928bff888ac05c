"""A stand-in Etsy against Etsy's facts: who may call and how often, what is told, and what a receipt says."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from compose.fakes import etsy
from tests.compose.fakes.conftest import WEBHOOK_SECRET

SHOP = "/v3/application/shops/12345678"
FORM = {"grant_type": "refresh_token", "client_id": "ck_key", "refresh_token": "refresh"}


async def bought(stand: Any, **form: str) -> tuple[int, dict[str, Any]]:
    """Ask for a token."""
    async with stand.session.post(stand.server.make_url("/v3/public/oauth/token"), data={**FORM, **form}) as answer:
        return answer.status, await answer.json()


async def call(stand: Any, path: str, key: str = "ck_key:cs_secret", **query: str) -> tuple[int, Any, Any]:
    """Call the API with a token bought for it: status, body, headers."""
    _, told = await bought(stand)
    headers = {"x-api-key": key, "Authorization": f"Bearer {told['access_token']}"}
    async with stand.session.get(stand.server.make_url(path), params=query, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


async def test_a_call_needs_the_key_its_shared_secret_and_a_token(open_account: Any) -> None:
    """The keystring alone is refused in Etsy's own words; a token ends after an hour."""
    now = [1_795_255_200_000]
    stand = await open_account("etsy", webhooks=False, clock=lambda: now[0])
    assert (await call(stand, f"{SHOP}/receipts"))[0] == 200
    assert (await call(stand, f"{SHOP}/receipts", key="ck_key"))[1]["error"].startswith("Shared secret is required")
    assert (await call(stand, f"{SHOP}/receipts", key="ck_key:wrong"))[0] == 403
    _, told = await bought(stand)
    now[0] += 3_600_000
    headers = {"x-api-key": "ck_key:cs_secret", "Authorization": f"Bearer {told['access_token']}"}
    async with stand.session.get(stand.server.make_url(f"{SHOP}/receipts"), headers=headers) as answer:
        assert (answer.status, await answer.json()) == (401, {"error": "invalid_token"})


async def test_a_refresh_token_buys_an_hour_and_its_successor(open_account: Any) -> None:
    """Each answer brings a new refresh token, which works; a stranger's and another app's do not."""
    stand = await open_account("etsy", webhooks=False)
    status, told = await bought(stand)
    assert (status, told["expires_in"], told["token_type"]) == (200, 3600, "Bearer")
    assert told["access_token"].split(".")[0].isdigit()
    again = await bought(stand, refresh_token=told["refresh_token"])
    assert again[0] == 200
    assert again[1]["refresh_token"] not in (FORM["refresh_token"], told["refresh_token"])
    for wrong in ({"refresh_token": "other"}, {"client_id": "other"}):
        assert (await bought(stand, **wrong)) == (
            400,
            {"error": "invalid_grant", "error_description": "refresh_token is revoked"},
        )


async def test_the_budget_is_shown_and_ends(open_account: Any) -> None:
    """Two sliding windows, with what is left of them on each answer; 429 names the time to wait."""
    now = [1_795_255_200_000]
    stand = await open_account("etsy", webhooks=False, clock=lambda: now[0])
    shown = (await call(stand, f"{SHOP}/receipts"))[2]
    assert [shown[f"x-{name}"] for name in ("limit-per-second", "remaining-this-second")] == ["10", "9"]
    assert [shown[f"x-{name}"] for name in ("limit-per-day", "remaining-today")] == ["10000", "9999"]
    statuses = [(await call(stand, f"{SHOP}/receipts"))[0] for _ in range(10)]
    assert statuses == [200] * 9 + [429]
    now[0] += 1_000
    stand.account.more["access"].budget.per_day = 11
    assert (await call(stand, f"{SHOP}/receipts"))[0] == 200
    status, _, headers = await call(stand, f"{SHOP}/receipts")
    assert (status, headers["retry-after"]) == (429, "86400")
    now[0] += 86_399_000
    assert (await call(stand, f"{SHOP}/receipts"))[0] == 200


async def test_a_sale_is_told_by_its_address_alone(open_account: Any, receiver: Any) -> None:
    """A signed body of three words; the address is Etsy's own, wherever the stand-in serves."""
    stand = await open_account("etsy")
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "3210987654", "line_id": "4001"})
    headers, body = (await receiver.wait(1))[0]
    assert json.loads(body) == {
        "event_type": "order.paid",
        "resource_url": "https://api.etsy.com/v3/application/shops/12345678/receipts/3210987654",
        "shop_id": "12345678",
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    status, receipt, _ = await call(stand, f"{SHOP}/receipts/3210987654")
    assert (status, receipt["status"], receipt["is_paid"]) == (200, "Paid", True)
    (line,) = receipt["transactions"]
    assert (line["transaction_id"], line["sku"], line["quantity"]) == (4001, "TEE-M", 2)
    assert (await call(stand, f"{SHOP}/receipts/1"))[0] == 404
    assert (await call(stand, f"{SHOP}/receipts/0"))[0] == 400
    assert (await call(stand, "/v3/application/shops/1/receipts"))[0] == 404


async def test_a_webhook_is_tried_eight_times(open_account: Any, receiver: Any) -> None:
    """At once and seven times more, over about 28 hours, with the same id."""
    assert len(etsy.POLICY.retry_after_s) == 7
    assert 27.5 < sum(etsy.POLICY.retry_after_s) / 3600 < 28
    stand = await open_account("etsy", time_scale=1e-7)
    receiver.statuses = [500] * 7
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    assert len({headers["webhook-id"] for headers, _ in await receiver.wait(8)}) == 1


async def test_a_cancel_frees_the_whole_receipt_and_is_told_if_the_seller_began_it(
    open_account: Any, receiver: Any
) -> None:
    """What Etsy cancels itself is told to nobody; canceled receipts are in the list unless they are kept out."""
    stand = await open_account("etsy", webhooks=False)
    one, two = [(await stand.control("sell", {"sku": "TEE-M", "qty": 2}))["order_id"] for _ in range(2)]
    await stand.control("webhook", {"url": receiver.url})
    await stand.control("cancel", {"order_id": one, "reason": "fraud"})
    await stand.control("cancel", {"order_id": two})
    assert json.loads((await receiver.wait(1))[0][1])["event_type"] == "order.canceled"
    assert len(receiver.got) == 1
    assert (await stand.read("state"))["levels"]["TEE-M"] == 5
    states = [row["status"] for row in (await call(stand, f"{SHOP}/receipts"))[1]["results"]]
    assert states == ["Canceled", "Canceled"]
    assert (await call(stand, f"{SHOP}/receipts", was_canceled="false"))[1]["count"] == 0


async def test_a_refund_is_money_and_changes_no_line(open_account: Any) -> None:
    """The status says how much came back, the transactions say what was bought, and the units stay sold."""
    stand = await open_account("etsy", webhooks=False)
    sold = await stand.control("sell", {"sku": "TEE-M", "qty": 2})
    wish = {"order_id": sold["order_id"], "lines": [{"line_id": sold["lines"][0]["line_id"], "qty": 1}]}
    for status in ("Partially Refunded", "Fully Refunded"):
        await stand.control("refund", {**wish, "restock_type": "no_restock"})
        receipt = (await call(stand, f"{SHOP}/receipts/{sold['order_id']}"))[1]
        assert (receipt["status"], receipt["transactions"][0]["quantity"]) == (status, 2)
        assert "transaction_id" not in receipt["refunds"][0]
    assert (await stand.read("state"))["lines"][0]["qty"] == 2


@pytest.mark.parametrize(
    ("word", "wish"),
    [
        ("edit", {"qty": 1}),
        ("swap", {"listing": "TEE-L"}),
        ("remove", {}),
        ("sell", {"sku": "TEE-L", "qty": 1}),
        ("refund", {"lines": []}),
        ("cancel", {"restock": False}),
    ],
)
async def test_what_etsy_has_no_word_for_is_refused_and_changes_nothing(
    open_account: Any, word: str, wish: dict[str, Any]
) -> None:
    """A receipt is the record of a checkout: a clear 400."""
    stand = await open_account("etsy", webhooks=False)
    sold = await stand.control("sell", {"sku": "TEE-M", "qty": 2})
    before = await stand.read("state")
    told = await stand.control(
        word, {"order_id": sold["order_id"], "line_id": sold["lines"][0]["line_id"], **wish}, status=400
    )
    assert "Etsy" in told["error"]
    after = await stand.read("state")
    assert (after["lines"], after["levels"]) == (before["lines"], before["levels"])


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "101"},
        {"limit": "0"},
        {"offset": "-1"},
        {"sort_on": "modified"},
        {"sort_order": "upwards"},
        {"min_last_modified": "946684799"},
        {"was_canceled": "maybe"},
    ],
)
async def test_a_parameter_out_of_its_range_is_a_400(open_account: Any, query: dict[str, str]) -> None:
    """As the API's own schema has them."""
    stand = await open_account("etsy", webhooks=False)
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    assert (await call(stand, f"{SHOP}/receipts", **query))[0] == 400


async def test_a_listing_shows_its_products_where_they_are_asked_for(open_account: Any) -> None:
    """Variations are products of one listing; what has nothing left is sold out, and elsewhere."""
    stand = await open_account("etsy", webhooks=False)
    varied = [{"sku": f"CUP-{name}", "quantity": 3, "parent": "CUP"} for name in ("RED", "BLUE")]
    await stand.control("catalogue", {"products": [*varied, {"sku": "GONE", "quantity": 0}]})
    _, told, _ = await call(stand, f"{SHOP}/listings", includes="Inventory", limit="100", sort_order="asc")
    skus = [[one["sku"] for one in row["inventory"]["products"]] for row in told["results"]]
    assert skus == [["TEE-M"], ["TEE-L"], ["CUP-RED", "CUP-BLUE"]]
    assert (await call(stand, f"{SHOP}/listings"))[1]["results"][0]["inventory"] is None
    assert (await call(stand, f"{SHOP}/listings", state="sold_out"))[1]["count"] == 1
    listing = told["results"][2]["listing_id"]
    _, inventory, _ = await call(stand, f"/v3/application/listings/{listing}/inventory")
    assert [one["offerings"][0]["quantity"] for one in inventory["products"]] == [3, 3]
    assert (await call(stand, "/v3/application/listings/1/inventory"))[0] == 404


async def test_several_listings_show_their_inventory_at_an_address_of_its_own(open_account: Any) -> None:
    """As since 2026-07-29: the one says which there are; the other wants all of them to exist."""
    stand = await open_account("etsy", webhooks=False)
    told = await stand.control("catalogue", {"products": [{"sku": "CUP", "quantity": 3}]})
    name = str(told["listings"][0]["ids"]["listing_id"])
    batch = "/v3/application/listings/batch"
    _, some, _ = await call(stand, batch, listing_ids=f"{name},1")
    assert [(str(row["listing_id"]), row["state"], row["inventory"]) for row in some["results"]] == [
        (name, "active", None)
    ]
    assert (await call(stand, batch, listing_ids=name, includes="Inventory"))[0] == 400
    _, shown, _ = await call(stand, f"{batch}/inventory", listing_ids=name)
    assert shown["results"][0]["inventory"]["products"][0]["offerings"][0]["quantity"] == 3
    assert (await call(stand, f"{batch}/inventory", listing_ids=f"{name},1"))[0] == 404


async def varied(stand: Any) -> tuple[str, dict[str, Any]]:
    """Load a listing of two variations: its address, and its inventory as a PUT takes it."""
    wish = [{"sku": f"CUP-{name}", "quantity": number, "parent": "CUP"} for name, number in (("RED", 3), ("BLUE", 2))]
    told = await stand.control("catalogue", {"products": wish})
    path = f"/v3/application/listings/{told['listings'][0]['ids']['listing_id']}"
    _, shown, _ = await call(stand, f"{path}/inventory")
    products = [
        {
            "sku": one["sku"],
            "property_values": [
                {name: value for name, value in own.items() if name != "scale_name"} for own in one["property_values"]
            ],
            "offerings": [{"price": 19.5, "quantity": 7, "is_enabled": True, "readiness_state_id": 1}],
        }
        for one in shown["products"]
    ]
    settings = {name: shown[name] for name in shown if name.endswith("_on_property")}
    return path, {"products": products, **settings}


async def send(stand: Any, method: str, path: str, **parts: Any) -> tuple[int, Any]:
    """Write something with a token bought for it: status and body."""
    _, told = await bought(stand)
    headers = {"x-api-key": "ck_key:cs_secret", "Authorization": f"Bearer {told['access_token']}"}
    async with stand.session.request(method, stand.server.make_url(path), headers=headers, **parts) as answer:
        return answer.status, await answer.json()


def part(body: dict[str, Any], number: int, name: str, value: Any) -> dict[str, Any]:
    """Return an inventory in which one product's offering says something else."""
    copy: dict[str, Any] = json.loads(json.dumps(body))
    copy["products"][number]["offerings"][0][name] = value
    return copy


async def test_an_inventory_is_replaced_as_a_whole_and_gets_new_ids(open_account: Any) -> None:
    """What is left out is deleted, and shown to who asks for it; a receipt keeps the ids of its time."""
    now = [1_795_255_200_000]
    stand = await open_account("etsy", webhooks=False, clock=lambda: now[0])
    path, body = await varied(stand)
    now[0] += 10_000
    sold = await stand.control("sell", {"sku": "CUP-RED", "qty": 1})
    _, before, _ = await call(stand, f"{path}/inventory")
    now[0] += 10_000
    status, answered = await send(stand, "PUT", f"{path}/inventory", json=body)
    assert (status, [one["offerings"][0]["quantity"] for one in answered["products"]]) == (200, [7, 7])
    ids = [{one["product_id"] for one in shown["products"]} for shown in (before, answered)]
    assert not ids[0] & ids[1]
    receipt = (await call(stand, f"{SHOP}/receipts/{sold['order_id']}"))[1]
    assert receipt["transactions"][0]["product_id"] == before["products"][0]["product_id"]
    await send(stand, "PUT", f"{path}/inventory", json={**body, "products": body["products"][:1]})
    assert [one["sku"] for one in (await call(stand, f"{path}/inventory"))[1]["products"]] == ["CUP-RED"]
    gone = (await call(stand, f"{path}/inventory", show_deleted="true"))[1]["products"]
    assert [(one["sku"], one["is_deleted"]) for one in gone] == [("CUP-RED", False), ("CUP-BLUE", True)]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("quantity", 1_000, "greater than 999"),
        ("price", {"amount": 1950, "divisor": 100}, "float"),
        ("offering_id", 1, "offering_id"),
        ("is_deleted", False, "is_deleted"),
    ],
)
async def test_an_inventory_with_what_a_put_does_not_take_is_refused(
    open_account: Any, name: str, value: Any, said: str
) -> None:
    """A sentence under `error`; nothing has changed."""
    stand = await open_account("etsy", webhooks=False)
    path, body = await varied(stand)
    status, answered = await send(stand, "PUT", f"{path}/inventory", json=part(body, 1, name, value))
    assert status == 400
    assert said in answered["error"]
    assert (await stand.read("state"))["levels"]["CUP-RED"] == 3


async def test_quantities_follow_their_properties_and_are_never_all_zero(open_account: Any) -> None:
    """Where the quantity does not vary, one number; a set of zeros is refused in Etsy's words, on sale or not."""
    stand = await open_account("etsy", webhooks=False)
    path, body = await varied(stand)
    one_number = {**part(body, 1, "quantity", 5), "quantity_on_property": []}
    assert (await send(stand, "PUT", f"{path}/inventory", json=one_number))[0] == 400
    zeros = part(part(body, 0, "quantity", 0), 1, "quantity", 0)
    for _ in range(2):
        status, answered = await send(stand, "PUT", f"{path}/inventory", json=zeros)
        assert (status, answered["error"]) == (400, "One offering must have quantity greater than 0")
        address = f"{SHOP}/listings/{path.rpartition('/')[2]}"
        assert (await send(stand, "PATCH", address, data={"state": "inactive"}))[1]["state"] == "inactive"


async def test_what_is_off_or_sold_out_is_bought_by_nobody_and_renewed_for_a_fee(open_account: Any) -> None:
    """An inventory does not bring a sold-out listing back; making it active renews it, with the number 1."""
    stand = await open_account("etsy", webhooks=False)
    path, body = await varied(stand)
    address = f"{SHOP}/listings/{path.rpartition('/')[2]}"
    await send(stand, "PATCH", address, data={"state": "inactive"})
    assert (await stand.control("sell", {"sku": "CUP-RED", "qty": 1}))["result"] == "sold_out"
    assert (await send(stand, "PATCH", address, data={"state": "active"}))[1]["state"] == "active"
    assert (await stand.read("state"))["levels"]["CUP-RED"] == 3
    for sku, units in (("CUP-RED", 3), ("CUP-BLUE", 2)):
        assert (await stand.control("sell", {"sku": sku, "qty": units}))["result"] == "sold"
    await send(stand, "PUT", f"{path}/inventory", json=body)
    _, shown, _ = await call(stand, f"{path}/inventory", includes="Listing")
    assert (shown["listing"]["state"], shown["listing"]["quantity"]) == ("sold_out", 14)
    assert (await stand.control("sell", {"sku": "CUP-BLUE", "qty": 1}))["result"] == "sold_out"
    assert (await send(stand, "PATCH", address, data={"state": "active"}))[1]["state"] == "active"
    state = await stand.read("state")
    assert (state["levels"]["CUP-RED"], state["levels"]["CUP-BLUE"], state["calls"]["renewals"]) == (1, 0, 1)
