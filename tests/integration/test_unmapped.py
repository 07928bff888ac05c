"""
Lines that no listing told the SKU of, from the webhook to the decision, with a service that is killed in between.

And orders of last year that somebody archives: they reach the processor and move nothing.
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest import import_cli, unmapped_cli
from ingest.remap.letters import Letters
from schemas.channel_records import Listing
from schemas.config import load
from tests.integration.outside import control, http, records

SECRET, TOKEN = "hush", "let-me-in"
NOW = int(time.time() * 1000)
DAY = 86_400_000
ENV = {
    "LASTUNIT_UK_WEBHOOK_SECRETS": SECRET,
    "LASTUNIT_WOO_WEBHOOK_SECRETS": SECRET,
    "LASTUNIT_WOO_CONSUMER_KEY": "ck_one",
    "LASTUNIT_WOO_CONSUMER_SECRET": "cs_two",
    "LASTUNIT_STOCK_TOKENS": TOKEN,
}


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()


def order(
    number: int, variant: int, qty: int, *, changed: int = NOW, placed: int = NOW, sku: str = ""
) -> dict[str, Any]:
    """Return a Shopify order with one line, which names a variant and (unless given) no SKU."""
    line = {"id": 1, "variant_id": variant, "sku": sku or None, "quantity": qty}
    return {
        "id": number,
        "test": False,
        "created_at": iso(placed),
        "updated_at": iso(changed),
        "line_items": [line],
        "refunds": [],
    }


class Bench:
    """A deployment: the web service, the processor, a WooCommerce stand-in, and what Kafka holds."""

    def __init__(self, path: Path, folder: Path, web: Any, fake: Any) -> None:
        self.path, self.folder, self.web, self.fake = path, folder, web, fake
        self.config = load(path)

    def webhook(self, told: dict[str, Any], topic: str = "orders/updated") -> dict[str, Any]:
        """Send a signed order as Shopify would."""
        body = json.dumps(told).encode()
        signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        headers = {"X_Shopify_Topic": topic, "X_Shopify_Hmac_Sha256": signature}
        answer: dict[str, Any] = json.loads(http(f"http://{self.web.address}/webhooks/uk/order", body, **headers))
        return answer

    def stock(self, **levels: int) -> None:
        """Count SKUs."""
        rows = [{"sku": sku, "kind": "set", "qty": qty, "adjustmentId": f"count-{sku}"} for sku, qty in levels.items()]
        url = f"http://{self.web.address}/stock/adjustments"
        http(url, json.dumps({"adjustments": rows}).encode(), Authorization=f"Bearer {TOKEN}")

    def shop(self, word: str, **wish: Any) -> dict[str, Any]:
        """Make something happen in the WooCommerce shop."""
        told: dict[str, Any] = control(f"http://{self.fake.address}", word, **wish)
        return told

    def map(self, text: str) -> None:
        """Import listings."""
        file = self.folder / "listings.csv"
        file.write_text(text, encoding="utf-8")
        parser = argparse.ArgumentParser()
        import_cli.add_arguments(parser)
        assert import_cli.run(parser.parse_args([str(file), "--apply", "--config", str(self.path)])) == 0

    def records(self, topic: str) -> list[dict[str, Any]]:
        """Return every record of a topic, in each partition's order."""
        return records(self.config, topic)

    def held(self, order_id: str) -> dict[str, tuple[str, int]]:
        """Return what a line holds of each SKU, and by which decision."""
        rows = [row for row in self.records("order.outcome") if row["orderId"] == order_id]
        return {row["sku"]: (row["result"], row["held"]) for row in rows}

    def levels(self) -> dict[str, int | None]:
        """Return the newest level of each SKU."""
        return {row["sku"]: row["quantity"] for row in self.records("stock.level")}


