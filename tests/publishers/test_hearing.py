"""What a publisher makes of the orders that it hears of."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("elsewhere", ["another", "the other"])
def test_a_sale_elsewhere_is_told_here_whatever_the_other_channel_is_called(
    bench_of: Callable[..., Any], elsewhere: str
) -> None:
    """Only a channel's own sale has lowered its number already: "shop" stands between these two names."""
    bench = bench_of("shopify", {"A": 9})
    bench.outcome("A", 1, ordered_at=bench.now, channel=elsewhere, version=2)
    bench.ordered("A", 8, 1, ordered_at=bench.now, channel=elsewhere)
    bench.work()
    assert (bench.shop.calls, bench.shop.numbers) == ([("tell", {"A": 8})], {"A": 8})


def test_the_next_owner_counts_from_the_very_next_sale(bench_of: Callable[..., Any]) -> None:
    """What is written as heard ends with the sale just counted: one more, and an order would be lost at a takeover."""
    bench = bench_of("shopify", {"A": 9})
    for sold in (1, 2, 3):
        bench.ordered("A", 9 - sold, 1, ordered_at=bench.now)
        bench.outcome("A", 1, ordered_at=bench.now)
        assert bench.record("A").heard == sold
        bench.now += 10_000
