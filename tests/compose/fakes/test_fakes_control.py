"""The control endpoint, the weather, the generic sender, and the process."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from compose.fakes.signing import standard_signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KINDS = ("generic", "shopify", "woocommerce")


async def test_the_generic_sender_signs_by_standard_webhooks(open_account: Any, receiver: Any) -> None:
    """A retry keeps id and body and has a timestamp of its own; the lines say what they hold now."""
    clock = [1_795_255_200_000]
    stand = await open_account("generic", clock=lambda: clock[0], time_scale=0.004)
    receiver.statuses = [503]
    await stand.control("sell", {"sku": "TEE-M", "qty": 2, "order_id": "A-1", "line_id": "1"})
    await receiver.wait(1)
    clock[0] += 7000
    (first, body), (second, again) = await receiver.wait(2)
    assert body == again
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 7
    expected = standard_signature(SECRET, second["webhook-id"], int(second["webhook-timestamp"]), body)
    assert second["webhook-signature"] == expected
    event = json.loads(body)
    assert event["data"]["lines"] == [{"lineId": "1", "sku": "TEE-M", "qty": 2}]
    await stand.control("cancel", {"order_id": "A-1"})
    headers, body = (await receiver.wait(3))[2]
    assert headers["webhook-id"] != first["webhook-id"]
    data = json.loads(body)["data"]
    assert data["lines"][0]["qty"] == 0
    assert data["revision"] > event["data"]["revision"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_oracle_reads_what_was_sold_and_shown(open_account: Any, kind: str) -> None:
    """Lines with what they hold, levels, refusals, oversold units and the journal in the order of events."""
    stand = await open_account(kind, webhooks=False)
    replayed = {"sku": "TEE-M", "qty": 2, "order_id": "ORD_1", "line_id": "a b", "occurred_at": 123}
    await stand.control("sell", replayed)
    refused = await stand.control("sell", {"sku": "TEE-L", "qty": 2})
    assert refused["result"] == "sold_out"
    await stand.control("sell", {"sku": "TEE-L", "qty": 2, "respect_levels": False})
    state = await stand.read("state")
    first = state["lines"][0]
    known = {"order_id": "ORD_1", "line_id": "a b", "sku": "TEE-M", "qty": 2, "ordered": 2, "occurred_at": 123}
    assert {key: first[key] for key in known} == known
    assert state["levels"] == {"TEE-M": 3, "TEE-L": -1}
    assert state["oversold"] == {"TEE-L": 1}
    assert [(one["qty"]) for one in state["sold_out"]] == [2]
    assert [(one["sku"], one["delta"], one["level"]) for one in state["journal"]] == [
        ("TEE-M", -2, 3),
        ("TEE-L", -2, -1),
    ]
    assert [one["seq"] for one in (await stand.read("state?since=1"))["journal"]] == [2]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_order_of_several_lines_is_one_order(open_account: Any, receiver: Any, kind: str) -> None:
    """One webhook, two lines."""
    stand = await open_account(kind)
    answer = await stand.control("sell", {"lines": [{"sku": "TEE-M", "qty": 1}, {"sku": "TEE-L", "qty": 1}]})
    assert [line["sku"] for line in answer["lines"]] == ["TEE-M", "TEE-L"]
    await receiver.wait(1)
    await stand.until(lambda account: account.sender.pending == 0)
    assert len(receiver.got) == 1


async def test_the_merchants_own_count_is_no_push(open_account: Any) -> None:
    """A level set in the back office shows, but is not among the accepted writes of the API."""
    stand = await open_account("shopify", webhooks=False)
    await stand.control("level", {"sku": "TEE-M", "qty": 2})
    assert (await stand.read("state"))["levels"]["TEE-M"] == 2
    assert (await stand.read("pushes?since=0"))["pushes"] == []


@pytest.mark.parametrize(
    ("path", "wish", "status"),
    [
        ("sell", {"sku": "NONE", "qty": 1}, 404),
        ("sell", {"sku": "TEE-M", "qty": 0}, 400),
        ("sell", {"qty": 1}, 400),
        ("cancel", {"order_id": "none"}, 404),
        ("edit", {"order_id": "none", "line_id": "1", "qty": -1}, 400),
        ("faults", {"rain": 1}, 400),
        ("faults", {"outage_mode": "sleepy"}, 400),
        ("faults", {"outage_scope": ["moon"]}, 400),
    ],
)
async def test_a_wrong_wish_is_answered_with_a_sentence(
    open_account: Any, path: str, wish: dict[str, Any], status: int
) -> None:
    """400 for what cannot be meant, 404 for what is not there; nothing changes."""
    stand = await open_account("shopify", webhooks=False)
    answer = await stand.control(path, wish, status=status)
    assert answer["error"]
    assert (await stand.read("state"))["lines"] == []


async def test_an_outage_answers_503_and_holds_the_webhooks_back(open_account: Any, receiver: Any) -> None:
    """The API is down, the shop still sells, and what it sold is told after the outage."""
    stand = await open_account("woocommerce")
    await stand.control("faults", {"outage_s": 60})
    url = stand.server.make_url("/wp-json/wc/v3/products")
    async with stand.session.get(url) as answer:
        assert answer.status == 503
    assert (await stand.control("sell", {"sku": "TEE-M", "qty": 1}))["result"] == "sold"
    assert receiver.got == []
    await stand.control("faults", {"clear": True})
    await receiver.wait(1)


async def test_a_shop_that_is_down_altogether_sells_nothing(open_account: Any) -> None:
    """With `sells` false shoppers see the outage too; the connection is dropped where that is asked for."""
    stand = await open_account("woocommerce", webhooks=False)
    await stand.control("faults", {"outage_s": 60, "outage_mode": "refuse", "sells": False})
    assert (await stand.control("sell", {"sku": "TEE-M", "qty": 1}))["result"] == "down"
    with pytest.raises(aiohttp.ClientConnectionError):
        await stand.session.get(stand.server.make_url("/wp-json/wc/v3/products"))


async def test_a_lost_answer_was_applied(open_account: Any) -> None:
    """The write stands, the caller sees a broken connection; the next call is answered."""
    stand = await open_account("woocommerce", webhooks=False)
    listing = (await stand.read("state"))["listings"][0]
    await stand.control("faults", {"lost_answers": 1})
    with pytest.raises(aiohttp.ClientConnectionError):
        await stand.woo("POST", "/products/batch", {"update": [{"id": int(listing["listing"]), "stock_quantity": 9}]})
    assert (await stand.read("state"))["levels"]["TEE-M"] == 9
    assert (await stand.woo("GET", f"/products/{listing['listing']}"))[0] == 200


async def test_statuses_latency_and_dropped_webhooks(open_account: Any, receiver: Any) -> None:
    """The next calls get the wished status, every call waits, and a probability of 1 loses every webhook."""
    stand = await open_account("woocommerce")
    await stand.control("faults", {"status": {"code": 500, "count": 1}, "latency_ms": 30, "drop_webhooks": 1.0})
    url = stand.server.make_url("/wp-json/wc/v3/products")
    began = time.monotonic()
    async with stand.session.get(url) as answer:
        assert answer.status == 500
    assert time.monotonic() - began >= 0.03
    async with stand.session.get(url) as answer:
        assert answer.status == 401
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    assert stand.account.sender.counts["dropped"] == 1
    assert receiver.got == []


async def test_a_receiver_that_is_gone_is_an_attempt_without_status(open_account: Any) -> None:
    """The error's name stands in the log of deliveries."""
    stand = await open_account("shopify", webhooks=False, time_scale=1000.0)
    await stand.control("webhook", {"url": "http://127.0.0.1:9/hook", "topics": ["orders/create"]})
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    await stand.until(lambda account: len(account.sender.attempts) == 1)
    deliveries = (await stand.read("deliveries?since=0"))["deliveries"]
    assert (deliveries[0]["status"], deliveries[0]["error"]) == (0, "ClientConnectorError")


async def start(*options: str, **environment: str) -> asyncio.subprocess.Process:
    """Start the command as a user does."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "compose.fakes",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )


async def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """READY with the address, health, the final state in a file, exit code 0 on SIGTERM."""
    kept = tmp_path / "state.json"
    options = ("--kind", "shopify", "--name", "shopify-uk", "--port", "0", "--state", str(kept))
    process = await start(*options, FAKE_WEBHOOK_SECRET="s", FAKE_TOKEN="t")
    assert process.stdout is not None
    async with asyncio.timeout(20):
        word, address = (await process.stdout.readline()).decode().split()
    assert word == "READY"
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/healthz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        await process.communicate()
    assert process.returncode == 0
    assert json.loads(kept.read_bytes())["name"] == "shopify-uk"


async def test_the_command_asks_for_its_secrets() -> None:
    """Without a secret there is nothing to sign with: a sentence and a failure."""
    process = await start("--kind", "generic", "--name", "g", FAKE_WEBHOOK_SECRET="")
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode == 1
    assert "FAKE_WEBHOOK_SECRET" in said.decode()
