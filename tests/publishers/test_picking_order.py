"""What the controller tells first, and what it puts into one call."""

import orjson
import pytest

from publishers.push import Response
from publishers.work import Call, Purpose
from tests.publishers.conftest import Bench, BenchOf

STALE = "CHANGE_FROM_QUANTITY_STALE"


def stale(rows: int, bad: int) -> Response:
    """Return Shopify's answer to a call in which one row's number has changed meanwhile."""
    error = {"field": ["input", "quantities", str(bad), "changeFromQuantity"], "code": STALE, "message": ""}
    assert bad < rows
    return Response(status=200, body=orjson.dumps({"data": {"inventorySetQuantities": {"userErrors": [error]}}}))


def told(bench: Bench) -> list[str]:
    """Let the bench make its next call; returns the SKUs in their order."""
    call = bench.plan()
    assert isinstance(call, Call)
    assert call.purpose is Purpose.TELL
    bench.answer(call)
    return [row.sku for row in call.rows]


def sold(bench: Bench, sku: str, quantity: int) -> None:
    """Let a unit be sold elsewhere, so that the SKU is hot here."""
    bench.ordered(sku, quantity, 1, ordered_at=bench.now, channel="elsewhere")


def test_what_sells_now_is_told_before_a_backlog(bench_of: BenchOf) -> None:
    """Three hundred numbers wait since before; the SKU that was just sold is the first row of the first call."""
    bench = bench_of("woocommerce", {f"S{n}": 5 for n in range(300)})
    for n in range(300):
        bench.level(f"S{n}", 9)
    bench.now += 2_000
    sold(bench, "S299", 8)
    calls = [told(bench) for _ in range(3)]
    assert calls[0][0] == "S299"
    assert [len(skus) for skus in calls] == [100, 100, 100]


def test_of_two_that_sell_the_scarcer_one_is_told_first(bench_of: BenchOf) -> None:
    """A channel that still offers what is sold out, before one that offers a unit of many too much."""
    bench = bench_of("woocommerce", {"many": 90, "none": 4})
    for n in range(20):
        sold(bench, "many", 89 - n)
    for n in range(4):
        sold(bench, "none", 3 - n)
    assert told(bench) == ["none", "many"]


def test_a_parents_variations_are_told_in_one_call_wherever_they_stand(bench_of: BenchOf) -> None:
    """Thousands of others wait before them, and not one of them is in the call."""
    bench = bench_of("woocommerce")
    parents, each = 60, 40
    for n in range(parents * each):
        bench.listing(f"S{n}", product=str(1 + n % parents), variation=str(10_000 + n))
        bench.level(f"S{n}", 5)
    calls = [told(bench)]
    for _ in range(parents - 1):
        bench.now += 1_000
        calls.append(told(bench))
    assert {len(skus) for skus in calls} == {each}
    assert all(len({int(sku[1:]) % parents for sku in skus}) == 1 for skus in calls)


@pytest.mark.parametrize("bad", [0, 9])
def test_a_call_that_failed_for_one_hot_row_halves_the_next(bench_of: BenchOf, bad: int) -> None:
    """All or nothing: with many sales large calls hardly ever pass; one that does adds a row."""
    bench = bench_of("shopify", {f"S{n}": 50 for n in range(12)})
    for n in range(12):
        sold(bench, f"S{n}", 49)
    call = bench.plan()
    assert isinstance(call, Call)
    assert len(call.rows) == 10
    bench.answer(call, stale(10, bad))
    bench.work()
    assert [len(rows) for kind, rows in bench.shop.calls if kind == "tell"][:2] == [5, 6]


def test_a_few_calm_numbers_make_no_feed(bench_of: BenchOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that sell are not counted: else all would be taken out and put back every second."""
    bench = bench_of("amazon")
    picker = bench.controller.calling.picker
    taken: list[int] = []

    def take_calm(_now: int, limit: int, _accept: object) -> list[tuple[str, int]]:
        taken.append(limit)
        return []

    monkeypatch.setattr(picker.tasks.queue, "take_calm", take_calm)
    for n in range(1_600):
        bench.listing(f"S{n}")
        bench.level(f"S{n}", 5)
        if n % 4 == 0:
            sold(bench, f"S{n}", 4)
    assert picker.pick_bulk(bench.now, "r1") is None
    assert taken == []
    for n in range(1_600, 2_000):
        bench.listing(f"S{n}")
        bench.level(f"S{n}", 5)
    assert picker.pick_bulk(bench.now, "r2") is None
    assert taken == [25_000]
