"""Etsy from its thin webhook to the record in Kafka: ingest, the log of wakes, the poller, and a stand-in shop."""

import base64
import csv
import hashlib
import hmac
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StandInOf
from tests.integration.outside import FAST, books, http
from tests.integration.poll_bench import Bench

SECRET = "whsec_RXRzeSdzIG5ldyBzZWNyZXQsIDI0"
SHOP_ID = "12345678"
TOKEN = "keystring:shared:1.refresh"
ENV = {
    "LASTUNIT_SHOP_WEBHOOK_SECRETS": SECRET,
    "LASTUNIT_SHOP_API_KEY": "keystring",
    "LASTUNIT_SHOP_SHARED_SECRET": "shared",
    "LASTUNIT_SHOP_REFRESH_TOKEN": "1.refresh",
    "LASTUNIT_STOCK_TOKENS": "token",
}
WITHIN_S = 15.0
"""A few seconds on a quiet machine; the next search is ten minutes away."""


class Desk:
    """A whole deployment for one Etsy shop."""

    def __init__(self, bench: Bench, web: str, poller: str) -> None:
        self.bench, self.web, self.poller = bench, web, poller

    def order(self, **wish: Any) -> dict[str, Any]:
        """Let a shopper buy."""
        sold: dict[str, Any] = self.bench.control("sell", **wish)
        assert sold["result"] == "sold"
        return sold

    def held(self, order: str, sku: str) -> list[int]:
        """Return what an order's lines of a SKU hold."""
        known = self.bench.newest().items()
        return [qty for (name, own), qty in known if name.startswith(f"shop_{order}_") and own == sku]

    def run(self, *argv: str) -> int:
        """Run a command of ingest; returns its exit code."""
        command = [sys.executable, "-m", "ingest", *argv, "--config", str(self.bench.path)]
        return int(self.bench.service("ingest-cli", *command, env=ENV, ready=None).wait(60))

    def post(self, body: bytes, path: str = "shop/order") -> dict[str, Any]:
        """Send a webhook that the vendor's secret signs, and return the answer."""
        sent = str(int(time.time()))
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = hmac.new(key, f"msg_x.{sent}.".encode() + body, hashlib.sha256).digest()
        signature = base64.b64encode(digest).decode()
        seal = {"webhook_id": "msg_x", "webhook_timestamp": sent, "webhook_signature": signature}
        told: dict[str, Any] = json.loads(http(f"http://{self.web}/webhooks/{path}", body, **seal))
        return told


@pytest.fixture
def desk(config_file: Callable[..., Path], stand_in: StandInOf, service: Any, eventually: Any) -> Desk:
    base_url = f"http://{stand_in('etsy', webhook=SECRET, token=TOKEN).address}"
    channel = {
        "name": "shop",
        "kind": "etsy",
        "alias": SHOP_ID,
        "since": int(time.time() * 1000) - 3_600_000,
        "base_url": base_url,
        "orders_limit": FAST,
        "poll_every_ms": 600_000,
    }
    bench = Bench(config_file([channel]), base_url, service)
    bench.control("catalogue", products=[{"sku": f"TEE-{i}", "quantity": 100} for i in range(3)])
    run = (sys.executable, "-m", "ingest")
    web = service("ingest", *run, "serve", "--config", str(bench.path), env=ENV)
    poller = service("poll", *run, "poll", "shop", "--config", str(bench.path), env=ENV)
    bench.control("webhook", url=f"http://{web.address}/webhooks/shop/order", time_scale=0.001)
    eventually(lambda: books(base_url)["calls"].get("calls", 0) >= 2)
    return Desk(bench, web.address, poller.address)


def test_what_a_shop_sells_and_cancels_is_in_kafka_within_seconds(desk: Desk, eventually: Any) -> None:
    """
    A webhook names a receipt and wakes the poller, which reads it long before its next search is due.

    What Etsy cancels itself is told by nobody: the search by time of change finds it.  A refund gives nothing back.
    """
    first = desk.order(lines=[{"sku": "TEE-0", "qty": 3}, {"sku": "TEE-1", "qty": 1}], duplicate=True)
    kept, lost = desk.order(sku="TEE-2", qty=2), desk.order(sku="TEE-1", qty=5)
    eventually(lambda: desk.bench.newest() == desk.bench.truth(), WITHIN_S)
    assert sorted(desk.bench.newest().values()) == [1, 2, 3, 5]

    desk.bench.control("cancel", order_id=first["order_id"])
    eventually(lambda: desk.bench.newest() == desk.bench.truth(), WITHIN_S)
    assert sorted(desk.bench.newest().values()) == [0, 0, 2, 5]

    units = [{"line_id": kept["lines"][0]["line_id"], "qty": 2}]
    desk.bench.control("refund", order_id=kept["order_id"], lines=units, restock_type="no_restock")
    desk.bench.control("cancel", order_id=lost["order_id"], reason="fraud")
    assert http(f"http://{desk.poller}/poll", b"", Authorization="Bearer token") == b"reading\n"
    eventually(lambda: desk.bench.newest() == desk.bench.truth(), WITHIN_S)
    assert sorted(desk.bench.newest().values()) == [0, 0, 0, 2]
    assert desk.bench.records("stock.deadletter") == []


