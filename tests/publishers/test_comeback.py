"""SKUs for which a channel breaks down, while it takes all others."""

from collections.abc import Iterable
from typing import Any

import pytest

from publishers.push import Response
from publishers.work import Call
from schemas.words import Status

BROKEN = Response(status=500)
TOLD = [f"S{n}" for n in range(5)]


def trade(bench: Any, seconds: int, poison: Iterable[str]) -> int:
    """Change a level a second; a call with one of these SKUs ends in a 500.  Returns how many calls did."""
    failed = 0
    for second in range(seconds):
        bench.level(TOLD[second % len(TOLD)], 3 + second % 7)
        until = bench.now + 1_000
        while bench.now < until:
            step = bench.plan()
            if not isinstance(step, Call):
                bench.now += min(max(step, 1), until - bench.now)
                continue
            poisoned = not {*poison}.isdisjoint(row.sku for row in step.rows)
            failed += poisoned
            bench.answer(step, BROKEN if poisoned else None)
    return failed


@pytest.mark.parametrize("poison", [("X",), ("X", "Y")])
def test_a_sku_that_breaks_the_channel_is_not_tried_again_after_each_call_that_is_taken(
    bench_of: Any, poison: tuple[str, ...]
) -> None:
    """It climbs its ladder like any other, no letter is opened and closed on the way; the others are all told."""
    bench = bench_of("woocommerce", {"X": 5, "Y": 5, **dict.fromkeys(TOLD, 1)})
    for sku in poison:
        bench.level(sku, 4)
    assert trade(bench, 180, poison) <= 2 + 2 * len(poison)
    assert bench.letters() == []
    assert {bench.record(sku).status for sku in poison} == {Status.RETRYING}
    assert {bench.record(sku).status for sku in TOLD} == {Status.IN_STEP}


def test_what_a_single_call_that_failed_held_back_is_told_as_soon_as_another_is_taken(bench_of: Any) -> None:
    """Each time that it happens: who was in step meanwhile is no poison."""
    bench = bench_of("woocommerce", {"A": 5, "B": 5})
    for quantity in (4, 3, 2):
        bench.level("A", quantity)
        bench.answer(bench.plan(), BROKEN)
        assert bench.record("A").status is Status.RETRYING
        bench.level("B", quantity)
        bench.work()
        assert (bench.shop.numbers["A"], bench.record("A").status) == (quantity, Status.IN_STEP)
        bench.now += 1_000


def test_after_an_outage_everybody_is_tried_again(bench_of: Any) -> None:
    """Also who was tried in vain before it."""
    bench = bench_of("woocommerce", {"X": 5, **dict.fromkeys(TOLD, 1)})
    bench.level("X", 4)
    trade(bench, 60, ("X",))
    trade(bench, 60, ("X", *TOLD))
    assert bench.controller.calling.circuit.is_open
    trade(bench, 40, ())
    assert {bench.record(sku).status for sku in ("X", *TOLD)} == {Status.IN_STEP}
