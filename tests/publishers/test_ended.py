"""Products come and go for years: what has ended leaves nothing behind but its records."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from publishers.push import Accepted, Rejected, Shows, Stale
from schemas.words import Result, Status

EACH = 30
"""SKUs that come and go in a round."""
TABLES = {"levels", "observed", "_sold", "_score", "_classes"}
"""What is kept by SKU for good: the tables of the topics themselves, and the hub's sales."""
CONTAINERS = (dict, set, list, deque)


def counts(thing: Any, name: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, int]]:
    """Yield how many entries each container has that can be reached from here, by its way."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, CONTAINERS):
        yield name, len(thing)
        inner = thing.values() if isinstance(thing, dict) else thing
        for number, one in enumerate(inner):
            if type(one).__module__.startswith("publishers.") or isinstance(one, CONTAINERS):
                yield from counts(one, f"{name}[{number}]", seen)
    elif type(thing).__module__.startswith("publishers."):
        slots = [slot for one in type(thing).__mro__ for slot in getattr(one, "__slots__", ())]
        for part in {*getattr(thing, "__dict__", {}), *slots} - TABLES:
            if hasattr(thing, part):
                yield from counts(getattr(thing, part), f"{name}.{part}", seen)


def come_and_go(bench: Any, round_: int) -> None:
    """List SKUs, tell and sell them, let them have every kind of trouble, and end them."""
    tasks, skus = bench.controller.tasks, [f"R{round_}-{n:03}" for n in range(EACH)]
    for sku in skus:
        bench.listing(sku)
        bench.shop.numbers[sku] = 9
        bench.level(sku, 9)
    bench.work(until=bench.now + 60_000)
    for sku in skus:
        bench.ordered(sku, 8, 1, ordered_at=bench.now)
        bench.outcome(sku, 1, ordered_at=bench.now, version=2, result=Result.ACCEPTED)
    bench.work(until=bench.now + 60_000)
    for n, sku in enumerate(skus):
        (row,) = [*tasks.book.rows(sku)] or [bench.level(sku, 7) and next(tasks.book.rows(sku))]
        tasks.patience(row, (Stale(), Rejected("x"), Accepted(), Shows(1, 1))[n % 4])
        tasks.postpone(sku, bench.now, bench.now + 600_000, bench.now)
        tasks.book.trail.memory.told((sku, sku), 1, 2)
        bench.controller.reconciler.inspection.agenda.put((sku, sku), bench.now)
    for sku in skus:
        bench.controller.listing(sku, None, 0, bench.now)
    bench.work(until=bench.now + 700_000)
    bench.collect()


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
def test_what_has_ended_leaves_nothing_behind_but_its_records(bench_of: Any, kind: str) -> None:
    """Counted in every container of a publisher, after one round of products and after three."""
    bench = bench_of(kind, {"STAYS": 5})
    found = []
    for round_ in range(3):
        come_and_go(bench, round_)
        found.append({name: count for name, count in counts(bench.controller) if count})
    grown = {name: count for name, count in found[2].items() if count > found[0].get(name, 0) + EACH // 2}
    assert grown == {}
    assert len(bench.controller.book.observed) == 3 * EACH + 1


def test_an_accepted_number_of_a_listing_that_has_ended_is_not_waited_for(bench_of: Any) -> None:
    """Else it would be counted as unconfirmed for ever, whatever record of its SKU follows."""
    bench = bench_of("woocommerce", {"A": 5})
    confirmations, record = bench.controller.book.trail.confirmations, bench.record("A")
    accepted = {"A": replace(record.listings["A"], accepted_at=bench.now)}
    bench.controller.book.put_observed(replace(record, listings=accepted, status=Status.SENDING))
    assert len(confirmations) == 1
    bench.controller.listing("A", None, 0, bench.now)
    bench.work(until=bench.now + 60_000)
    assert bench.record("A").status is Status.IN_STEP
    assert len(confirmations) == 0