def renewed(desk: Desk, listing: int) -> None:
    """Write a listing's inventory back as it is: its products and values get other ids."""
    form = b"grant_type=refresh_token&client_id=keystring&refresh_token=1.refresh"
    base = f"{desk.bench.base_url}/v3"
    token = json.loads(http(f"{base}/public/oauth/token", form, content_type="application/x-www-form-urlencoded"))
    seal = {"x_api_key": "keystring:shared", "authorization": f"Bearer {token['access_token']}"}
    address = f"{base}/application/listings/{listing}/inventory"
    shown = json.loads(http(address, None, **seal))
    before = {one["product_id"] for one in shown["products"]}
    for one in shown["products"]:
        (offering,) = one.pop("offerings")
        price = offering["price"]["amount"] / offering["price"]["divisor"]
        kept = {name: offering[name] for name in ("quantity", "is_enabled", "readiness_state_id")}
        one["offerings"] = [{**kept, "price": price}]
        del one["product_id"], one["is_deleted"]
        for value in one["property_values"]:
            del value["scale_name"]
    del shown["listing"]
    told = json.loads(http(address, json.dumps(shown).encode(), "PUT", **seal))
    assert not before & {one["product_id"] for one in told["products"]}


def test_a_product_without_a_sku_is_mapped_by_hand_once(desk: Desk, tmp_path: Path, eventually: Any) -> None:
    """
    Its order waits under the id that `discover` shows; filled in and imported, it counts, and so do all that follow.

    Each update of the listing gives its products and their values other ids, and nothing has to be mapped again.
    """
    wish = [{"sku": "", "quantity": 9, "parent": "NAMELESS"} for _ in range(2)]
    made = desk.bench.control("catalogue", products=wish)["listings"]
    listing, (_, mine) = made[0]["ids"]["listing_id"], [one["listing"] for one in made]
    renewed(desk, listing)
    first = desk.order(listing=mine, qty=1)
    eventually(lambda: [one["listingId"] for one in desk.bench.records("stock.deadletter")], WITHIN_S)
    (wanted,) = {one["listingId"] for one in desk.bench.records("stock.deadletter")}

    file = tmp_path / "etsy.csv"
    assert desk.run("discover", "shop", "--csv", str(file)) == 0
    rows = [*csv.DictReader(file.read_text("utf-8-sig").splitlines())]
    for row in rows:
        row["sku"] = "BY-HAND" if row["listing_id"] == wanted else row["sku"] or "OTHER"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert desk.run("import", str(file), "--apply") == 0

    sold = []
    for _ in range(2):
        renewed(desk, listing)
        sold.append(desk.order(listing=mine, qty=2)["order_id"])
    desk.bench.control("cancel", order_id=first["order_id"])
    for order, qty in ((sold[0], 2), (sold[1], 2), (first["order_id"], 0)):
        eventually(lambda order=order, qty=qty: qty in desk.held(order, "BY-HAND"), WITHIN_S)
    before = len(desk.bench.records("listing"))
    assert desk.run("discover", "shop", "--apply") == 0
    assert len(desk.bench.records("listing")) == before


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def test_an_address_in_a_signed_body_is_never_called(desk: Desk, trap: socket.socket, eventually: Any) -> None:
    """
    The receipt is read at the shop's configured address; at the one in the body nobody ever knocks.

    An app has one endpoint for all its shops, so there is an address that they share: the shop's id finds the channel.
    """
    desk.bench.control("webhook", url="http://127.0.0.1:1/nowhere")
    sold = desk.order(sku="TEE-0", qty=1)
    host = f"127.0.0.1:{trap.getsockname()[1]}"
    hostile = f"https://{host}/v3/application/shops/{SHOP_ID}/receipts/{sold['order_id']}"
    body = {"event_type": "order.paid", "resource_url": hostile, "shop_id": SHOP_ID}

    assert desk.post(json.dumps(body).encode(), "etsy/orders")["deadLetters"] == 0
    eventually(lambda: desk.bench.newest() == desk.bench.truth(), WITHIN_S)
    for url in (
        f"https://x@{host}/v3/application/shops/{SHOP_ID}/receipts/1",
        f"https://{host}/../1",
        f"http://{host}/",
    ):
        assert desk.post(json.dumps({**body, "resource_url": url}).encode())["deadLetters"] == 1
    eventually(lambda: len(desk.bench.records("stock.deadletter")) == 3, WITHIN_S)
    with pytest.raises(BlockingIOError):
        trap.accept()
