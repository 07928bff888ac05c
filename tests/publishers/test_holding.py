"""The brake, bundles and discarded letters in a publisher: what is told, what is not, and what the records say."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publishers.answers import lags
from publishers.brake import HELD
from publishers.push import Response
from schemas.channel_records import Component, Listing
from schemas.settings import Channel, Kind, Order, Rules
from schemas.words import Command, Pause, Reason, Status

SKUS = [f"S{n:02}" for n in range(20)]
KINDS = pytest.mark.parametrize("kind", ["shopify", "woocommerce"])


def channel(brake_percent: int = 20, **rules: Any) -> Channel:
    """Make a channel's settings."""
    own = Rules(**rules)
    given = Channel(name="shop", kind=Kind.SHOPIFY, since=0, rules=own, brake_percent=brake_percent)
    return replace(given, reconcile_every_ms=0)


def braked(bench_of: Any, kind: str = "woocommerce") -> Any:
    """Make a bench of twenty listings that show 9, with the brake at a fifth."""
    bench = bench_of(kind, dict.fromkeys(SKUS, 9))
    bench.controller.rules(channel(), bench.now)
    return bench


def empty(bench: Any) -> set[str]:
    """Return what the shop shows 0 of."""
    return {sku for sku, number in bench.shop.numbers.items() if number == 0}


@KINDS
def test_rules_that_empty_the_shop_wait_and_the_records_say_so(bench_of: Any, kind: str) -> None:
    """No call is made, not for one listing; after the release all are told, and in step."""
    bench = braked(bench_of, kind)
    bench.controller.rules(channel(percent=0), bench.now)
    assert (bench.work(), empty(bench)) == (0, set())
    record = bench.record("S00")
    assert (record.status, record.err, record.dirty_since) == (Status.SENDING, HELD, bench.now)

    bench.command(Command.BRAKE_RELEASE)
    bench.work()
    assert empty(bench) == set(SKUS)
    assert {(bench.record(sku).status, bench.record(sku).err) for sku in SKUS} == {(Status.IN_STEP, None)}


def test_while_its_0_is_held_a_listing_never_shows_more_than_there_is(bench_of: Any) -> None:
    """Orders elsewhere lower it, the last one to 0."""
    bench = braked(bench_of)
    bench.controller.rules(channel(percent=0), bench.now)
    bench.work()
    bench.ordered("S00", 4, 5, ordered_at=bench.now, channel="other")
    bench.ordered("S01", 0, 9, ordered_at=bench.now, channel="other")
    bench.work()
    assert (bench.shop.numbers["S00"], bench.shop.numbers["S01"]) == (4, 0)
    assert bench.record("S00").err == HELD


def test_hidden_sales_lower_to_0_whatever_is_held(bench_of: Any) -> None:
    """They are orders too, on their way."""
    bench = braked(bench_of, "shopify")
    bench.controller.rules(replace(channel(percent=0), sku_rules={"S00": Rules()}), bench.now)
    bench.work()
    bench.shop.numbers["S00"] = 4
    bench.level("S00", 5)
    bench.work()
    assert (bench.record("S00").hidden, empty(bench), bench.record("S01").err) == (5, {"S00"}, HELD)


def test_retired_listings_and_counts_are_held_like_rules_and_let_go_when_taken_back(bench_of: Any) -> None:
    """A mistaken import retires the whole shop, row by row: the tenth 0 proves it; the right import follows."""
    bench = braked(bench_of)
    for sku in SKUS:
        bench.listing(sku, retired=True)
        bench.work()
    assert empty(bench) == set(SKUS[:9])
    for sku in SKUS:
        bench.listing(sku)
    bench.work()
    assert empty(bench) == set()
    assert {bench.record(sku).status for sku in SKUS} == {Status.IN_STEP}
    assert not bench.controller.book.brake.engaged


def test_a_change_that_is_put_right_in_part_is_told_where_it_is_small(bench_of: Any) -> None:
    """The count of most SKUs is corrected; what is left is no accident, and is told without a release."""
    bench = braked(bench_of)
    bench.controller.rules(channel(percent=0), bench.now)
    bench.work()
    own = {sku: Rules() for sku in SKUS[3:]}
    bench.controller.rules(replace(channel(percent=0), sku_rules=own), bench.now)
    bench.work()
    assert empty(bench) == set(SKUS[:3])


def test_an_operators_pause_passes_the_brake(bench_of: Any) -> None:
    """Whoever pauses twenty SKUs by name means it."""
    bench = braked(bench_of)
    for sku in SKUS:
        level = replace(bench.controller.book.levels[sku], paused=Pause.OPERATOR, version=2)
        bench.controller.level(level, bench.now)
    bench.work()
    assert empty(bench) == set(SKUS)


def test_new_rules_are_told_without_a_restart(bench_of: Any) -> None:
    """Every SKU is looked at again."""
    bench = braked(bench_of)
    bench.controller.rules(channel(buffer=2), bench.now)
    bench.work()
    assert set(bench.shop.numbers.values()) == {7}


