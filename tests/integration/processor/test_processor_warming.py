"""A worker that finds others is warm before it joins: against a real Kafka."""

import json
import signal
from typing import Any

import pytest

from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

SKUS = [f"SKU-{number}" for number in range(40)]
BOTH = pytest.mark.parametrize("store", ["memory", "rocksdb"])


def sell(shop: Any, numbers: range) -> None:
    """Order a unit each."""
    for number in numbers:
        shop.order(SKUS[number % len(SKUS)], number)
    shop.settle()


def stock(shop: Any) -> None:
    """Give every SKU its first count."""
    for sku in SKUS:
        shop.adjust(sku, "set", 40, f"count-{sku}")


def said(worker: Any, words: str) -> list[dict[str, Any]]:
    """Return what a worker has logged with these words in it, in order."""
    lines = [json.loads(line) for line in worker.output().splitlines() if line.startswith("{")]
    return [line for line in lines if words in line["message"]]


def recovered(shop: Any, worker: Any) -> float:
    """Return how many records of the tables' topics a worker has read."""
    found = shop.get(worker, "/metrics")[1].split("lastunit_processor_recovered_records_total ")
    return float(found[-1].split("\n")[0])


@BOTH
@pytest.mark.usefixtures("store")
def test_a_worker_that_joins_others_has_its_tables_before_its_partitions_stand_still(shop: Any, audit: Any) -> None:
    """It reads everything as a standby; its lanes, which nobody else decides for, read nothing more."""
    stock(shop)
    first = shop.worker("a")
    shop.ready(first)
    assert not said(first, "warms up")  # nobody else was there
    sell(shop, range(300))
    records = len(shop.read(STOCK_LEVEL)) + len(shop.read(ORDER_OUTCOME))
    second = shop.worker("b")
    shop.ready(second)
    shop.ready(first)
    (warm,) = said(second, "warm: 4 of 4")
    opened = said(second, " recovered: ")
    assert len(opened) == 2
    assert all(line["at"] >= warm["at"] for line in opened)
    assert warm["records"] == recovered(shop, second) == records
    sell(shop, range(300, 400))
    audit(shop)


@pytest.mark.parametrize("store", ["memory"])
@pytest.mark.usefixtures("store")
def test_a_killed_worker_that_kept_nothing_lets_the_others_decide_until_it_is_warm(shop: Any, audit: Any) -> None:
    """The group would hold its partitions for it, and nobody would decide while it reads."""
    stock(shop)
    first = shop.worker("a")
    shop.ready(first)
    second = shop.worker("b")
    shop.ready(second)
    shop.ready(first)
    sell(shop, range(200))
    before = len(said(first, "because it is rebalancing"))
    second.kill(signal.SIGKILL)
    second.wait(10)
    second = shop.worker("b")
    shop.ready(second)
    shop.ready(first)
    assert said(second, "the group still holds partitions for b")
    assert len(said(first, "because it is rebalancing")) > before  # the group did not wait for the name's return
    (warm,) = said(second, "warm: 4 of 4")
    assert all(line["at"] >= warm["at"] for line in said(second, " recovered: "))
    assert warm["records"] == recovered(shop, second)
    sell(shop, range(200, 300))
    audit(shop)


@pytest.mark.parametrize("store", ["rocksdb"])
@pytest.mark.usefixtures("store")
def test_a_killed_worker_that_kept_its_tables_has_its_partitions_back_without_a_rebalance(
    shop: Any, audit: Any
) -> None:
    """It joins at once; nobody else's partitions stop."""
    stock(shop)
    first = shop.worker("a")
    shop.ready(first)
    second = shop.worker("b")
    shop.ready(second)
    shop.ready(first)
    sell(shop, range(200))
    mine = {line["partition"] for line in said(second, " recovered: ")}
    second.kill(signal.SIGKILL)
    second.wait(10)
    second = shop.worker("b")
    shop.ready(second)
    assert not said(second, "warms up")
    assert {line["partition"] for line in said(second, " recovered: ")} == mine
    assert len(said(first, " recovered: ")) == 4
    sell(shop, range(200, 300))
    audit(shop)
