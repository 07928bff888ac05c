"""A listing that is sold no more: it shows 0 and keeps showing it, while its orders count as before."""

from typing import Any

import pytest

from publishers.rules import offered
from schemas.words import Command, Result, Status

KINDS = pytest.mark.parametrize("kind", ["shopify", "woocommerce"])


def test_nothing_is_offered_of_a_retired_listing_and_unknown_is_not_zero() -> None:
    """A SKU that was never stocked is left as the channel has it, retired or not."""
    assert [offered(5, retired=True), offered(0, retired=True), offered(None, retired=True)] == [0, 0, None]
    assert [offered(5, retired=False), offered(None, retired=False)] == [5, None]


@KINDS
def test_a_listing_that_is_retired_is_told_0_once_and_stays_in_step(bench_of: Any, kind: str) -> None:
    """The flag comes by `listing`; later levels make no call, and a new owner makes none either."""
    bench = bench_of(kind, {"A": 9})
    told = len(bench.shop.calls)
    bench.listing("A", retired=True)
    bench.work()
    assert bench.shop.numbers == {"A": 0}
    assert [call for call in bench.shop.calls[told:] if call[0] == "tell"] == [("tell", {"A": 0})]

    bench.level("A", 20)
    bench.level("A", 3)
    calls = bench.work()

    record = bench.record("A")
    assert (calls, record.status, record.dirty_since, record.listings["A"].shown) == (0, Status.IN_STEP, None, 0)


@KINDS
def test_a_listing_that_is_taken_up_again_shows_the_level_again(bench_of: Any, kind: str) -> None:
    """Whatever the level has become meanwhile."""
    bench = bench_of(kind, {"A": 9})
    bench.listing("A", retired=True)
    bench.work()
    bench.level("A", 4)
    bench.listing("A")
    bench.work()

    assert bench.shop.numbers == {"A": 4}
    assert bench.record("A").status is Status.IN_STEP


def test_only_the_retired_one_of_a_sku_s_listings_shows_0(bench_of: Any) -> None:
    """The others are told every level."""
    bench = bench_of("shopify", {"A": 9})
    bench.listing("A", "A2")
    bench.work()
    bench.listing("A", "A2", retired=True)
    bench.work()
    assert bench.shop.numbers == {"A": 9, "A2": 0}

    bench.level("A", 7)
    bench.work()

    assert bench.shop.numbers == {"A": 7, "A2": 0}
    assert bench.record("A").status is Status.IN_STEP


def test_an_order_of_a_retired_listing_counts_and_raises_nothing(bench_of: Any) -> None:
    """Sold while the 0 was on its way: the channel is told 0 again, and nothing is taken for a sale that hides."""
    bench = bench_of("shopify", {"A": 9})
    bench.listing("A", retired=True)
    bench.work()
    bench.shop.numbers["A"] = -1
    bench.ordered("A", 8, 1, ordered_at=bench.now)
    bench.outcome("A", 1, ordered_at=bench.now)
    bench.work()

    assert bench.shop.numbers == {"A": 0}
    assert (bench.record("A").hidden, bench.record("A").status) == (0, Status.IN_STEP)


def test_a_cancel_of_a_retired_listing_gives_back_to_the_level_and_shows_nothing(bench_of: Any) -> None:
    """The channel raises its own number when it restocks; it is told 0."""
    bench = bench_of("woocommerce", {"A": 9})
    bench.listing("A", retired=True)
    bench.work()
    bench.shop.numbers["A"] = 1
    bench.ordered("A", 10, -1, ordered_at=bench.now)
    bench.outcome("A", -1, ordered_at=bench.now, result=Result.ACCEPTED)
    bench.work()

    assert bench.shop.numbers == {"A": 0}
    assert bench.record("A").status is Status.IN_STEP


def test_the_record_says_that_a_listing_is_retired_even_where_no_call_is_due(bench_of: Any) -> None:
    """It showed 0 already; who explains the number later must find out why it stays so."""
    bench = bench_of("shopify", {"A": 0})
    bench.listing("A", retired=True)
    bench.collect()
    assert bench.record("A").listings["A"].retired is True
    assert bench.out[-1] == bench.record("A")

    bench.level("A", 5)
    assert bench.work() == 0
    bench.listing("A")
    bench.work()

    assert (bench.record("A").listings["A"].retired, bench.shop.numbers) == (False, {"A": 5})


def test_a_flag_that_changed_while_nobody_was_active_is_written_by_the_next_owner(bench_of: Any) -> None:
    """And a channel in shadow writes it when it is enabled."""
    bench = bench_of("shopify", {"A": 0})
    bench.command(Command.SHADOW)
    bench.collect()
    before = len(bench.out)
    bench.listing("A", retired=True)
    bench.collect()
    assert len(bench.out) == before

    bench.command(Command.ENABLE)
    bench.collect()

    assert [record.listings["A"].retired for record in bench.out[before:]] == [True]


def test_a_retired_listing_says_when_its_number_stands_beside_one_that_is_sold(bench_of: Any) -> None:
    """At eBay both are offers of one inventory item: what the item shows is no drift of the retired one."""
    bench = bench_of("ebay")
    for name in ("gb", "de"):
        bench.listing("A", name, inventory_item="E", offer=name)
    bench.level("A", 5)
    bench.listing("A", "de", retired=True, inventory_item="E", offer="de")
    assert {row.listing.listing_id: (row.quantity, row.shared) for row in bench.controller.book.rows("A")} == {
        "gb": (5, False),
        "de": (0, True),
    }
    known = bench.controller.reconciler.inspection.known
    sold, retired = (bench.controller.book.listings["A"][name] for name in ("gb", "de"))
    assert (known(sold).wanted, known(retired).wanted) == (5, None)
    bench.listing("A", "gb", retired=True, inventory_item="E", offer="gb")
    assert (known(retired).wanted, {row.shared for row in bench.controller.book.rows("A")}) == (0, {False})
