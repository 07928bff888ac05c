"""A SKU with several listings at one channel, of which one fails for a passing reason."""

from typing import Any

import orjson
import pytest

from publishers import ladder
from publishers.push import Response
from publishers.work import Call
from schemas.channel_records import ChannelLevel, Shown
from schemas.words import Command, Status

MINUTE = 60_000
BUSY = {"code": "locked", "message": "try later", "data": {"status": 503}}


def works(bench: Any, ms: int, *failing: str) -> list[tuple[int, dict[str, int]]]:
    """Run for so long; rows of the failing listings are answered as busy.  Returns when which calls were made."""
    made, ends = [], bench.now + ms
    while bench.now < ends:
        step = bench.plan()
        if not isinstance(step, Call):
            bench.now += min(max(step, 1), ends - bench.now)
            continue
        rows = {row.listing.listing_id: row.quantity for row in step.rows}
        made.append((bench.now, rows))
        ids = [change["id"] for change in orjson.loads(step.request.body or b'{"update": []}')["update"]]
        named = zip(ids, rows, strict=False)  # a read-back has no rows in its body, and no row in its answer
        update = [{"id": own, **({"error": BUSY} if name in failing else {})} for own, name in named]
        bench.shop.numbers.update({name: number for name, number in rows.items() if name not in failing})
        bench.answer(step, Response(status=200, body=orjson.dumps({"update": update})))
    return made


def two(bench_of: Any, levels: dict[str, int] | None = None) -> Any:
    """Make a shop in which A is sold by two listings."""
    bench = bench_of("woocommerce", levels or {"A": 9})
    bench.listing("A", "A2")
    bench.work()
    bench.now += 10_000
    bench.shop.calls.clear()
    return bench


def test_a_listing_that_fails_does_not_keep_its_sibling_from_any_level(bench_of: Any) -> None:
    """The one waits for its rungs, which nothing shortens; the other is told each level at once."""
    bench, tries = two(bench_of), []
    for quantity in (8, 7, 6, 5):
        bench.level("A", quantity)
        made = works(bench, 8_000, "A")
        tries += [at for at, rows in made if "A" in rows]
        assert [rows.get("A2") for _, rows in made if "A2" in rows] == [quantity]
        assert bench.record("A").status is Status.RETRYING
    assert len(tries) == 2
    assert 27_000 <= tries[1] - tries[0] <= 33_000
    shown = bench.record("A").listings
    assert (shown["A"].attempt, shown["A2"].attempt, bench.record("A").attempt) == (2, 0, 2)


def test_a_failing_listing_of_another_group_does_not_stand_before_its_sibling(bench_of: Any) -> None:
    """They never share a call, and the failing one comes first each time."""
    bench = bench_of("woocommerce", {"A": 9})
    bench.listing("A", "8", product="7", variation="8")
    bench.work()
    bench.level("A", 3)
    works(bench, 5_000, "A")
    assert (bench.shop.numbers["8"], bench.shop.numbers["A"]) == (3, 9)
    works(bench, MINUTE)
    assert (bench.shop.numbers["A"], bench.record("A").status) == (3, Status.IN_STEP)
    assert all((one.attempt, one.next_attempt_at) == (0, None) for one in bench.record("A").listings.values())


def test_each_listing_climbs_a_ladder_of_its_own(bench_of: Any) -> None:
    """One that fails for the first time begins at the first rung, however high its sibling stands."""
    bench = two(bench_of)
    bench.level("A", 8)
    works(bench, 4 * MINUTE, "A")
    assert bench.record("A").listings["A"].attempt == 3
    bench.level("A", 7)
    made = works(bench, 40_000, "A", "A2")
    tries = [at for at, rows in made if "A2" in rows]
    assert len(tries) == 2
    assert tries[1] - tries[0] < 35_000
    assert not [at for at, rows in made if "A" in rows]


def test_the_end_of_one_listings_ladder_is_a_letter_and_its_sibling_is_told_all_the_same(bench_of: Any) -> None:
    """A new level revives the SKU: the sibling is told at once, and the letter is closed."""
    bench = two(bench_of)
    bench.level("A", 8)
    works(bench, 90 * MINUTE, "A")
    assert (bench.record("A").status, len(bench.letters())) == (Status.DEAD, 1)
    assert (bench.shop.numbers["A2"], bench.record("A").attempt, bench.record("A").next_attempt_at) == (8, 5, None)
    bench.level("A", 2)
    works(bench, 5_000, "A")
    assert bench.shop.numbers["A2"] == 2
    assert bench.record("A").status is Status.RETRYING


