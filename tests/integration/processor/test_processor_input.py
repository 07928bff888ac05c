"""Bad input and foreign writers, against a real Kafka: nothing passes silently, nothing stops more than it must."""

import json
import time
from typing import Any

from confluent_kafka import Producer

from schemas.topics import ORDER_CONFIRMED, STOCK_ADJUSTED

NOW = int(time.time() * 1000)
SKUS = [f"SKU-{number}" for number in range(8)]


def wedged(shop: Any, worker: Any) -> dict[str, str]:
    """Return the partitions that a worker has stopped, with their reasons."""
    found: dict[str, str] = json.loads(shop.get(worker, "/readyz")[1] or "{}").get("wedged", {})
    return found


def test_a_transactional_writers_markers_and_aborted_records_are_no_gaps(shop: Any, kill: Any) -> None:
    """Orders behind them are decided, adjustments that end in a marker hold no order up, a restart finds its place."""
    for topic in (STOCK_ADJUSTED, ORDER_CONFIRMED):
        writer = Producer(shop.config.kafka.producer(transactional_id=shop.config.kafka.group(f"foreign-{topic}")))
        writer.init_transactions(20)
        for end in (writer.commit_transaction, writer.abort_transaction, writer.commit_transaction):
            writer.begin_transaction()
            aborted = end == writer.abort_transaction
            for number, sku in enumerate(SKUS):
                value = order(sku, number, aborted=aborted) if topic == ORDER_CONFIRMED else delivery(sku, end)
                writer.produce(shop.config.kafka.topic(topic), key=sku.encode(), value=value)
            end(20)
        if topic == STOCK_ADJUSTED:
            worker = shop.worker()
    shop.eventually(lambda: {level["quantity"] for level in shop.levels().values()} == {19})
    assert shop.get(worker, "/readyz")[0] == 200
    lag = "lastunit_processor_lag_records"
    shop.eventually(
        lambda: (
            [line.split()[1] for line in shop.get(worker, "/metrics")[1].splitlines() if line.startswith(lag)]
            == ["0.0"] * 2 * shop.count
        )
    )
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    shop.order("SKU-0", 99)
    shop.flush()
    shop.eventually(lambda: shop.levels()["SKU-0"]["quantity"] == 18)
    assert wedged(shop, worker) == {}
    assert shop.dead() == []


def order(sku: str, number: int, *, aborted: bool) -> bytes:
    """Return an order line, with an impossible quantity where it must not be seen."""
    record = {
        "v": 1, "sku": sku, "listingSku": sku, "qty": 1_000 if aborted else 1, "channel": "shop",
        "orderId": f"shop_{number}_1", "revision": 9 if aborted else 1, "seenAt": 1, "orderedAt": NOW,
        "receivedAt": NOW,
    }  # fmt: skip
    return json.dumps(record).encode()


def delivery(sku: str, end: Any) -> bytes:
    """Return ten units, once for each transaction."""
    record = {"v": 1, "sku": sku, "kind": "add", "qty": 10, "adjustmentId": f"{sku}-{id(end)}", "receivedAt": 1}
    return json.dumps(record).encode()
