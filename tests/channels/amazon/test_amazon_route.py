"""The bridge's address, served as it is in production: which account, whose token, and what is refused."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from schemas.config import parse
from tests.ingest.stage import Stage, staged

CONFIG = parse(
    {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "channels": [
            {"name": "amazon-us", "kind": "amazon", "since": 1, "alias": "A3TH9S8BH6GOGM"},
            {"name": "amazon-eu", "kind": "amazon", "since": 1, "alias": "A1EUSELLER", "hold_pending": False},
        ],
    }
)
ENVIRON = {
    "LASTUNIT_AMAZON_US_WEBHOOK_SECRETS": "token-us",
    "LASTUNIT_AMAZON_EU_WEBHOOK_SECRETS": "token-eu token-eu-old",
    "LASTUNIT_STOCK_TOKENS": "x",
}
SHARED = "/webhooks/amazon/orders"
SAMPLE = Path(__file__).parent / "webhooks" / "order_pending.json"


def body(seller: str) -> bytes:
    told = json.loads(SAMPLE.read_text(encoding="utf-8"))["body"]
    told["Payload"]["OrderChangeNotification"]["SellerId"] = seller
    return json.dumps(told).encode()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Yield the application, served."""
    async with staged(CONFIG, ENVIRON) as running:
        yield running


async def post(stage: Stage, path: str, sent: bytes, token: str) -> int:
    headers = {"X-Auth-Token": token}
    async with (
        ClientSession(f"http://127.0.0.1:{stage.port}") as client,
        client.post(path, data=sent, headers=headers) as answer,
    ):
        return answer.status


def lines(stage: Stage) -> list[tuple[str, int]]:
    values: list[dict[str, Any]] = [json.loads(message.value) for message in stage.broker.sent]
    return [(value["channel"], value["qty"]) for value in values]


async def test_the_seller_in_the_body_chooses_the_account_and_its_setting(stage: Stage) -> None:
    """One address for all sellers; an order that is not paid holds its units as each account wants it."""
    assert await post(stage, SHARED, body("A3TH9S8BH6GOGM"), "token-us") == 200
    assert await post(stage, SHARED, body("a1euseller"), "token-eu-old") == 200
    assert lines(stage) == [("amazon-us", 2), ("amazon-eu", 0)]


async def test_a_seller_that_is_not_the_channels_is_refused(stage: Stage) -> None:
    """Another account's token, another account's address, a seller whom nobody knows: nothing is counted."""
    assert await post(stage, SHARED, body("A3TH9S8BH6GOGM"), "token-eu") == 401
    assert await post(stage, "/webhooks/amazon-us/order", body("A1EUSELLER"), "token-us") == 401
    assert await post(stage, SHARED, body("A9STRANGER"), "token-us") == 404
    assert await post(stage, SHARED, b"{", "token-us") == 404
    assert stage.broker.sent == []
