"""Listings with limits of their own: what they have used up stops their rows, and no other's."""

import orjson
import pytest

from publishers.channels import ebay
from publishers.kind import limited
from publishers.picking import SCARCE_MS
from publishers.push import TELL, Response
from publishers.spent_before import Spent, restore
from publishers.work import Call
from tests.publishers.conftest import Bench, BenchOf

DAY_MS = 86_400_000


def listed(bench: Bench, sku: str, number: str, variation: str = "") -> None:
    """Put a listing, or a variation of one, on the channel."""
    name = f"{number}/{variation}" if variation else number
    bench.listing(sku, name, listing=number, inventory_item=sku)


def done(call: Call) -> Response:
    """Answer as eBay does where every item is set."""
    rows = [{"statusCode": 200, "sku": one["sku"]} for one in orjson.loads(call.request.body)["requests"]]
    return Response(status=200, body=orjson.dumps({"responses": rows}))


@pytest.fixture
def bench(bench_of: BenchOf) -> Bench:
    """Return an eBay account with three variations of listing 7, and listing 8; all differ from what is shown."""
    made = bench_of("ebay")
    for sku in ("A", "B", "C"):
        listed(made, sku, "7", sku)
    listed(made, "D", "8")
    for sku in ("A", "B", "C", "D"):
        made.level(sku, 3)
    return made


def test_the_variations_of_a_listing_share_its_limit_within_a_call(bench: Bench) -> None:
    """One revision is left of listing 7: one of its variations is told, and the other listing; the rest wait."""
    bench.controller.calling.limiter.restore(TELL, bench.now, 1, bench.now, ["7"] * 249)
    bench.now += 2_000
    call = bench.plan()
    assert isinstance(call, Call)
    assert sorted(row.listing.ids["listing"] for row in call.rows) == ["7", "8"]
    bench.answer(call, done(call))
    assert isinstance(bench.plan(), int)
    left = {"A", "B", "C", "D"} - {row.sku for row in call.rows}
    assert len(left) == 2
    bench.now += DAY_MS + DAY_MS // 64
    again = bench.plan()
    assert isinstance(again, Call)
    assert {row.sku for row in again.rows} == left


def test_a_sku_on_two_listings_waits_for_the_one_that_is_used_up(bench: Bench) -> None:
    """Whichever of its rows comes last, it is not told by halves, and nobody crashes."""
    listed(bench, "A", "8", "A")
    bench.controller.calling.limiter.restore(TELL, bench.now, 1, bench.now, ["7"] * 250)
    bench.now += 2_000
    call = bench.plan()
    assert isinstance(call, Call)
    assert {row.sku for row in call.rows} == {"D"}


def test_many_listings_that_are_used_up_do_not_make_the_next_one_wait(bench_of: BenchOf) -> None:
    """They are put off one call after the other, without a pause between."""
    bench = bench_of("ebay")
    for number in range(200):
        listed(bench, f"S{number:03}", str(number))
        bench.level(f"S{number:03}", 3)
    bench.controller.calling.limiter.restore(TELL, bench.now, 1, bench.now, [*map(str, range(199))] * 250)
    bench.now = began = bench.now + 5_000
    while not isinstance(call := bench.plan(), Call):
        bench.now += call
    assert ([row.sku for row in call.rows], bench.now - began) == (["S199"], 0)


def test_what_was_told_before_a_restart_counts_by_the_number_that_variations_share(bench: Bench) -> None:
    """The log names each variation; the channel has counted their listing."""
    names = {
        one.listing_id: limited(one) for by_id in bench.controller.book.listings.values() for one in by_id.values()
    }
    before = [
        Spent(at=bench.now + place, call_id=str(place), bucket=TELL, listings=("7/A", "7/B"), requests=1)
        for place in range(125)
    ]
    restore(bench.controller.calling.limiter, before, bench.now + 1_000, lambda one: names.get(one, one))
    bench.now += 3_000
    call = bench.plan()
    assert isinstance(call, Call)
    assert {row.sku for row in call.rows} == {"D"}


def test_a_day_of_changes_never_revises_a_listing_more_than_250_times(bench: Bench) -> None:
    """A change every minute to each of three variations: 4,320 wishes, in no day more than 250 calls for rows."""
    told: list[int] = []
    for minute in range(2 * 1_440):
        bench.now += 60_000
        for sku in ("A", "B", "C"):
            bench.level(sku, 1 + minute % 7)
        while isinstance(call := bench.plan(), Call):
            told += [bench.now] * sum(row.listing.ids["listing"] == "7" for row in call.rows)
            bench.answer(call, done(call))
    assert all(told[place + ebay.LIMITS[TELL][1].amount] - told[place] >= DAY_MS for place in range(len(told) - 250))
    assert len(told) > 400


def test_the_last_revisions_of_a_listings_day_are_kept_for_what_may_be_oversold(bench: Bench) -> None:
    """Forty of listing 7's 250 are left: a restock of A waits, the 0 of B is told; A's own 0 comes soon enough."""
    bench.now += 2_000
    first = bench.plan()
    assert isinstance(first, Call)
    bench.answer(first, done(first))
    bench.controller.calling.limiter.restore(TELL, bench.now, 1, bench.now, ["7"] * 207)
    for sku, quantity in (("A", 9), ("B", 0), ("D", 9)):
        bench.level(sku, quantity)
    bench.now += 1_000
    call = bench.plan()
    assert isinstance(call, Call)
    assert {row.sku for row in call.rows} == {"B", "D"}
    bench.answer(call, done(call))
    bench.level("A", 0)
    bench.now += SCARCE_MS
    later = bench.plan()
    assert isinstance(later, Call)
    assert {row.sku for row in later.rows} == {"A"}
