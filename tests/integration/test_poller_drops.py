"""
Webhooks that never come, with ingest, the poller and the processor as they run: each order is counted, and once.

The stand-ins' own books are the oracle; they know nothing of us.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StandInOf
from tests.integration.outside import books
from tests.integration.poll_bench import Bench, settings

STOCK = 1_000
KINDS = ("shopify", "woocommerce")
TOKENS = {"shopify": "shpat_secret", "woocommerce": "ck_one:cs_two"}
ENV = {
    "LASTUNIT_SHOPIFY_WEBHOOK_SECRETS": "hush",
    "LASTUNIT_SHOPIFY_ACCESS_TOKEN": "shpat_secret",
    "LASTUNIT_WOOCOMMERCE_WEBHOOK_SECRETS": "hush",
    "LASTUNIT_WOOCOMMERCE_CONSUMER_KEY": "ck_one",
    "LASTUNIT_WOOCOMMERCE_CONSUMER_SECRET": "cs_two",
    "LASTUNIT_STOCK_TOKENS": "token",
}


def skus(kind: str) -> list[str]:
    """Return what a shop sells; the two share no stock, so that a fault shows where it is."""
    return [f"{kind}-{i}" for i in range(8)]


def stocked(bench: Bench, folder: Path) -> None:
    """Count every SKU once, as a merchant does."""
    stock = folder / "stock.csv"
    stock.write_text(
        "sku,qty\n" + "".join(f"{sku},{STOCK}\n" for kind in KINDS for sku in skus(kind)), encoding="utf-8"
    )
    command = (sys.executable, "-m", "ingest", "import", str(stock), "--config", str(bench.path), "--apply")
    assert bench.service("import", *command, ready=None).wait(60) == 0


def busy(bench: Bench, orders: int) -> None:
    """Let shoppers buy, cancel, give back and change their minds, by a fixed pattern."""
    sold = skus(bench.name)
    for number in range(orders):
        lines = [{"sku": sold[(number + i) % len(sold)], "qty": 1 + i} for i in range(1 + number % 2)]
        order = bench.control("sell", lines=lines, respect_levels=False)
        if number % 7 == 3:
            bench.control("cancel", order_id=order["order_id"])
        elif number % 7 == 5:
            back = [{"line_id": order["lines"][0]["line_id"], "qty": 1}]
            bench.control("refund", order_id=order["order_id"], lines=back, restock_type="return")


def taken(bench: Bench) -> Counter[str]:
    """Return the units that the channel's orders hold, by SKU."""
    units: Counter[str] = Counter()
    for (_, sku), qty in bench.truth().items():
        units[sku] += qty
    return units


def levels(bench: Bench) -> dict[str, int]:
    """Return the newest level of every SKU."""
    return {record["sku"]: record["quantity"] for record in bench.records("stock.level")}


def on(bench: Bench) -> list[bool]:
    """Return of each webhook of the shop whether it is switched on."""
    return [hook["active"] for hook in books(bench.base_url)["subscriptions"]]


def switch_off(bench: Bench, eventually: Any) -> None:
    """Have the shop sign with a secret that we do not know until it gives its webhooks up, as it does by itself."""
    bench.control("secret", webhook="wrong")
    order = bench.control("sell", sku=skus(bench.name)[0], qty=1, respect_levels=False)

    def tried() -> bool:
        bench.control("sell", sku=skus(bench.name)[0], qty=1, respect_levels=False)
        bench.control("touch", order_id=order["order_id"])
        return not any(on(bench))

    eventually(tried, 30)
    bench.control("secret", webhook="hush")


@pytest.fixture
def shops(config_file: Callable[..., Path], stand_in: StandInOf, service: Any) -> list[Bench]:
    """Return a shop of each kind, all in one deployment, with ingest and the processor at work."""
    fakes = [stand_in(kind, kind, webhook="hush", token=TOKENS[kind], seed=11) for kind in KINDS]
    urls = [f"http://{fake.address}" for fake in fakes]
    since = int(time.time() * 1000) - 3_600_000
    path = config_file([settings(kind, url, since, kind) for kind, url in zip(KINDS, urls, strict=True)])
    service("processor", sys.executable, "-m", "processor", "--config", str(path), env=ENV)
    web = service("ingest", sys.executable, "-m", "ingest", "serve", "--config", str(path), env=ENV)
    made = [Bench(path, url, service, kind) for kind, url in zip(KINDS, urls, strict=True)]
    for bench in made:
        bench.control("catalogue", products=[{"sku": sku, "quantity": STOCK} for sku in skus(bench.name)])
        address = f"http://{web.address}/webhooks/{bench.name}/order"
        assert bench.control("webhook", url=address, time_scale=0.01)["active"]
    return made


def test_webhooks_that_are_dropped_are_recovered_by_the_poll_and_nothing_counts_twice(
    shops: list[Bench], service: Any, eventually: Any, tmp_path: Path
) -> None:
    """One in twenty is dropped, one in ten comes twice; WooCommerce has switched its webhooks off before all that."""
    stocked(shops[0], tmp_path)
    switch_off(shops[1], eventually)
    for bench in shops:
        bench.control("faults", drop_webhooks=0.05, duplicate_webhooks=0.1)
        command = (sys.executable, "-m", "ingest", "poll", bench.name, "--config", str(bench.path))
        service("poll", *command, env=ENV)
    eventually(lambda: all(on(shops[1])), 20)
    for bench in shops:
        busy(bench, 120)
    eventually(lambda: not any(books(bench.base_url)["webhooks"]["pending"] for bench in shops), 30)
    assert all(books(bench.base_url)["webhooks"]["dropped"] for bench in shops)
    expected = {sku: STOCK - taken(bench)[sku] for bench in shops for sku in skus(bench.name)}
    eventually(lambda: levels(shops[0]) == expected, 40)
    assert [bench.newest() for bench in shops] == [bench.truth() for bench in shops]
