"""What the alert for numbers that do not go out is made of: what is late, and not what waits as long as it must."""

from typing import Any

from publishers.metrics import SOON_MS, Metrics
from publishers.push import TELL, Response
from schemas.words import Status

SKUS = [f"S{n:03}" for n in range(300)]


def shown(bench: Any, *names: str) -> list[float | None]:
    """Return these of the publisher's gauges, in seconds."""
    metrics = Metrics("shop")
    metrics.show(bench.controller, 0, bench.now)
    of = {"channel": "shop"}
    return [metrics.registry.get_sample_value(f"lastunit_publisher_oldest_{name}_seconds", of) for name in names]


def backlog(bench_of: Any) -> Any:
    """Make a publisher with a count of 300 SKUs, 40 s after it was imported; the first 100 have just been told."""
    bench = bench_of("woocommerce", dict.fromkeys(SKUS, 9))
    for sku in SKUS:
        bench.level(sku, 8)
    bench.now += 40_000
    bench.answer(bench.plan(), took=0)
    assert len(bench.controller.tasks.queue) == 200
    return bench


def test_a_backlog_that_is_told_as_fast_as_it_may_be_is_not_late(bench_of: Any) -> None:
    """Its oldest SKU has waited for more than half a minute, and that is the channel's pace."""
    dirty, hot, ready = shown(backlog(bench_of), "dirty", "hot", "ready")
    assert hot == 0
    assert dirty == ready == 40


def test_a_hot_sku_that_waits_is_late(bench_of: Any) -> None:
    """Whatever else goes out."""
    bench = backlog(bench_of)
    told = next(sku for sku in SKUS if sku not in bench.controller.tasks.queue)
    bench.ordered(told, 2, 6, ordered_at=bench.now)
    bench.now += 31_000
    assert shown(bench, "dirty", "hot") == [71, 31]


def test_what_may_not_be_told_yet_is_not_late(bench_of: Any) -> None:
    """A SKU on its ladder, a channel that does not answer, one that wishes silence: each has an alert of its own."""
    bench = bench_of("woocommerce", {"A": 9})
    bench.level("A", 8)
    bench.now += 40_000
    assert shown(bench, "ready") == [40]
    bench.answer(bench.plan(), Response(status=200, body=b'{"update":[]}'))
    assert bench.record("A").status is Status.RETRYING
    assert shown(bench, "ready") == [0]

    bench = bench_of("woocommerce", {"A": 9, "B": 9})
    bench.level("B", 8)
    bench.controller.calling.limiter.throttled(TELL, SOON_MS + 1, bench.now)
    assert shown(bench, "ready") == [0]
    bench.now += SOON_MS + 2
    assert shown(bench, "ready") == [SOON_MS / 1_000 + 0.002]
    for left in (7, 6, 5):
        bench.level("B", left)
        bench.answer(bench.plan(), Response(status=503))
        bench.controller.tasks.replay(["B"], "test", bench.now)
    assert bench.controller.calling.circuit.is_open
    bench.now += 60_000
    assert shown(bench, "ready") == [0]
