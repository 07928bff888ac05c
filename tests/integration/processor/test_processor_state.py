"""Tables that are kept, that grow old, and that others follow: against a real Kafka, with both stores."""

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import ORDER_CONFIRMED

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


def metric(shop: Any, worker: Any, name: str) -> dict[str, float]:
    """Return a metric's series by their labels."""
    found = {}
    for line in shop.get(worker, "/metrics")[1].splitlines():
        if line.startswith(f"lastunit_processor_{name}") and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            found[series.removeprefix(f"lastunit_processor_{name}")] = float(value)
    return found


def recovered(shop: Any, worker: Any) -> float:
    """Return how many records of the tables' topics a worker has read."""
    return metric(shop, worker, "recovered_records_total").get("", -1.0)


def databases(processor: Any, instance: str = "w") -> list[Path]:
    """Return the folders of a worker's databases."""
    return sorted(path for path in Path(processor["state_dir"]).glob(f"*/{instance}/*") if path.is_dir())


@pytest.mark.parametrize("store", ["rocksdb"])
def test_a_worker_that_is_killed_reads_only_what_its_databases_lack(
    shop: Any, audit: Any, kill: Any, processor: Any
) -> None:
    """Rows are on disk, complete up to a place that is written with them; a damaged database is read back whole."""
    stock(shop)
    worker = shop.worker()
    sell(shop, range(400))
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    assert recovered(shop, worker) < 40
    sell(shop, range(300, 500))
    assert metric(shop, worker, "ignored_total")['{reason="duplicate"}'] == 100
    kill(worker)
    first, second, *_ = databases(processor)
    (first / "CURRENT").write_text("junk", encoding="utf-8")
    (second / "DAMAGED").touch()
    worker = shop.worker()
    shop.ready(worker)
    assert 100 < recovered(shop, worker) < 540
    aside = [path.name for path in databases(processor) if path.name.endswith(".aside")]
    assert aside == [f"{first.name}.aside", f"{second.name}.aside"]
    sell(shop, range(400, 600))
    audit(shop)


@BOTH
def test_lines_older_than_the_horizon_leave_the_tables_and_are_not_read_back(
    processor: Any, kill: Any, request: Any
) -> None:
    """Their rows go while the worker runs, a restart does not load them, and an update of one changes nothing."""
    processor["horizon_ms"] = 2_000
    shop = request.getfixturevalue("shop")
    worker = shop.worker()
    stock(shop)
    sell(shop, range(200))
    shop.eventually(lambda: metric(shop, worker, "forgotten_lines_total").get("", 0) >= 240, 30)
    records = metric(shop, worker, "table_records")
    assert records['{table="lines"}'] == 0
    assert records['{table="levels"}'] >= 40  # RocksDB counts some rows twice for a while
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    held = re.findall(r"recovered: (\d+) levels, (\d+) lines", worker.tail())
    assert sum(int(levels) for levels, _ in held) >= 40
    assert sum(int(lines) for _, lines in held) == 0
    first = json.loads(next(m for m in shop.read(ORDER_CONFIRMED) if b"shop_0_1" in m.value()).value())
    late = first | {"qty": 0, "revision": 2, "receivedAt": int(time.time() * 1000)}
    shop.send(ORDER_CONFIRMED, late["sku"].encode(), json.dumps(late).encode())
    shop.settle()
    assert [o["result"] for o in shop.outcomes() if o["orderId"] == "shop_0_1"] == ["accepted", "too_old"]


@BOTH
def test_a_standby_takes_over_with_what_it_has_and_fences_nobody_before(shop: Any, audit: Any, store: str) -> None:
    """It follows while the owner works; when that one leaves, it reads almost nothing more; who stays, nothing."""
    stock(shop)
    first = shop.worker("a")
    shop.ready(first)
    sell(shop, range(300))
    stays = recovered(shop, first)
    second = shop.worker("b")
    shop.ready(second)
    shop.ready(first)
    assert json.loads(shop.get(first, "/readyz")[1])["lanes"] == {"open": 2}
    sell(shop, range(300, 400))

    def followed() -> bool:
        return all(list(metric(shop, one, "standby_lag_records").values()) == [0, 0] for one in (first, second))

    shop.eventually(followed)
    assert shop.get(first, "/healthz")[0] == shop.get(second, "/healthz")[0] == 200
    assert recovered(shop, first) - stays <= 110  # what the other has decided since; nothing of its own
    before = recovered(shop, second)
    left = time.monotonic()
    first.kill(signal.SIGTERM)
    shop.order(SKUS[0], 10_000)
    shop.order(SKUS[1], 10_001)
    shop.order(SKUS[2], 10_002)
    shop.order(SKUS[3], 10_003)
    shop.settle()
    assert time.monotonic() - left < 6, store  # the session is 6 s: nobody waited for its end
    assert recovered(shop, second) - before < 40
    sell(shop, range(500, 600))
    audit(shop)


def test_of_two_workers_with_one_name_the_newer_stays(shop: Any, audit: Any) -> None:
    """The older ends with its reason instead of taking the name back, and so on for ever."""
    stock(shop)
    older = shop.worker("twin")
    sell(shop, range(100))
    newer = shop.worker("twin")
    assert older.wait(20) == 80
    assert "another worker" in older.tail() or "has another owner" in older.tail()
    shop.ready(newer)
    sell(shop, range(100, 200))
    audit(shop)
