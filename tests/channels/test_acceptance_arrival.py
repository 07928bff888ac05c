"""
Whatever the order of arrival: duplicates, late ones, a cancel before its order.  Decided by the processor's own rule.

Each kind's captured bodies of one order become its history: their times of change are moved apart, the order as given
up comes last.  Whoever hears of them in another order, or twice, must end with the same units held.
"""

import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import codec
from schemas.records import OrderConfirmed, StockAdjusted
from schemas.settings import Kind
from schemas.words import AdjustmentKind
from tests.channels import bodies
from tests.channels.bodies import Sample
from tests.channels.conftest import LISTINGS, NOW_MS
from tests.processor.conftest import Hub

STOCK = 1_000
LATER_MS, STEP_MS = 1_795_500_000_000, 60_000
Line = tuple[str, str]
History = Sequence[Sequence[OrderConfirmed]]
"""The records of each body of one order, oldest body first."""


def read(sample: Sample, body: Any, now_ms: int = NOW_MS) -> list[OrderConfirmed]:
    result = bodies.read(sample, bodies.raw(body), now_ms, lambda _channel, listing_id: LISTINGS.get(listing_id))
    return [codec.decode(OrderConfirmed, message.value) for message in result.messages]


def later(given: Any, step: int) -> Any:
    """Return a time of change after all captured ones, `step` steps later, written as the given one is."""
    ms = LATER_MS + step * STEP_MS
    if isinstance(given, int):
        return ms if given > 10**12 else ms // 1_000 if given > 10**9 else 10**7 + step
    zoned = given.endswith("Z") or "+" in given or given.count("-") > 2
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + ("Z" if zoned else "")


def revised(sample: Sample, step: int) -> Any:
    """
    Return the body as of a later change: what makes its records' revision greater is found by trying.

    None where nothing does: a kind whose body holds no time of change could not be told apart from its own past.
    """
    before = [(record.order_id, record.sku, record.qty) for record in read(sample, sample.body)]
    body, moved = sample.body, False
    for path in bodies.places(sample.body):
        given = bodies.at(sample.body, path)
        if type(given) is int or (isinstance(given, str) and given[:4].isdigit()):
            twin = bodies.put(body, path, later(given, step))
            records = read(sample, twin)
            same = [(record.order_id, record.sku, record.qty) for record in records] == before
            if same and any(new.revision > old.revision for new, old in zip(records, read(sample, body), strict=True)):
                body, moved = twin, True
    return body if moved else None


def histories(kind: Kind) -> list[tuple[str, History]]:
    """Return each order's history as a kind's captured bodies tell it, by webhook and by poll."""
    samples = [sample for sample in (*bodies.webhooks(), *bodies.polls()) if sample.kind is kind]
    by_order: dict[str, list[Sample]] = {}
    for sample in samples:
        for prefix in {record.order_id.rpartition("_")[0] for record in read(sample, sample.body)}:
            by_order.setdefault(prefix, []).append(sample)
    return [(order, found) for order, own in by_order.items() if (found := _history(order, own))]


def _history(order: str, samples: Sequence[Sample]) -> History:
    """Return the records of bodies that name an order, those that hold fewest units last, each later than the last."""
    named = [(sample, _units(order, read(sample, sample.body))) for sample in samples]
    ordered = [sample for sample, _ in sorted(named, key=lambda pair: -pair[1])]
    found = []
    for step, sample in enumerate(ordered, 1):
        body = revised(sample, step)
        assert body is not None, f"{sample}: no field of the body makes its records newer"
        found.append([record for record in read(sample, body) if record.order_id.startswith(f"{order}_")])
    return found


def _units(order: str, records: Sequence[OrderConfirmed]) -> int:
    return sum(record.qty for record in records if record.order_id.startswith(f"{order}_"))


def truth(history: History) -> dict[Line, int]:
    """Return what each line holds: as its last body says.  No rule: the bodies are in order."""
    return {(record.order_id, record.sku): record.qty for records in history for record in records}


def decided(arrivals: Sequence[OrderConfirmed]) -> tuple[dict[Line, int], Mapping[str, int | None]]:
    """Return what each line holds and each SKU's level, as the processor's rule decides records in this order."""
    hub = Hub()
    for number, sku in enumerate(sorted({record.sku for record in arrivals})):
        hub.feed(StockAdjusted(sku=sku, kind=AdjustmentKind.SET, qty=STOCK, adjustment_id=f"a{number}", received_at=1))
    for record in arrivals:
        hub.feed(record)
    lines = {(line.order_id, line.sku): line.held for line in hub.lines.values() if line.channel}
    return lines, {sku: level.quantity for sku, level in hub.levels.items()}


def levels(held: Mapping[Line, int]) -> dict[str, int]:
    """Return what is left of the stock."""
    left: dict[str, int] = {}
    for (_, sku), units in held.items():
        left[sku] = left.get(sku, STOCK) - units
    return left


@pytest.fixture
def history(kind: Kind) -> History:
    """Return the longest history that a kind's captured bodies give, sold and given up in it."""
    found = sorted((own for _, own in histories(kind)), key=len)
    both = [own for own in found if given_up(own)]
    assert both, (
        f"tests/channels/{kind}: no order is captured (in webhooks/ or polls/) once as sold and once, under the same "
        "ids, with fewer units: cancelled or put back"
    )
    return both[-1]


def given_up(history: History) -> tuple[Sequence[OrderConfirmed], Sequence[OrderConfirmed]] | None:
    """Return a body in which a line holds units, and the last, in which it holds fewer; None where there is none."""
    last = truth(history[-1:])
    sold = [body for body in history if any(truth([body]).get(line, 0) > qty for line, qty in last.items())]
    return (sold[0], history[-1]) if sold else None


def test_bodies_in_any_order_of_arrival_end_the_same(history: History) -> None:
    """All orders of a short history, some of a long one: each line holds what its newest body says."""
    shuffles = random.Random(5)
    short = [history[0], *(history[1:-1][:2]), history[-1]]
    runs = [*itertools.permutations(short), *(shuffles.sample(history, len(history)) for _ in range(20))]
    for run in runs:
        arrivals = [record for records in run for record in records]
        held, left = decided(arrivals)
        assert held == truth(sorted(run, key=history.index))
        assert left == levels(held)


def test_duplicates_and_late_repeats_change_nothing(history: History) -> None:
    """Each body two or three times, also long after newer ones: as if each had come once."""
    once, _ = decided([record for records in history for record in records])
    for seed in range(20):
        arrivals = [*history, *history, *random.Random(seed).choices(history, k=len(history))]
        random.Random(seed).shuffle(arrivals)
        held, left = decided([record for records in arrivals for record in records])
        assert held == once == truth(history)
        assert left == levels(once)


def test_a_cancel_before_its_order_leaves_nothing_taken(history: History) -> None:
    """The order that comes after it was given up finds a newer state and takes nothing."""
    pair = given_up(history)
    assert pair is not None
    sold, last = pair
    held, left = decided([*last, *sold])

    assert held == truth(pair)
    assert left == levels(truth(pair))
    assert sum(truth([last]).values()) < sum(truth([sold]).get(line, 0) for line in truth([last]))