def test_order_and_reconciliation_change_without_a_restart(bench_of: Any) -> None:
    """`top20` knows the volumes from the levels; all is read back as often as it is wanted."""
    bench = bench_of("woocommerce", {"A": 5, "B": 5})
    for left in (4, 3):
        bench.ordered("B", left, 1, ordered_at=bench.now)
    bench.work()
    told = replace(channel(), order=Order.TOP20, reconcile_every_ms=5_000)
    bench.controller.rules(told, bench.now)
    assert bench.controller.tasks.demand.order is Order.TOP20
    bench.level("A", 1)
    bench.level("B", 1)
    assert next(iter(bench.controller.tasks.queue.take(bench.now, 1, lambda _: True)))[0] == "B"
    assert bench.controller.reconciler.setup.reconcile_every_ms == 5_000


def rejected(bench: Any) -> None:
    """Let the channel refuse A for good."""
    bench.shop.answers.append(Response(status=400, body=b'{"code":"woocommerce_rest_x","message":"no"}'))
    bench.level("A", 4)
    bench.work()
    assert bench.record("A").status is Status.DEAD


def test_a_discarded_letter_is_closed_once_and_stays_closed(bench_of: Any) -> None:
    """It names who and why; a replay of all leaves it alone, a new level tells it and writes no second end."""
    bench = bench_of("woocommerce", {"A": 5})
    rejected(bench)
    bench.command(Command.DISCARD)
    bench.collect()
    (letter, closed) = bench.letters()
    assert (letter.reason, closed.resolves) == (Reason.REJECTED, letter.dead_letter_id)
    assert closed.err.startswith("discarded by unknown")
    record = bench.record("A")
    assert (record.status, record.err.startswith("discarded: by unknown")) == (Status.DEAD, True)

    bench.command(Command.REPLAY)
    assert bench.work() == 0
    bench.level("A", 3)
    bench.work()
    assert (bench.shop.numbers["A"], bench.record("A").status, len(bench.letters())) == (3, Status.IN_STEP, 2)


def test_a_discarded_sku_is_tried_again_by_name(bench_of: Any) -> None:
    """Whoever names it means it."""
    bench = bench_of("woocommerce", {"A": 5})
    rejected(bench)
    bench.command(Command.DISCARD, "A")
    bench.command(Command.REPLAY, "A")
    bench.work()
    assert (bench.shop.numbers["A"], len(bench.letters())) == (4, 2)


class Unread(dict[str, Any]):
    """A table in which single SKUs are looked up."""

    def __iter__(self) -> Any:
        """Fail: a command for one SKU has no business with the others."""
        pytest.fail("all that the channel shows was gone through")


def test_a_command_for_one_sku_does_not_go_through_a_million_others(bench_of: Any) -> None:
    """`dlq replay` sends one for each letter: seconds for each of a thousand would be an outage."""
    bench = bench_of("woocommerce", {"A": 5, "B": 5})
    rejected(bench)
    bench.controller.book.observed = Unread(bench.controller.book.observed)
    bench.command(Command.REPLAY, "A")
    bench.command(Command.DISCARD, "B")
    assert bench.work() == 1
    assert bench.shop.numbers["A"] == 4


def test_a_dead_letter_keeps_its_name_while_its_record_changes(bench_of: Any) -> None:
    """A sale there is heard of and written down; the letter's end names the letter all the same."""
    bench = bench_of("woocommerce", {"A": 5})
    rejected(bench)
    bench.now += 60_000
    bench.controller.tasks.store(replace(bench.record("A"), hidden=1, at=bench.now))
    bench.command(Command.REPLAY)
    bench.work()
    letter, closed = bench.letters()
    assert closed.resolves == letter.dead_letter_id


def bundle(bench: Any, sku: str, *components: tuple[str, int]) -> None:
    """Put a bundle on the channel."""
    parts = tuple(Component(sku=part, qty=qty) for part, qty in components)
    listing = Listing(
        channel="shop",
        listing_id=sku,
        sku=sku,
        ids={"product": "1", "variant": sku, "inventory_item": sku},
        components=parts,
    )
    bench.shop.numbers.setdefault(sku, 0)
    bench.controller.listing(sku, listing, 0, bench.now)


@KINDS
def test_a_bundle_shows_what_its_components_allow(bench_of: Any, kind: str) -> None:
    """And follows each of them, also one that is no listing of its own here."""
    bench = bench_of(kind, {"CUP": 9})
    bundle(bench, "SET", ("CUP", 2), ("SAUCER", 1))
    bench.work()
    assert bench.shop.numbers["SET"] == 0
    assert "SET" not in bench.controller.book.observed
    bench.level("SAUCER", 7)
    bench.work()
    assert bench.shop.numbers == {"CUP": 9, "SET": 4}
    bench.ordered("CUP", 5, 4, ordered_at=bench.now, channel="other", listing_sku="SET")
    bench.work()
    assert bench.shop.numbers == {"CUP": 5, "SET": 2}
    assert bench.record("SET").status is Status.IN_STEP


