"""How long a channel takes to learn what has changed: from the change on, whatever it was that changed."""

from typing import Any

from publishers.answers import lags
from publishers.metrics import Metrics
from publishers.push import Answer, Response
from publishers.work import Call
from schemas.settings import Channel, Kind, Rules

TEN_MIN = 600_000


def tell(bench: Any, metrics: Metrics, response: Response | None = None) -> None:
    """Make the call that is due, let the channel answer after a second, and count it."""
    call = bench.plan()
    assert isinstance(call, Call)
    bench.now += 1_000
    ended = bench.controller.answer(call, response or bench.shop.serve(call), bench.now)
    assert isinstance(ended, Answer)
    metrics.called(call, ended, lags(bench.controller.book.levels, call, ended, bench.now))


def seconds(metrics: Metrics) -> float | None:
    """Return the sum of all lags."""
    return metrics.registry.get_sample_value("lastunit_publisher_lag_seconds_sum", {"channel": "shop"})


def test_another_buffer_is_no_level_that_is_late_by_its_age(bench_of: Any) -> None:
    """Else each change of a rule, and each number that was edited by hand, would be an alert for late levels."""
    bench, metrics = bench_of("woocommerce", {"A": 9}), Metrics("shop")
    bench.level("A", 8)
    tell(bench, metrics)
    assert seconds(metrics) == 1
    bench.now += TEN_MIN
    channel = Channel(name="shop", kind=Kind.WOOCOMMERCE, since=0, rules=Rules(buffer=1), reconcile_every_ms=0)
    bench.controller.rules(channel, bench.now)
    bench.now += 2_000
    tell(bench, metrics)

    assert seconds(metrics) == 1 + 3


def test_a_level_that_changed_while_nobody_listened_is_late_by_that_time(bench_of: Any) -> None:
    """A publisher that was away for an hour may not look punctual."""
    bench, metrics = bench_of("woocommerce", {"A": 9}), Metrics("shop")
    level = bench.level("A", 8)
    bench.now += 3_600_000
    bench.controller.level(level, bench.now)
    tell(bench, metrics)

    assert seconds(metrics) == 3_601


def test_a_level_that_fails_and_is_told_again_is_late_from_its_change_on(bench_of: Any) -> None:
    """The second attempt tells the same version; what it cost counts."""
    bench, metrics = bench_of("woocommerce", {"A": 9}), Metrics("shop")
    level = bench.level("A", 8)
    tell(bench, metrics, Response(status=500))
    assert not seconds(metrics)
    bench.now = bench.record("A").next_attempt_at
    tell(bench, metrics)

    assert seconds(metrics) == (bench.now - level.updated_at) / 1_000


def test_the_channel_s_own_sale_makes_no_later_rule_late(bench_of: Any) -> None:
    """Its level was never told, because the channel had lowered the number by itself."""
    bench, metrics = bench_of("woocommerce", {"A": 9}), Metrics("shop")
    bench.level("A", 8)
    tell(bench, metrics)
    bench.now += TEN_MIN // 2
    bench.shop.numbers["A"] = 7
    bench.ordered("A", 7, 1, ordered_at=bench.now - 100)
    bench.outcome("A", 1, ordered_at=bench.now - 100)
    assert bench.work() == 0
    bench.now += TEN_MIN
    channel = Channel(name="shop", kind=Kind.WOOCOMMERCE, since=0, rules=Rules(buffer=1), reconcile_every_ms=0)
    bench.controller.rules(channel, bench.now)
    tell(bench, metrics)

    assert seconds(metrics) == 1 + 1
