"""The scale run's short mode: a tenth of the catalogue, everything judged, and the judge itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from publishers.push import Request
from tests.scale.buckets import Leaky, Sliding
from tests.scale.judge import Pace, Watch, hot_bound_ms, utilisation, wait_bound_ms
from tests.scale.run import contest, faults_of, one_run
from tests.scale.scenario import Size, draw
from tests.scale.vendor_shopify import Shopify

SMALL = Size(skus=2_000, hot=8, etsy=300, hot_at_etsy=2, parents=100)
PACE = Pace(purse="tell", rate=5, hot=5, backlog=10)


@pytest.fixture(scope="module")
def runs() -> Mapping[str, dict[str, Any]]:
    """Return one scenario in two orders of work."""
    return {order: one_run((3, order, SMALL)) for order in ("risk", "fifo")}


def test_every_channel_keeps_its_bounds_in_a_flash_sale(runs: Mapping[str, dict[str, Any]]) -> None:
    """Hot SKUs in step in time, nobody waits too long, no refusal, the budget used while work waits, all right."""
    assert [*faults_of(runs["risk"])] == []
    assert {kind for kind, found in runs["risk"]["channels"].items() if found["utilisation"]} >= {"etsy"}
    assert runs["risk"]["channels"]["amazon"]["calls"]["createFeed"] == 1
    assert runs["risk"]["orders"] > 50


def test_first_come_first_served_keeps_hot_skus_waiting(runs: Mapping[str, dict[str, Any]]) -> None:
    """The judge would notice: in this order Etsy's hot listings wait behind its backlog."""
    assert any("etsy: hot SKUs" in fault for fault in faults_of(runs["fifo"]))
    assert runs["fifo"]["oversold"] >= runs["risk"]["oversold"]


def test_equal_seeds_have_the_same_shoppers() -> None:
    """Whatever the order of work does, demand is the same; another seed has another."""
    assert draw(5, SMALL) == draw(5, SMALL)
    assert draw(5, SMALL).shoppers != draw(6, SMALL).shoppers


def test_a_bucket_of_points_leaks_evenly() -> None:
    """Full at first; then what has come back since, to the ms, and never more than it holds."""
    bucket = Leaky(rate=100, most=2_000)
    assert bucket.take(2_000, 0)
    assert not bucket.take(13, 129)
    assert bucket.take(13, 130)
    assert bucket.left(60_000) == 2_000


def test_a_window_that_slides_counts_each_call_for_its_time() -> None:
    """Ten in any second."""
    second = Sliding(most=10, per_ms=1_000)
    second.calls.extend(range(0, 1_000, 100))
    assert (second.left(999), second.left(1_000), second.left(1_950)) == (0, 1, 10)


def test_a_call_that_finds_no_points_is_refused_and_does_nothing() -> None:
    """Shopify says so inside a 200; the stand-in counts it."""
    shop = Shopify(numbers={"1": 5})
    shop.points.take(1_990, 0)
    body = b'{"query": "mutation { inventorySetQuantities }", "variables": {"input": {"quantities": []}}}'
    answer = shop.answer(Request(path="/", body=body), 0)
    assert (answer.status, b"THROTTLED" in answer.body, shop.refused, shop.spent) == (200, True, [0], [])


def test_the_watch_counts_from_the_oldest_change_that_was_not_told() -> None:
    """A call tells all versions up to its own; a SKU in an open call waits from that call's end on."""
    watch = Watch(on_sale={"A"})
    for version, at in ((1, 0), (2, 100)):
        watch.changed("A", version, at, hot=True, waits=True, open_=False)
    watch.told("A", 2, 150)
    watch.changed("A", 3, 160, hot=True, waits=False, open_=True)
    watch.in_step("A", 2, 200)
    watch.ended("A", 200)
    assert (watch.waits, watch.hot_lags, watch.hot_behind) == ([150, 50], [200, 100], {"A"})
    watch.told("A", 3, 240)
    watch.in_step("A", 3, 290)
    assert (watch.waits[-1], watch.hot_lags[-1], watch.hot_behind) == (40, 130, set())
    watch.changed("A", 4, 300, hot=True, waits=False, open_=False)
    assert (watch.waits[-1], watch.hot_lags[-1], watch.hot_p99(), watch.most_hot_behind) == (0, 0, 200, 1)


def test_the_bounds_are_those_of_the_issue() -> None:
    """5 s or 1.2 times the hot SKUs over the rate; 10 s or twice the backlog over the budget."""
    watch = Watch(on_sale=())
    assert (hot_bound_ms(watch, PACE), wait_bound_ms(watch, PACE)) == (5_000, 10_000)
    watch.most_hot_behind, watch.longest_queue = 50, 400
    assert (hot_bound_ms(watch, PACE), wait_bound_ms(watch, PACE)) == (12_000, 80_000)


def test_only_the_last_minute_of_a_backlog_is_asked_how_full_the_budget_was() -> None:
    """Of the longest time in which work waited; a shorter backlog says nothing."""
    watch = Watch(on_sale=())
    for due, at in ((1, 0), (0, 5_000), (3, 10_000), (2, 50_000), (0, 90_000), (0, 95_000), (1, 99_000)):
        watch.rests(due, due, at)
    assert watch.backlog(100_000) == (10_000, 90_000)
    spent = [(at, "tell", 1.0) for at in range(0, 90_001, 400)] + [(40_000, "read", 99.0)]
    assert utilisation(spent, PACE, (10_000, 90_000)) == 0.5
    assert utilisation(spent, PACE, (31_000, 90_000)) is None


def test_a_contest_is_won_where_the_other_oversells_no_less() -> None:
    """Nine of ten seeds must be; the interval is that of the mean difference."""
    units = [(3, 5), (2, 2), (0, 4), (7, 6), *[(1, 3)] * 6]
    runs = [
        {"seed": seed, "order": order, "oversold": many}
        for seed, pair in enumerate(units)
        for order, many in zip(("risk", "fifo"), pair, strict=True)
    ]
    found = contest(runs, "fifo")
    assert (found["won"], found["holds"], found["more_mean"]) == (9, True, 1.7)
    assert found["more_interval"][0] < 1.7 < found["more_interval"][1]
    runs[3]["oversold"] = 1
    assert not contest(runs, "fifo")["holds"]
