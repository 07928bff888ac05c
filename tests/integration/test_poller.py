"""The order poller against stand-in channels and a real Kafka: what was sold while nobody listened is not lost."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import StandInOf
from tests.integration.outside import http
from tests.integration.poll_bench import ENV, TOKENS, Bench, settings


@pytest.fixture(params=["shopify", "woocommerce"])
def bench(request: pytest.FixtureRequest, config_file: Callable[..., Path], stand_in: StandInOf, service: Any) -> Bench:
    kind: str = request.param
    base_url = f"http://{stand_in(kind, webhook='hush', token=TOKENS[kind]).address}"
    since = int(time.time() * 1000) - 3_600_000
    made = Bench(config_file([settings(kind, base_url, since)]), base_url, service)
    made.control("catalogue", products=[{"sku": f"TEE-{i}", "quantity": 10_000} for i in range(130)])
    return made


def test_orders_that_no_webhook_told_of_are_read_once_each(bench: Bench) -> None:
    """Every line that the channel sold is in Kafka with its units, and the watermark stands at no unread order."""
    bench.sell(120, lines=2)
    assert bench.once() == 0
    assert bench.newest() == bench.truth()
    assert len(bench.records("order.confirmed")) == 240
    last = max(record["revision"] for record in bench.records("order.confirmed"))
    assert bench.watermark() <= min(last, int(time.time() * 1000) - 9_000)


def test_an_order_longer_than_a_page_of_lines_is_read_whole(bench: Bench) -> None:
    """130 lines, 120 of them given back in part, come out with the units that they still hold."""
    order = bench.control("sell", lines=[{"sku": f"TEE-{i}", "qty": 2} for i in range(130)], respect_levels=False)
    returned = [{"line_id": line["line_id"], "qty": 1} for line in order["lines"][:120]]
    bench.control("refund", order_id=order["order_id"], lines=returned, restock_type="return")
    assert bench.once() == 0
    assert bench.newest() == bench.truth()
    assert sorted(bench.newest().values()) == [1] * 120 + [2] * 10


def test_cancels_and_returns_are_read_as_what_the_lines_hold_now(bench: Bench) -> None:
    """A cancelled order holds nothing, a returned unit is given up, and both arrive by the poll alone."""
    first, second = (bench.control("sell", sku="TEE-0", qty=3, respect_levels=False) for _ in range(2))
    assert bench.once() == 0
    bench.control("cancel", order_id=first["order_id"])
    line = second["lines"][0]["line_id"]
    bench.control("refund", order_id=second["order_id"], lines=[{"line_id": line, "qty": 1}], restock_type="return")
    assert bench.once() == 0
    assert bench.newest() == bench.truth()
    assert sorted(bench.newest().values()) == [0, 2]


def test_a_poller_killed_in_the_middle_loses_no_order(bench: Bench, eventually: Any) -> None:
    """SIGKILL while orders are being sold and read, three times; the next start reads the rest."""
    for _ in range(3):
        child = bench.poller()
        bench.sell(60)
        child.kill(signal.SIGKILL)
        bench.sell(20)
    bench.poller()
    eventually(lambda: bench.newest() == bench.truth(), 30)
    assert len(bench.truth()) == 240


def test_throttling_outages_and_odd_answers_are_waited_out(bench: Bench, eventually: Any) -> None:
    """A storm of 429, then a shop that is down, then one that is slow: the poller goes on by itself."""
    bench.sell(5)
    bench.control("faults", status={"code": 502, "count": 2}, throttle_s=3)
    bench.poller()
    eventually(lambda: bench.newest() == bench.truth(), 40)
    bench.sell(5)
    bench.control("faults", outage_s=2, outage_mode="refuse")
    eventually(lambda: bench.newest() == bench.truth(), 40)


def test_refused_credentials_stop_the_poll_with_exit_code_4(bench: Bench) -> None:
    """401 is not retried: the command ends and says why."""
    bench.control("faults", status={"code": 401})
    child = bench.poller("--once", ready=False)
    assert child.wait(60) == 4
    assert "credentials are refused" in child.output()


def test_a_serving_poller_says_how_it_is_and_reads_when_asked(bench: Bench) -> None:
    """Health, readiness and metrics answer; `POST /poll` wants a token; SIGTERM ends it with exit code 0."""
    child = bench.poller()
    address = child.address
    body = [http(f"http://{address}/{path}") for path in ("healthz", "readyz", "metrics")][-1]
    assert b"lastunit_ingest_poll_orders_total" in body
    with pytest.raises(OSError, match="401"):
        http(f"http://{address}/poll", b"", Authorization="Bearer wrong")
    assert http(f"http://{address}/poll", b"", Authorization="Bearer token") == b"reading\n"
    child.ask_to_end()
    assert child.wait(20) == 0


@pytest.mark.parametrize("bench", ["woocommerce"], indirect=True)
def test_reading_on_demand_says_what_it_did_and_may_be_stopped_and_done_again(bench: Bench, eventually: Any) -> None:
    """Counts as JSON; a second time nothing is written; SIGTERM in the middle is exit code 5, and no order is lost."""
    bench.sell(10)
    child = bench.poller("--since", "2h", "--json", ready=False)
    assert child.wait(60) == 0
    first = json.loads(child.output().splitlines()[-1])
    assert (first["ended"], first["orders"], first["changed"], first["deadLetters"]) == ("read", 10, 10, 0)
    mark = bench.watermark()
    assert bench.once("--since", "2h") == 0
    assert bench.newest() == bench.truth()
    assert bench.watermark() >= mark
    bench.control("faults", status={"code": 503, "count": 1_000})
    stopped = bench.poller("--since", "2h", ready=False)
    eventually(lambda: "again in" in stopped.output(), 30)
    stopped.ask_to_end()
    assert stopped.wait(20) == 5
    assert "goes on from there" in stopped.output()


@pytest.mark.parametrize("bench", ["shopify"], indirect=True)
def test_a_webhook_that_names_an_order_has_it_read_now_and_kill_9_loses_none(bench: Bench, eventually: Any) -> None:
    """With an hour between two searches: old orders that the watermark has passed are read because they are named."""
    slow = bench.path.read_text(encoding="utf-8").replace('"poll_every_ms" = 300', '"poll_every_ms" = 3600000')
    assert "3600000" in slow
    bench.path.write_text(slow, encoding="utf-8")
    bench.sell(1)
    assert bench.once() == 0
    orders = [sold["order_id"] for sold in (bench.control("sell", sku="TEE-0", qty=2) for _ in range(30))]
    child = bench.poller()
    eventually(lambda: bench.newest() == bench.truth(), 30)
    for order_id in orders:
        bench.control("cancel", order_id=order_id)
    bench.wake(*orders[:15])
    child.kill(signal.SIGKILL)
    bench.wake("elsewhere", channel="shop-2")
    bench.wake(*orders[15:])
    bench.poller()
    eventually(lambda: bench.newest() == bench.truth(), 30)
    eventually(lambda: bench.records("ingest.watermark")[-1]["woken"] == 31, 30)


class Shop:
    """A WooCommerce shop whose orders a test writes itself: the stand-in never drops a line."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                after = query.get("modified_after", [""])[0]
                include = query.get("include", [""])[0].split(",")
                rows = [
                    order
                    for number, order in shop.orders.items()
                    if order["date_modified_gmt"] > after and (include == [""] or str(number) in include)
                ]
                body = json.dumps(sorted(rows, key=lambda order: str(order["date_modified_gmt"]))).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, number: int, seconds_ago: int, lines: Mapping[int, tuple[str, int]]) -> None:
        """Place or change an order, as of so many seconds ago."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - seconds_ago))
        self.orders[number] = {
            "id": number,
            "status": "processing",
            "date_created_gmt": when,
            "date_modified_gmt": when,
            "line_items": [
                {"id": line, "sku": sku, "quantity": qty, "product_id": 1, "variation_id": 0, "meta_data": []}
                for line, (sku, qty) in lines.items()
            ],
        }


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_line_that_left_its_order_gives_its_units_back(
    shop: Shop, config_file: Callable[..., Path], service: Any, eventually: Any, tmp_path: Path
) -> None:
    """With the real processor: stock 10, lines of 3 and 2, the second one vanishes, a third one changes its SKU."""
    path = config_file(
        [settings("woocommerce", shop.base_url, int(time.time() * 1000) - 3_600_000)],
    )
    bench = Bench(path, shop.base_url, service)
    service("processor", sys.executable, "-m", "processor", "--config", str(path), env=ENV)
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,qty\nA,10\nB,10\n", encoding="utf-8")
    imported = service(
        "import",
        *(sys.executable, "-m", "ingest", "import", str(stock), "--config", str(path), "--apply"),
        ready=None,
    )
    assert imported.wait(30) == 0

    def levels() -> dict[str, int]:
        return {record["sku"]: record["quantity"] for record in bench.records("stock.level")}

    shop.put(7, 60, {1: ("A", 3), 2: ("A", 2), 3: ("B", 4)})
    assert bench.once() == 0
    eventually(lambda: levels() == {"A": 5, "B": 6}, 30)
    shop.put(7, 30, {1: ("A", 3), 3: ("A", 4)})
    assert bench.once() == 0
    eventually(lambda: levels() == {"A": 3, "B": 10}, 30)
    before = len(bench.records("order.confirmed"))
    assert bench.once() == 0
    assert len(bench.records("order.confirmed")) == before
