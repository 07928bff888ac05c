"""What happens to orders after their sale, and to webhooks on their way: swaps, lines that leave, delays, rotation."""

import asyncio
import json
import time
from typing import Any

import pytest

from compose.fakes.signing import body_signature

YEAR_MS = 365 * 86_400_000


async def sold(stand: Any, **wish: Any) -> tuple[str, str]:
    """Sell two TEE-M; returns the order's id and the line's."""
    answer = await stand.control("sell", {"sku": "TEE-M", "qty": 2, **wish})
    return answer["order_id"], answer["lines"][0]["line_id"]


@pytest.mark.parametrize("kind", ["generic", "woocommerce"])
async def test_a_line_that_becomes_another_product_moves_its_units(open_account: Any, receiver: Any, kind: str) -> None:
    """The old listing has its units back, the new one has lost as many, and the webhook shows the new SKU."""
    stand = await open_account(kind)
    order, line = await sold(stand)
    await stand.control("swap", {"order_id": order, "line_id": line, "listing": "TEE-L"})
    state = await stand.read("state")
    assert state["levels"] == {"TEE-M": 5, "TEE-L": -1}
    assert [(row["sku"], row["qty"]) for row in state["lines"]] == [("TEE-L", 2)]
    body = json.loads((await receiver.wait(2))[1][1])
    shown = body["line_items"] if kind == "woocommerce" else body["data"]["lines"]
    assert shown[0]["sku"] == "TEE-L"


async def test_a_line_with_a_refund_is_not_swapped(open_account: Any) -> None:
    """A shop takes a new line then; the control says so."""
    stand = await open_account("woocommerce", webhooks=False)
    order, line = await sold(stand)
    await stand.control("refund", {"order_id": order, "lines": [{"line_id": line, "qty": 1}]})
    wish = {"order_id": order, "line_id": line, "listing": "TEE-L"}
    assert "refunds" in (await stand.control("swap", wish, status=400))["error"]


async def test_a_line_that_leaves_its_order_is_told_by_its_absence(open_account: Any, receiver: Any) -> None:
    """WooCommerce names what is left only; what the line held is back in stock."""
    stand = await open_account("woocommerce")
    answer = await stand.control("sell", {"lines": [{"sku": "TEE-M", "qty": 2}, {"sku": "TEE-L", "qty": 1}]})
    first = answer["lines"][0]["line_id"]
    await receiver.wait(1)
    await stand.control("remove", {"order_id": answer["order_id"], "line_id": first})
    state = await stand.read("state")
    assert state["levels"] == {"TEE-M": 5, "TEE-L": 0}
    assert [row["sku"] for row in state["lines"]] == ["TEE-L"]
    body = json.loads((await receiver.wait(2))[1][1])
    assert [item["sku"] for item in body["line_items"]] == ["TEE-L"]


async def test_a_sender_that_nobody_asks_names_what_left_with_no_units(open_account: Any, receiver: Any) -> None:
    """The generic format has no absence: a line that was swapped, then removed, is named with 0 under both SKUs."""
    stand = await open_account("generic")
    order, line = await sold(stand)
    await stand.control("swap", {"order_id": order, "line_id": line, "listing": "TEE-L"})
    await stand.control("remove", {"order_id": order, "line_id": line})
    bodies = [json.loads(body)["data"] for _, body in await receiver.wait(3)]
    last = max(bodies, key=lambda data: int(data["revision"]))
    assert {(item["sku"], item["qty"]) for item in last["lines"]} == {("TEE-M", 0), ("TEE-L", 0)}


@pytest.mark.parametrize("kind", ["generic", "shopify", "woocommerce"])
async def test_an_archived_order_of_last_year_is_told_again_unchanged(
    open_account: Any, receiver: Any, kind: str
) -> None:
    """It keeps its day of sale and its units; only its time of change is new."""
    stand = await open_account(kind)
    then = int(time.time() * 1000) - YEAR_MS
    order, _ = await sold(stand, created_at=then)
    await receiver.wait(1)
    await stand.control("touch", {"order_id": order})
    await receiver.wait(2)
    (row,) = (await stand.read("state"))["lines"]
    assert (row["created_at"], row["qty"]) == (then, 2)
    assert row["updated_at"] > then + YEAR_MS // 2


async def test_a_delayed_webhook_is_overtaken(open_account: Any, receiver: Any) -> None:
    """A cancel that is told at once comes before the create that was held back."""
    stand = await open_account("shopify", time_scale=0.01)
    order, _ = await sold(stand, delay_s=30)
    await stand.control("cancel", {"order_id": order})
    got = await receiver.wait(4)
    topics = [headers["X-Shopify-Topic"] for headers, _ in got]
    assert topics[-1] == "orders/create"
    assert json.loads(got[-1][1])["cancelled_at"] is None


async def test_shares_of_the_webhooks_are_told_twice_or_late(open_account: Any, receiver: Any) -> None:
    """Probabilities of 1 duplicate and delay everything, by up to the wished time on the scaled clock."""
    stand = await open_account("generic", time_scale=0.001)
    await stand.control("faults", {"duplicate_webhooks": 1, "delay_webhooks": 1, "delay_up_to_s": 100})
    began = asyncio.get_running_loop().time()
    await sold(stand)
    got = await receiver.wait(2)
    assert asyncio.get_running_loop().time() - began < 5
    assert got[0][1] == got[1][1]
    webhooks = (await stand.read("state"))["webhooks"]
    assert (webhooks["duplicates"], webhooks["delayed"]) == (1, 2)


async def test_a_rotated_secret_signs_what_is_sent_from_then_on(open_account: Any, receiver: Any) -> None:
    """The old secret signs no more."""
    stand = await open_account("woocommerce")
    await stand.control("secret", {"webhook": "another"})
    await sold(stand)
    headers, body = (await receiver.wait(1))[0]
    assert headers["X-WC-Webhook-Signature"] == body_signature("another", body)
