"""A stand-in eBay against eBay's facts: who may call, what is signed, what is told and what is not."""

import base64
import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from compose.fakes import ebay_signing
from compose.fakes.webhooks import Subscription
from tests.compose.fakes.conftest import TOKEN, WEBHOOK_SECRET

TEE = {"products": [{"sku": "TEE", "quantity": 10}, {"sku": "CUP-RED", "quantity": 5, "parent": "CUP"}]}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "v^1.1#refresh"}
APPLICATION = {"grant_type": "client_credentials", "scope": "https://api.ebay.com/oauth/api_scope"}


async def bought(stand: Any, form: dict[str, str], pair: str = TOKEN) -> tuple[int, dict[str, Any]]:
    """Ask for a token."""
    headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    url = stand.server.make_url("/identity/v1/oauth2/token")
    async with stand.session.post(url, data=form, headers=headers) as answer:
        return answer.status, await answer.json()


async def call(stand: Any, path: str, form: dict[str, str], **query: str) -> tuple[int, dict[str, Any]]:
    """Call the API with a token bought for it."""
    _, told = await bought(stand, form)
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    async with stand.session.get(stand.server.make_url(path), params=query, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_only_the_right_credentials_buy_a_token_and_each_opens_its_own(open_account: Any) -> None:
    """Keys want the application's token, orders the seller's; neither opens without one."""
    ebay = await open_account("ebay", webhooks=False)
    assert (await bought(ebay, REFRESH, "ck_key:wrong"))[0] == 401
    assert (await bought(ebay, {**REFRESH, "refresh_token": "other"}))[1]["error"] == "invalid_grant"
    assert (await bought(ebay, REFRESH))[1]["expires_in"] == 7_200
    assert (await call(ebay, "/sell/fulfillment/v1/order", REFRESH))[0] == 200
    assert (await call(ebay, "/sell/fulfillment/v1/order", APPLICATION))[0] == 403
    assert (await call(ebay, "/commerce/notification/v1/public_key/none", APPLICATION))[0] == 404
    assert (await call(ebay, "/commerce/notification/v1/public_key/none", REFRESH))[0] == 403
    async with ebay.session.get(ebay.server.make_url("/sell/fulfillment/v1/order")) as answer:
        assert answer.status == 401


async def test_a_notification_is_signed_with_the_key_that_it_names(open_account: Any, receiver: Any) -> None:
    """ECDSA over the raw body; the key is shown without line breaks; one notification for each line."""
    ebay = await open_account("ebay", webhooks=False)
    await ebay.control("catalogue", TEE)
    subscribe(ebay, receiver)
    sold = await ebay.control("sell", {"lines": [{"sku": "TEE", "qty": 2}, {"sku": "CUP-RED", "qty": 1}]})
    got = await receiver.wait(2)

    for headers, body in got:
        told = json.loads(base64.b64decode(headers["X-EBAY-SIGNATURE"]))
        assert (told["alg"], told["digest"]) == ("ecdsa", "SHA1")
        status, shown = await call(ebay, f"/commerce/notification/v1/public_key/{told['kid']}", APPLICATION)
        assert (status, "\n" in shown["key"]) == (200, False)
        pem = shown["key"].replace("KEY-----", "KEY-----\n", 1).replace("-----END", "\n-----END")
        key = load_pem_public_key(pem.encode())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        signed_over = ec.ECDSA(hashes.SHA1())  # noqa: S303 - what eBay signs over
        key.verify(base64.b64decode(told["signature"]), body, signed_over)
        event = json.loads(body)
        assert event["metadata"]["topic"] == "ORDER_CONFIRMATION"
        assert event["notification"]["data"]["order"]["orderId"] == sold["order_id"]
        assert len(event["notification"]["data"]["order"]["orderLineItems"]) == 1
    assert len({json.loads(body)["notification"]["notificationId"] for _, body in got}) == 2


def subscribe(ebay: Any, receiver: Any) -> None:
    """Subscribe an address without the question; it has a test of its own."""
    one = Subscription(number=1, topic="ORDER_CONFIRMATION", url=receiver.url)
    ebay.account.sender.subscriptions = {1: one}


async def test_an_address_is_used_only_after_it_has_answered(open_account: Any) -> None:
    """The right hash makes it active; a wrong one, or a page, does not."""
    ebay = await open_account("ebay", webhooks=False)
    answers = {"right": True, "wrong": False}

    async def asked(request: web.Request) -> web.Response:
        code, url = request.query["challenge_code"], str(request.url.with_query(None))
        token = WEBHOOK_SECRET if request.path == "/right" else "another"
        return web.json_response({"challengeResponse": ebay_signing.challenge(code, token, url)})

    app = web.Application()
    app.add_routes([web.get("/{name}", asked)])
    async with TestServer(app) as server:
        for name, active in answers.items():
            told = await ebay.control("webhook", {"url": str(server.make_url(f"/{name}"))})
            assert told["active"] is active


async def test_orders_are_found_by_their_change_and_by_their_ids(open_account: Any) -> None:
    """Both ends of a span are inclusive; a page has its total; an unknown id spoils the list; no future."""
    ebay = await open_account("ebay", webhooks=False)
    await ebay.control("catalogue", TEE)
    ids = [(await ebay.control("sell", {"sku": "TEE", "qty": 1}))["order_id"] for _ in range(3)]
    path = "/sell/fulfillment/v1/order"
    _, whole = await call(ebay, path, REFRESH, filter="lastmodifieddate:[2020-01-01T00:00:00.000Z..]", limit="2")
    assert (whole["total"], len(whole["orders"]), "next" in whole) == (3, 2, True)
    last = max(order["lastModifiedDate"] for order in whole["orders"])
    status, told = await call(ebay, path, REFRESH, filter=f"lastmodifieddate:[{last}..{last}]")
    assert (status, told["total"] >= 1) == (200, True)
    assert [order["orderId"] for order in (await call(ebay, path, REFRESH, orderIds=",".join(ids)))[1]["orders"]] == ids
    assert (await call(ebay, path, REFRESH, orderIds=f"{ids[0]},strange"))[0] == 400
    assert (await call(ebay, path, REFRESH, filter="lastmodifieddate:[2999-01-01T00:00:00.000Z..]"))[0] == 400
    assert (await call(ebay, path, REFRESH, limit="201"))[0] == 400
    assert (await call(ebay, f"{path}/{ids[0]}", REFRESH))[1]["orderId"] == ids[0]


async def test_what_ebay_has_no_word_for_does_not_happen(open_account: Any) -> None:
    """Edits, lines that come, go or change, goods that come back: a sentence, and the books stay as they are."""
    ebay = await open_account("ebay", webhooks=False)
    await ebay.control("catalogue", TEE)
    sold = await ebay.control("sell", {"sku": "TEE", "qty": 2})
    order, line = sold["order_id"], sold["lines"][0]["line_id"]
    for what, wish in (
        ("edit", {"line_id": line, "qty": 1}),
        ("swap", {"line_id": line, "listing": "CUP-RED"}),
        ("remove", {"line_id": line}),
        ("sell", {"sku": "TEE", "qty": 1}),
        ("refund", {"lines": [{"line_id": line, "qty": 1}], "restock_type": "return"}),
        ("cancel", {"restock": False}),
    ):
        assert "eBay" in (await ebay.control(what, {"order_id": order, **wish}, 400))["error"]
    assert [(row["qty"], row["ordered"]) for row in (await ebay.read("state"))["lines"]] == [(2, 2)]
    await ebay.control("cancel", {"order_id": order})
    _, told = await call(ebay, f"/sell/fulfillment/v1/order/{order}", REFRESH)
    assert (told["cancelStatus"]["cancelState"], told["lineItems"][0]["quantity"]) == ("CANCELED", 2)


async def test_listings_are_items_and_their_offers(open_account: Any) -> None:
    """Pages are counted; a variation belongs to a group and shares its listing's number."""
    ebay = await open_account("ebay", webhooks=False)
    made = (await ebay.control("catalogue", TEE))["listings"]
    _, told = await call(ebay, "/sell/inventory/v1/inventory_item", REFRESH, limit="1", offset="1")
    assert (told["total"], [item["sku"] for item in told["inventoryItems"]], "next" in told) == (4, ["TEE"], True)
    _, offers = await call(ebay, "/sell/inventory/v1/offer", REFRESH, sku="CUP-RED")
    number = offers["offers"][0]["listing"]["listingId"]
    assert made[1]["listing"] == f"{number}/CUP-RED"
    assert (await call(ebay, "/sell/inventory/v1/offer", REFRESH, sku="NONE"))[0] == 404


async def test_a_storm_is_a_429_without_a_time(open_account: Any) -> None:
    """A day's calls are used up; eBay names no time."""
    ebay = await open_account("ebay", webhooks=False)
    _, token = await bought(ebay, REFRESH)
    await ebay.control("faults", {"throttle_s": 60})
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    async with ebay.session.get(ebay.server.make_url("/sell/fulfillment/v1/order"), headers=headers) as answer:
        assert (answer.status, "Retry-After" in answer.headers) == (429, False)


INVENTORY = "/sell/inventory/v1"


async def posted(stand: Any, path: str, rows: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Call the Inventory API for several items, with a token bought for it."""
    _, told = await bought(stand, REFRESH)
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    url = stand.server.make_url(f"{INVENTORY}/{path}")
    async with stand.session.post(url, json={"requests": rows}, headers=headers) as answer:
        return answer.status, await answer.json()


def wish(sku: str, total: int | None, offer: int | None = None, at: int = 0) -> dict[str, Any]:
    """Make a row that sets an item, an offer, or both."""
    item = {} if total is None else {"shipToLocationAvailability": {"quantity": total}}
    return {"sku": sku, **item, **({"offers": [{"offerId": str(offer), "availableQuantity": at}]} if offer else {})}


async def test_a_listing_shows_the_smaller_of_both_numbers_and_a_sale_lowers_both(open_account: Any) -> None:
    """The item's and the offer's; each may be set alone."""
    ebay = await open_account("ebay", webhooks=False)
    offer = (await ebay.control("catalogue", TEE))["listings"][0]["ids"]["offer"]
    steps = ((9, offer, 4, 4), (2, None, 0, 2), (None, offer, 1, 1), (None, offer, 7, 2))
    for total, name, at, shown in steps:
        status, told = await posted(ebay, "bulk_update_price_quantity", [wish("TEE", total, name, at)])
        assert (status, told["responses"][0]["statusCode"]) == (200, 200)
        assert (await ebay.read("state"))["levels"]["TEE"] == shown
    await ebay.control("sell", {"sku": "TEE", "qty": 2})
    _, told = await posted(ebay, "bulk_get_inventory_item", [{"sku": "TEE"}])
    (row,) = told["responses"]
    assert row["inventoryItem"]["availability"]["shipToLocationAvailability"]["quantity"] == 0
    _, told = await call(ebay, f"{INVENTORY}/offer", REFRESH, sku="TEE")
    (row,) = told["offers"]
    assert (row["availableQuantity"], row["listing"]["listingStatus"]) == (5, "OUT_OF_STOCK")


async def test_a_row_fails_alone_and_a_wrong_call_as_a_whole(open_account: Any) -> None:
    """207 with an entry for each offer; more than 25 items, a SKU twice and a number below 0 are 400."""
    ebay = await open_account("ebay", webhooks=False)
    offer = (await ebay.control("catalogue", TEE))["listings"][0]["ids"]["offer"]
    rows = [wish("TEE", 1, offer, 1), wish("GONE", 1), wish("CUP-RED", 1, 999, 1)]
    status, told = await posted(ebay, "bulk_update_price_quantity", rows)
    entries = [(row["sku"], row.get("offerId"), row["statusCode"]) for row in told["responses"]]
    assert (status, entries) == (207, [("TEE", str(offer), 200), ("GONE", None, 404), ("CUP-RED", "999", 404)])
    many = [wish(f"S{number}", 1) for number in range(26)]
    for wrong in (
        many,
        [wish("TEE", 1), wish("TEE", 2)],
        [wish("TEE", -1)],
        [wish("L" * 51, 1)],
        [wish("TEE", None)],
        [],
    ):
        assert (await posted(ebay, "bulk_update_price_quantity", wrong))[0] == 400
    assert (await posted(ebay, "bulk_get_inventory_item", many))[1]["errors"][0]["errorId"] == 25727


async def test_a_listing_is_revised_so_often_a_day_and_no_more(open_account: Any) -> None:
    """Counted by listing, its variations together; anew with the next day in California."""
    now = [8 * 3_600_000 + 5]
    ebay = await open_account("ebay", webhooks=False, clock=lambda: now[0])
    await ebay.control("catalogue", {"products": [{"sku": f"CUP-{n}", "quantity": 5, "parent": "CUP"} for n in (1, 2)]})
    await ebay.control("ebay", {"revisions": 3})
    codes = []
    for number in range(4):
        _, told = await posted(ebay, "bulk_update_price_quantity", [wish(f"CUP-{1 + number % 2}", number)])
        codes.append(told["responses"][0]["statusCode"])
    assert codes == [200, 200, 200, 400]
    now[0] += 24 * 3_600_000
    assert (await posted(ebay, "bulk_update_price_quantity", [wish("CUP-1", 9)]))[0] == 200
    tallies = (await ebay.read("state"))["tallies"]
    assert sum(one.get("throttles", 0) for one in tallies.values()) == 1
    assert sum(one["tells"] for one in tallies.values()) == 4


async def test_the_day_of_the_api_ends_with_a_429(open_account: Any) -> None:
    """All its calls count together, orders do not."""
    ebay = await open_account("ebay", webhooks=False)
    await ebay.control("ebay", {"calls_a_day": 2})
    statuses = [(await posted(ebay, "bulk_get_inventory_item", [{"sku": "TEE-M"}]))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await call(ebay, "/sell/fulfillment/v1/order", REFRESH))[0] == 200


async def test_no_listing_takes_a_0_without_the_out_of_stock_option(open_account: Any) -> None:
    """It keeps its number: who wants 0 must ask for the option."""
    ebay = await open_account("ebay", webhooks=False)
    await ebay.control("ebay", {"out_of_stock": False})
    _, told = await posted(ebay, "bulk_update_price_quantity", [wish("TEE-M", 0)])
    assert told["responses"][0]["errors"][0]["errorId"] == 25004
    assert (await ebay.read("state"))["levels"]["TEE-M"] == 5


async def test_calls_and_repeats_are_counted_by_listing(open_account: Any) -> None:
    """The same number again with nothing in between is a repeat; a storm counts for each item that it refused."""
    ebay = await open_account("ebay", webhooks=False)
    for number in (4, 4, 3):
        await posted(ebay, "bulk_update_price_quantity", [wish("TEE-M", number)])
    _, token = await bought(ebay, REFRESH)
    await ebay.control("faults", {"throttle_s": 60})
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    url = ebay.server.make_url(f"{INVENTORY}/bulk_update_price_quantity")
    async with ebay.session.post(url, json={"requests": [wish("TEE-M", 1)]}, headers=headers) as answer:
        assert answer.status == 429
    (tally,) = (await ebay.read("state"))["tallies"].values()
    assert tally == {"tells": 3, "repeats": 1, "throttles": 1}