@pytest.fixture(scope="module")
def bench(config_file: Any, supervisor: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Yield one deployment for all tests of this file."""
    children = []

    def start(name: str, *argv: str, **env: str) -> Any:
        children.append(
            supervisor.start(f"unmapped-{name}", (sys.executable, "-m", *argv), env=env, ready=r"^READY (\S+)$")
        )
        return children[-1]

    told = {"FAKE_WEBHOOK_SECRET": SECRET, "FAKE_TOKEN": "ck_one:cs_two"}
    fake = start("fake", "compose.fakes", "--kind", "woocommerce", "--name", "woo", **told)
    since = NOW - 30 * DAY
    fast = {"orders_limit": ({"calls": 1_000, "per_ms": 1_000, "burst": 1_000},), "search_lag_ms": 1_000}
    channels = [
        {"name": "uk", "kind": "shopify", "since": since},
        {"name": "woo", "kind": "woocommerce", "since": since, "base_url": f"http://{fake.address}", **fast},
    ]
    path = config_file(channels)
    web = start("web", "ingest", "serve", "--config", str(path), **ENV)
    start("processor", "processor", "--config", str(path), "--instance", "w")
    yield Bench(path, tmp_path_factory.mktemp("unmapped"), web, fake)
    for child in children:
        child.ask_to_end()
    for child in children:
        child.stop()


@pytest.fixture
def remap(bench: Bench, service: Any) -> Callable[[], Any]:
    """Return what starts the service."""
    return lambda: service("remap", sys.executable, "-m", "ingest", "remap", "--config", str(bench.path))


def unmapped(bench: Bench, capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser()
    unmapped_cli.add_arguments(parser)
    capsys.readouterr()
    assert unmapped_cli.run(parser.parse_args(["--json", "--config", str(bench.path), *argv])) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["unmapped"]
    return found


def test_a_line_waits_for_its_listing_and_is_decided_when_it_comes(
    bench: Bench, remap: Callable[[], Any], capsys: pytest.CaptureFixture[str], eventually: Any
) -> None:
    """Webhook, list, import, decision; the service is killed before and after the mapping, and nothing counts twice."""
    bench.stock(TEE=10, CUP=10, SAUCER=10)
    answers = [bench.webhook(told) for told in (order(7, 101, 2), order(8, 102, 3))]
    assert [answer["answer"] for answer in answers] == ["dead_lettered", "dead_lettered"]
    waiting = {row["listingId"]: (row["lines"], row["units"], row["orderId"]) for row in unmapped(bench, capsys)}
    assert waiting == {"101": (1, 2, "uk_7_1"), "102": (1, 3, "uk_8_1")}

    first = remap()
    first.kill()
    bench.map(
        "channel,listing_id,sku,variant,inventory_item,components\n"
        "uk,101,TEE,101,201,\nuk,102,SET,102,202,2*CUP|1*SAUCER\n"
    )
    second = remap()
    eventually(lambda: bench.held("uk_7_1") == {"TEE": ("accepted", 2)})
    eventually(lambda: bench.held("uk_8_1") == {"CUP": ("accepted", 6), "SAUCER": ("accepted", 3)})
    second.kill()
    third = remap()

    eventually(lambda: unmapped(bench, capsys) == [])
    assert bench.levels() | {"SET": None} == {"TEE": 8, "CUP": 4, "SAUCER": 7, "SET": None}
    letters = [row for row in bench.records("stock.deadletter") if row["orderId"] == "uk_7_1"]
    assert {row["resolves"] for row in letters if row["resolves"]} == {letters[0]["deadLetterId"]}
    shown = http(f"http://{third.address}/metrics").decode()
    assert 'lastunit_ingest_unmapped_lines_count{channel="uk"} 0.0' in shown
    assert third.stop() == 0


def test_a_state_that_came_after_the_mapping_outranks_the_one_that_waited(
    bench: Bench, remap: Callable[[], Any], capsys: pytest.CaptureFixture[str], eventually: Any
) -> None:
    """An edit by webhook, then the older line out of its dead letter: the edit stands."""
    bench.stock(MUG=10)
    bench.webhook(order(9, 103, 4))
    bench.map("channel,listing_id,sku,variant,inventory_item\nuk,103,MUG,103,203\n")
    eventually(lambda: bench.webhook(order(10, 103, 2))["answer"] == "accepted")
    assert bench.webhook(order(9, 103, 1, changed=NOW + 5_000))["records"] == 1
    eventually(lambda: bench.held("uk_9_1") == {"MUG": ("accepted", 1)})
    remap()

    eventually(lambda: unmapped(bench, capsys) == [])
    assert 4 in [row["qty"] for row in bench.records("order.confirmed") if row["orderId"] == "uk_9_1"]
    bench.webhook(order(12, 103, 2))
    eventually(lambda: bench.held("uk_12_1") == {"MUG": ("accepted", 2)})
    assert (bench.held("uk_9_1"), bench.levels()["MUG"]) == ({"MUG": ("accepted", 1)}, 5)


def test_an_unmapped_line_of_last_year_is_too_old_when_its_listing_comes(
    bench: Bench, remap: Callable[[], Any], capsys: pytest.CaptureFixture[str], eventually: Any
) -> None:
    """It is judged by when it was ordered and received, not by when it was mapped."""
    bench.stock(JUG=10)
    bench.webhook(order(11, 104, 4, placed=NOW - 300 * DAY))
    bench.map("channel,listing_id,sku,variant,inventory_item\nuk,104,JUG,104,204\n")
    remap()

    eventually(lambda: bench.held("uk_11_1") == {"JUG": ("too_old", 0)})
    eventually(lambda: unmapped(bench, capsys) == [])
    assert bench.levels()["JUG"] == 10


def test_old_orders_that_are_archived_move_no_level(bench: Bench, service: Any, eventually: Any) -> None:
    """Shopify tells of each by webhook, WooCommerce's are met by the poll: recorded as too old, nothing else."""
    bench.stock(OLD=10)
    for number in range(20, 30):
        assert bench.webhook(order(number, 900, 3, placed=NOW - 400 * DAY, sku="OLD"))["records"] == 1
    bench.shop("catalogue", products=[{"sku": "OLD", "quantity": 1_000}])
    for _ in range(5):
        sold = bench.shop("sell", lines=[{"sku": "OLD", "qty": 2}], created_at=NOW - 400 * DAY)
        bench.shop("touch", order_id=sold["order_id"])
    argv = (sys.executable, "-m", "ingest", "poll", "woo", "--once", "--config", str(bench.path))
    assert service("poll", *argv, env=ENV, ready=None).wait(60) == 0
    bench.webhook(order(30, 900, 1, sku="OLD"))

    eventually(lambda: bench.held("uk_30_1") == {"OLD": ("accepted", 1)})
    eventually(
        lambda: sum(row["result"] == "too_old" and row["sku"] == "OLD" for row in bench.records("order.outcome")) == 15
    )
    assert bench.levels()["OLD"] == 9


def test_letters_that_did_not_fit_are_read_again_from_the_topic(bench: Bench, eventually: Any) -> None:
    """A real topic, and room for two: as lines are done with, the next ones come into mind, until none is missed."""
    answers = [bench.webhook(order(number, 105, 1)) for number in range(40, 46)]
    assert {answer["answer"] for answer in answers} == {"dead_lettered"}
    listing = Listing(channel="uk", listing_id="105", sku="ROOM")
    letters, seen = Letters(bench.config, 2), set[str]()
    letters.start()
    letters.wait()
    assert letters.counts()[1] >= 4

    def all_seen() -> bool:
        ready = letters.ready(lambda _channel, name: listing if name == "105" else None, 10, NOW)
        seen.update(str(stuck.letter.order_id) for stuck, _ in ready)
        letters.done(name for _, records in ready for name in records.ids)
        return seen == {f"uk_{number}_1" for number in range(40, 46)}

    eventually(all_seen)
    letters.close()
    assert not letters.alive
