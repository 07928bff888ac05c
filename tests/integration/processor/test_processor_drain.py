"""SIGTERM while nothing answers: the worker ends in time all the same, and nothing is lost."""

import random
import signal
import time
from typing import Any

SKUS = [f"SKU-{number}" for number in range(40)]


def test_a_worker_ends_within_ten_seconds_though_no_broker_answers(shop: Any, audit: Any, day: Any, kafka: Any) -> None:
    """The broker is paused under load: transactions hang, look-ups hang, the group cannot be left."""
    for sku in SKUS:
        shop.adjust(sku, "set", 40, f"count-{sku}")
    worker = shop.worker()
    shop.ready(worker)
    stream = day(random.Random(11), 3_000, SKUS)
    for _ in range(2_000):
        next(stream)
    shop.flush()
    kafka.child.kill(signal.SIGSTOP)
    try:
        started = time.monotonic()
        worker.kill(signal.SIGTERM)
        code = worker.wait(20)
        took = time.monotonic() - started
    finally:
        kafka.child.kill(signal.SIGCONT)
    assert code in (0, 84)
    assert took < 10
    for _ in stream:
        pass
    shop.flush()  # the broker answers again
    shop.worker()
    shop.settle()
    audit(shop)