def test_a_bundle_has_no_level_of_its_own_until_it_is_none(bench_of: Any) -> None:
    """A level in the hub under its SKU counts for nothing while it is a bundle, and from then on when it is none."""
    bench = bench_of("woocommerce", {"CUP": 9})
    bench.level("SET", 50)
    bundle(bench, "SET", ("CUP", 2))
    bench.level("SET", 60)
    bench.work()
    assert bench.shop.numbers["SET"] == 4
    bench.listing("SET")
    bench.work()
    assert bench.shop.numbers["SET"] == 60


def test_a_bundle_that_ends_during_its_call_has_an_answer_all_the_same(bench_of: Any) -> None:
    """It has no level any more, so no lag is measured; a life that ended here would end each time."""
    bench = bench_of("woocommerce", {"CUP": 9})
    bundle(bench, "SET", ("CUP", 2))
    call = bench.plan()
    bench.listing("SET")
    answer = bench.answer(call)
    assert "SET" not in bench.controller.book.levels
    assert lags(bench.controller.book.levels, call, answer, bench.now) == []


def test_a_sale_of_a_bundle_is_told_to_its_components_and_to_itself(bench_of: Any) -> None:
    """
    The channel has lowered the bundle and not the cups: both are told from what they show, and nothing is hidden.

    Nothing is inferred either: the bundle is told though its number is right.
    """
    bench = bench_of("shopify", {"CUP": 9})
    bundle(bench, "SET", ("CUP", 2))
    bench.work()
    bench.now += 10_000
    bench.shop.calls.clear()
    bench.shop.numbers["SET"] -= 1
    bench.ordered("CUP", 7, 2, ordered_at=bench.now, listing_sku="SET")
    bench.outcome("CUP", 2, ordered_at=bench.now)
    bench.work()
    assert sorted(bench.shop.calls) == [("tell", {"CUP": 7, "SET": 3})]
    assert bench.shop.numbers == {"CUP": 7, "SET": 3}
    assert {bench.record(sku).status for sku in ("CUP", "SET")} == {Status.IN_STEP}
    assert {bench.record(sku).hidden for sku in ("CUP", "SET")} == {0}


def test_a_sale_of_a_bundle_of_two_counts_once(bench_of: Any) -> None:
    """Both components' levels tell of it; what the channel shows of the bundle is one less, met at the first try."""
    bench = bench_of("shopify", {"SAUCER": 9, "CUP": 30})
    bundle(bench, "SET", ("SAUCER", 1), ("CUP", 2))
    bench.work()
    bench.now += 10_000
    bench.shop.calls.clear()
    bench.shop.numbers["SET"] -= 1
    for sku, left, units in (("SAUCER", 8, 1), ("CUP", 28, 2)):
        bench.ordered(sku, left, units, ordered_at=bench.now, listing_sku="SET")
        bench.outcome(sku, units, ordered_at=bench.now)
    bench.work()
    assert bench.shop.calls == [("tell", {"SAUCER": 8, "CUP": 28, "SET": 8})]


def test_a_sale_of_a_bundle_explains_no_hidden_sale_of_its_component(bench_of: Any) -> None:
    """A cup was sold there, whose order is still on its way; the bundle's order is another one."""
    bench = bench_of("shopify", {"CUP": 9})
    bundle(bench, "SET", ("CUP", 2))
    bench.work()
    bench.now += 10_000
    bench.shop.numbers["CUP"] -= 1
    bench.level("CUP", 11)
    bench.work()
    assert (bench.record("CUP").hidden, bench.shop.numbers["CUP"]) == (1, 8)
    bench.ordered("CUP", 9, 2, ordered_at=bench.now - 5_000, listing_sku="SET")
    bench.outcome("CUP", 2, ordered_at=bench.now - 5_000)
    bench.work()
    assert (bench.record("CUP").hidden, bench.shop.numbers["CUP"]) == (1, 8)


def test_a_sale_of_a_bundle_that_is_not_heard_of_is_a_hidden_one(bench_of: Any) -> None:
    """Its levels named another cause: less is offered until the order poll has passed, and never more."""
    bench = bench_of("shopify", {"CUP": 9})
    bundle(bench, "SET", ("CUP", 2))
    bench.work()
    bench.now += 10_000
    bench.shop.numbers["SET"] -= 1
    bench.level("CUP", 7)
    bench.work()
    assert (bench.record("SET").hidden, bench.shop.numbers["SET"]) == (1, 2)
    bench.watermark(bench.now + 60_000)
    bench.work(until=bench.now + 20_000)
    assert (bench.record("SET").hidden, bench.shop.numbers["SET"]) == (0, 3)


@settings(max_examples=30)
@given(moves=st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 30)), min_size=1, max_size=12))
def test_a_bundle_never_offers_more_than_there_is_and_comes_back(bench_of: Any, moves: list[tuple[str, int]]) -> None:
    """Whatever its components do."""
    bench = bench_of("woocommerce", {"A": 6, "B": 9})
    bundle(bench, "SET", ("A", 2), ("B", 3))
    stock = {"A": 6, "B": 9}
    for sku, quantity in moves:
        bench.level(sku, quantity)
        stock[sku] = quantity
        bench.work()
        assert bench.shop.numbers == {**stock, "SET": min(stock["A"] // 2, stock["B"] // 3)}