def test_a_dead_sku_whose_other_listing_differs_is_tried_again(bench_of: Any) -> None:
    """It was edited by hand: no level will tell it."""
    bench = two(bench_of)
    bench.level("A", 8)
    works(bench, 90 * MINUTE, "A")
    bench.controller.book.unknown.add(("A", "A2"))
    bench.shop.numbers["A2"] = 50
    bench.controller.tasks.touch("A", bench.now)
    works(bench, 5_000, "A")
    assert bench.shop.numbers["A2"] == 8
    works(bench, 90 * MINUTE, "A")
    assert bench.record("A").status is Status.DEAD
    assert len([one for one in bench.letters() if not one.resolves]) == 2


def test_replay_tries_all_listings_at_once(bench_of: Any) -> None:
    """Those that never share a call as well."""
    bench = bench_of("woocommerce", {"A": 9})
    bench.listing("A", "8", product="7", variation="8")
    bench.work()
    bench.level("A", 3)
    works(bench, 5_000, "A", "8")
    bench.command(Command.REPLAY)
    works(bench, 2_000)
    assert (bench.shop.numbers["A"], bench.shop.numbers["8"]) == (3, 3)
    assert bench.record("A").status is Status.IN_STEP


def test_a_new_owner_finds_who_waits_and_who_does_not(bench_of: Any) -> None:
    """The one listing's rung stands in the record; the other is told the new level before, and once."""
    bench = two(bench_of)
    bench.level("A", 8)
    works(bench, 5_000, "A")
    record, listings = bench.record("A"), bench.controller.book.listings["A"]
    later = bench_of("woocommerce", active=False)
    later.now, later.versions = bench.now, dict(bench.versions)
    for name in listings:
        later.listing("A", name)
    later.level("A", 5)
    later.controller.observed(record)
    later.controller.activate(later.now)
    made = works(later, 10_000, "A")
    assert [rows for _, rows in made] == [{"A2": 5}]
    made = works(later, 30_000)
    assert [rows for _, rows in made] == [{"A": 5}]


def test_in_a_record_of_before_all_listings_wait_together() -> None:
    """It names one time for all of them."""
    shown = {"A": Shown(sent=5), "B": Shown(sent=5, shown=5)}
    old = ChannelLevel(sku="A", status=Status.RETRYING, listings=shown, attempt=3, next_attempt_at=70, at=1)
    assert [ladder.until(old, name) for name in ("A", "B", "NEW")] == [70, 70, 70]
    record, last = ladder.failed(old, ["A"], lambda attempt: 1_000 * attempt)
    assert (record.attempt, record.next_attempt_at, last) == (4, 4_000, False)
    assert [ladder.until(record, name) for name in ("A", "B", "NEW")] == [4_000, 0, 0]


@pytest.mark.parametrize("failing", [("A",), ("A", "A2")])
def test_in_an_outage_the_ladders_of_all_listings_go_on(bench_of: Any, failing: tuple[str, ...]) -> None:
    """The circuit is open; what falls due takes the probe's answer, and all is told when the channel is back."""
    bench = two(bench_of, {"A": 9, "B": 9, "C": 9, "D": 9})
    bench.level("A", 8)
    works(bench, 5_000, *failing)
    down, ends = Response(status=503), bench.now + 5 * MINUTE
    for sku in "BCD":
        bench.level(sku, 8)
        while not isinstance(step := bench.plan(), Call):
            bench.now += max(step, 1)
        bench.answer(step, down)
    while bench.now < ends:
        step = bench.plan()
        bench.answer(step, down) if isinstance(step, Call) else setattr(bench, "now", bench.now + max(step, 1))
    assert bench.controller.calling.circuit.is_open
    assert bench.record("A").listings["A"].attempt >= 2
    works(bench, MINUTE)
    assert {bench.record(sku).status for sku in "ABCD"} == {Status.IN_STEP}
    assert set(bench.shop.numbers.values()) == {8}
