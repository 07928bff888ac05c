"""
eBay from its stand-in into a real Kafka: notifications that only eBay's own key proves, and the orders that they name.

The stand-in signs with a key pair of its own and shows the public half to whoever has the application's token.
"""

import base64
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from schemas.config import load
from tests.conftest import StandInOf
from tests.integration.outside import FAST, books, control, http, records, status

TOKEN = "a-verification-token-of-32-characters-or-more"
ENV = {
    "LASTUNIT_SHOP_CLIENT_ID": "app-id",
    "LASTUNIT_SHOP_CLIENT_SECRET": "cert-id",
    "LASTUNIT_SHOP_REFRESH_TOKEN": "v^1.1#refresh",
    "LASTUNIT_SHOP_VERIFICATION_TOKEN": TOKEN,
    "LASTUNIT_STOCK_TOKENS": "token",
}
CALLS_MAX = 8
"""What a thousand forgeries may cost: a token, and a burst of unknown names."""


class Deployment:
    """An eBay seller's stand-in, `ingest` with its public address, and what Kafka holds."""

    def __init__(self, path: Path, ebay: str, address: str, service: Any) -> None:
        self.path, self.config, self.ebay, self.service = path, load(path), ebay, service
        self.webhooks = f"{address}/webhooks/shop/order"
        self.ebay_down = False

    def control(self, word: str, **wish: Any) -> Any:
        """Drive the stand-in."""
        return control(self.ebay, word, **wish)

    def state(self) -> Any:
        """Return the stand-in's own books."""
        return books(self.ebay)

    def forged(self, number: int) -> int:
        """Send a notification that names a key of our own making; return the answer's status."""
        told = {"alg": "ecdsa", "kid": f"forged-{number}", "signature": "MEUCIQ==", "digest": "SHA1"}
        header = base64.b64encode(json.dumps(told).encode()).decode()
        return status(self.webhooks, b'{"metadata":{"topic":"ORDER_CONFIRMATION"}}', X_EBAY_SIGNATURE=header)


@pytest.fixture
def deployment(config_file: Callable[..., Path], stand_in: StandInOf, service: Any, unused_tcp_port: int) -> Deployment:
    fake = stand_in("ebay", "ma8vp1jySJC", webhook=TOKEN, token="app-id:cert-id")
    ebay, address = f"http://{fake.address}", f"http://127.0.0.1:{unused_tcp_port}"
    channel = {
        "name": "shop",
        "kind": "ebay",
        "alias": "ma8vp1jySJC",
        "since": int(time.time() * 1000) - 3_600_000,
        "base_url": ebay,
        "webhook_url": f"{address}/webhooks/shop/order",
        "orders_limit": FAST,
    }
    path = config_file([channel])
    command = [sys.executable, "-m", "ingest", "serve", "--config", str(path), "--port", str(unused_tcp_port)]
    service("ingest", *command, env=ENV)
    made = Deployment(path, ebay, address, service)
    products = [{"sku": "TEE", "quantity": 1_000}, {"sku": "größe 44", "quantity": 1_000, "parent": "HEMD"}]
    made.control("catalogue", products=products)
    return made


def test_a_sale_is_told_by_a_signed_notification_and_read_by_the_poller(
    deployment: Deployment, eventually: Any
) -> None:
    """
    The address answers eBay's question, each line's notification is a wake, and the order's lines come by the poll.

    A cancellation is told to nobody, and comes by the poll as well.  `discover` finds the listings that were sold.
    """
    assert deployment.control("webhook", url=deployment.webhooks, time_scale=0.001)["active"]
    lines = [{"sku": "TEE", "qty": 3}, {"sku": "größe 44", "qty": 2}]
    sold = [deployment.control("sell", lines=lines, duplicate=number == 0)["order_id"] for number in range(3)]
    deployment.control("cancel", order_id=sold[2])

    def delivered() -> bool:
        webhooks = deployment.state()["webhooks"]
        return bool(webhooks.get("delivered", 0) == 8 and webhooks["pending"] == 0)

    eventually(delivered)
    wakes = Counter(record["order"] for record in records(deployment.config, "ingest.wake"))
    assert wakes == {sold[0]: 4, sold[1]: 2, sold[2]: 2}
    assert deployment.state()["calls"]["public_keys"] == 1
    assert records(deployment.config, "order.confirmed") == []

    command = [sys.executable, "-m", "ingest", "poll", "shop", "--config", str(deployment.path), "--once"]
    assert deployment.service("poll", *command, env=ENV, ready=None).wait(60) == 0
    held = {(line["orderId"], line["sku"]): line["qty"] for line in records(deployment.config, "order.confirmed")}
    told = deployment.state()["lines"]
    assert held == {(f"shop_{line['order_id']}_{line['line_id']}", line["sku"]): line["qty"] for line in told}
    assert sorted(held.values()) == [0, 0, 2, 2, 3, 3]

    command = [sys.executable, "-m", "ingest", "discover", "shop", "--config", str(deployment.path), "--apply"]
    assert deployment.service("discover", *command, env=ENV, ready=None).wait(60) == 0
    found = {(row["listingId"], row["sku"]) for row in records(deployment.config, "listing")}
    assert found == {(row["listing"], row["sku"]) for row in deployment.state()["listings"]}


def test_a_forged_notification_is_refused_and_costs_ebay_next_to_nothing(deployment: Deployment) -> None:
    """A thousand names of keys that do not exist: 401 or "later", a handful of calls; eBay's own word still counts."""
    assert deployment.control("webhook", url=deployment.webhooks)["active"]
    assert deployment.forged(0) == 401
    with ThreadPoolExecutor(8) as senders:
        answers = Counter(senders.map(deployment.forged, range(1_000)))
    assert answers.keys() <= {401, 503}
    calls = deployment.state()["calls"]
    assert calls.get("public_keys", 0) + calls.get("tokens", 0) <= CALLS_MAX
    assert records(deployment.config, "ingest.wake") == []


def test_while_the_key_server_is_away_ebay_is_told_to_come_again(deployment: Deployment, eventually: Any) -> None:
    """503 while the key cannot be fetched; its retry brings the sale once it can."""
    assert deployment.control("webhook", url=deployment.webhooks, time_scale=0.01)["active"]
    deployment.control("faults", outage_s=3, outage_scope=["api"])
    order = deployment.control("sell", sku="TEE", qty=1)["order_id"]
    eventually(lambda: [one["status"] for one in attempts(deployment)] == [503])
    deployment.control("faults", clear=True)
    eventually(lambda: [record["order"] for record in records(deployment.config, "ingest.wake")] == [order])
    assert [one["status"] for one in attempts(deployment)] == [503, 200]


def attempts(deployment: Deployment) -> list[Any]:
    """Return the stand-in's attempts to deliver, in their order."""
    return list(json.loads(http(f"{deployment.ebay}/_control/deliveries"))["deliveries"])
