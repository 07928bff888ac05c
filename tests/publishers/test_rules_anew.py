"""Other rules for very many listings: the loop goes on meanwhile, and the brake judges all of them at once."""

from typing import Any

from publishers.controller import SLICE
from publishers.work import Call
from schemas.settings import Channel, Kind, Rules

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
