"""Other rules for very many listings: the loop goes on meanwhile, and the brake judges all of them at once."""

from typing import Any

import pytest

from publishers.alarm import state
from publishers.controller import SLICE
from publishers.work import Call
from schemas.channel_records import ChannelLevel, Shown
from schemas.settings import Channel, Kind, Rules
from schemas.words import Command, Status

SKUS = [f"S{n}" for n in range(2 * SLICE + 10)]


def channel(**rules: Any) -> Channel:
    """Make a channel's settings."""
    own = Rules(**rules)
    return Channel(name="shop", kind=Kind.WOOCOMMERCE, since=0, rules=own, brake_percent=50, reconcile_every_ms=0)


def test_other_rules_are_looked_at_in_slices_and_no_call_begins_before_the_last(bench_of: Any) -> None:
    """So a million listings keep no answer waiting; then the highest risk of all is told first, and all are told."""
    bench = bench_of("woocommerce", dict.fromkeys(SKUS, 9))
    queue = bench.controller.tasks.queue
    bench.controller.rules(channel(buffer=2), bench.now)
    assert len(queue) == SLICE
    assert bench.plan() == 0
    assert len(queue) == 2 * SLICE
    call = bench.plan()
    assert isinstance(call, Call)
    assert len(queue) + len(call.rows) == len(SKUS)
    bench.answer(call)
    bench.work()
    assert set(bench.shop.numbers.values()) == {7}


def test_what_rules_empty_is_held_however_many_slices_it_takes(bench_of: Any) -> None:
    """The brake sees the change at its end: not one 0 is told before."""
    bench = bench_of("woocommerce", dict.fromkeys(SKUS, 9))
    bench.controller.rules(channel(percent=0), bench.now)
    assert bench.work() == 0
    assert len(bench.controller.book.brake.held) == len(SKUS)
    assert not len(bench.controller.tasks.queue)


def heir_of(bench_of: Any, level: int) -> Any:
    """Make a publisher that has taken over a shop in which all SKUs show 9."""
    heir = bench_of("woocommerce", active=False)
    for sku in SKUS:
        heir.listing(sku)
        heir.level(sku, level)
        shown = {sku: Shown(shown=9, shown_at=1, sent=9, sent_version=0, sent_at=1)}
        heir.controller.observed(ChannelLevel(sku=sku, listings=shown, status=Status.IN_STEP, at=1))
    heir.shop.numbers.update(dict.fromkeys(SKUS, 9))
    heir.controller.book.brake.percent = 50
    return heir


def test_a_takeover_looks_at_a_million_skus_in_slices(bench_of: Any) -> None:
    """A process that does not answer for so long is taken for dead; no call begins before the last slice."""
    heir = heir_of(bench_of, 4)
    heir.controller.activate(heir.now)
    queue = heir.controller.tasks.queue
    assert len(queue) == SLICE
    heir.level(SKUS[-1], 3)
    assert heir.plan() == 0
    assert len(queue) == 2 * SLICE + 1
    heir.work()
    assert {heir.shop.numbers.pop(SKUS[-1]), *heir.shop.numbers.values()} == {3, 4}


def test_rules_that_change_during_a_takeover_forget_nobody(bench_of: Any) -> None:
    """What is in trouble and not listed any more is looked at too."""
    heir = heir_of(bench_of, 4)
    gone = [ChannelLevel(sku=f"GONE{n}", status=Status.RETRYING, err="channel_down: x", at=1) for n in range(2)]
    for record in gone:
        heir.controller.observed(record)
    heir.controller.activate(heir.now)
    heir.controller.rules(channel(buffer=1), heir.now)
    heir.work()
    assert set(heir.shop.numbers.values()) == {3}
    assert {heir.record(record.sku).status for record in gone} == {Status.IN_STEP}


@pytest.mark.parametrize("release", [True, False])
def test_what_was_held_stays_held_through_the_slices_of_a_takeover(bench_of: Any, *, release: bool) -> None:
    """Its incident does not end meanwhile; who releases it means those that are not found yet as well."""
    heir = heir_of(bench_of, 0)
    heir.controller.book.brake.resume(len(SKUS))
    for sku in SKUS[:SLICE]:
        heir.level(sku, 9)
    heir.controller.activate(heir.now)
    assert state(heir.controller, None).zeros == len(SKUS)
    if release:
        heir.command(Command.BRAKE_RELEASE)
    heir.work()
    empty = {sku for sku, number in heir.shop.numbers.items() if number == 0}
    assert empty == ({*SKUS[SLICE:]} if release else set())
