"""A worker against a real Kafka: orders in, levels and outcomes out, each exactly once."""

import base64
import json
import random
import subprocess
import sys
from collections import Counter
from typing import Any

from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_LEVEL

SKUS = [f"SKU-{number}" for number in range(40)]


def stock(shop: Any, qty: int = 30) -> None:
    """Give every SKU its first count."""
    for sku in SKUS:
        shop.adjust(sku, "set", qty, f"count-{sku}")
    shop.flush()


def test_every_order_is_decided_once_and_as_the_rule_says(shop: Any, audit: Any, day: Any) -> None:
    """A day of orders, duplicates, cancels and deliveries gives the decisions that the rule's description demands."""
    worker = shop.worker()
    stock(shop)
    for _ in day(random.Random(1), 2_000, SKUS):
        pass
    shop.settle()
    found = audit(shop)
    results = Counter(outcome["result"] for _, outcome in found.outcomes)
    assert results["accepted"] > 500
    assert results["insufficient"] > 50
    assert results["settled"] > 10
    metrics = shop.get(worker, "/metrics")[1]
    assert f'lastunit_processor_decisions_total{{result="accepted"}} {results["accepted"]}.0' in metrics


def test_stock_that_was_acknowledged_before_a_sale_is_there_for_it(shop: Any) -> None:
    """A unit that Kafka has acknowledged is sold by the very next order, with a worker running and without one."""
    for round_ in range(2):
        for number in range(round_ * 60, round_ * 60 + 60):
            sku = SKUS[number % len(SKUS)]
            shop.adjust(sku, "add", 1, f"unit-{number}")
            shop.flush()
            shop.order(sku, number)
        if round_ == 0:
            shop.ready(shop.worker())
    shop.settle()
    results = Counter(o["result"] for o in shop.outcomes() if o["orderId"].startswith("shop_"))
    assert results == {"accepted": 120}


def test_a_record_nobody_can_read_is_kept_as_a_dead_letter_and_stops_nothing(shop: Any, kill: Any) -> None:
    """Bad bytes, a foreign version, a key that is not the SKU: each once in the dead letters, the rest is decided."""
    stock(shop)
    foreign = json.dumps({"v": 2, "sku": "SKU-1"}).encode()
    shop.order("SKU-1", 1)
    for value in (b"\xff\x00 not JSON", foreign, None):
        shop.send(ORDER_CONFIRMED, b"SKU-1", value)
    shop.send(ORDER_CONFIRMED, None, b"{}", partition=0)
    shop.order("SKU-1", 2)
    worker = shop.worker()
    shop.settle()
    kill(worker)
    shop.ready(shop.worker())
    shop.order("SKU-1", 3)
    shop.settle()
    dead = shop.dead()
    assert sorted(base64.b64decode(one["original"]) for one in dead) == sorted(
        [b"\xff\x00 not JSON", foreign, b"", b"{}"]
    )
    assert {(one["reason"], one["origin"]["topic"]) for one in dead} == {("undecodable", ORDER_CONFIRMED)}
    assert shop.levels()["SKU-1"]["quantity"] == 27


def test_other_teams_find_cloud_events_headers(shop: Any) -> None:
    """A level has the full headers and the trace of the order behind it; no two records share an id."""
    shop.adjust("SKU-1", "set", 5, "count")
    shop.flush()
    shop.ready(shop.worker())
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    shop.order("SKU-1", 1)
    shop.settle()
    order = shop.read(ORDER_CONFIRMED)[0]
    value = order.value().replace(b"shop_1_1", b"shop_2_1")
    shop._producer.produce(
        shop.config.kafka.topic(ORDER_CONFIRMED), key=b"SKU-1", value=value, headers=[("traceparent", trace.encode())]
    )
    shop.settle()
    levels = [dict(message.headers()) for message in shop.read(STOCK_LEVEL)]
    assert levels[-1]["traceparent"] == trace.encode()
    assert {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time"} <= levels[-1].keys()
    outcomes = [dict(message.headers()) for message in shop.read(ORDER_OUTCOME)]
    ids = [found["ce_id"] for found in levels + outcomes]
    assert len(set(ids)) == len(ids)


def test_a_worker_refuses_a_cluster_that_is_not_as_the_registry_says(config_file: Any) -> None:
    """Without its topics it ends at once, with a code of its own and a sentence that says what to do."""
    path = config_file(topics=False)
    argv = [sys.executable, "-m", "processor", "--config", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 69
    assert "python -m schemas topics --create" in done.stderr
