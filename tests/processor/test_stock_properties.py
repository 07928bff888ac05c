"""What holds for every sequence of records, whatever it is."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.stock import Position, fold
from schemas.codec import decode, encode
from schemas.ids import line_key
from schemas.records import OrderOutcome, StockLevel

NOW = 1_790_000_000_000
EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)

SKUS = st.sampled_from(["MUG", "LID"])
ORDERS = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from([f"s_{number}_1" for number in range(5)]),
        "qty": st.integers(0, 6),
        "sku": SKUS,
        "revision": st.integers(0, 5),
        "seen_at": st.integers(NOW, NOW + 2),
        "ordered_at": st.sampled_from([NOW, NOW, NOW, 1]),
        "received_at": st.integers(NOW, NOW + 10**7),
    }
)
ADJUSTMENTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["set", "add", "pause", "resume"]),
        "qty": st.integers(-4, 12),
        "sku": SKUS,
        "adjustment_id": st.sampled_from("abcdefgh"),
        "if_version": st.sampled_from([None, None, None, 0, 1, 2, 5]),
        "received_at": st.integers(NOW, NOW + 10**7),
    }
)
SEQUENCES = st.lists(ORDERS | ADJUSTMENTS, max_size=40)
POLICIES = st.sampled_from(["reject", "backorder"])


@pytest.fixture(scope="session")
def placed(make_order: Any, make_adjustment: Any) -> Any:
    """Return what turns drawn facts into records with positions."""

    def place(sequence: Sequence[dict[str, Any]]) -> list[tuple[Any, Position]]:
        records = [(make_adjustment if "kind" in facts else make_order)(**facts) for facts in sequence]
        return [(record, Position(topic_id="T", offset=offset)) for offset, record in enumerate(records)]

    return place


def run(hub: Any, inputs: Sequence[tuple[Any, Position]]) -> Any:
    for record, at in inputs:
        hub.feed(record, at)
    return hub


def fresh_only(inputs: Sequence[tuple[Any, Position]]) -> list[tuple[Any, Position]]:
    """Leave out every record whose line was seen with as great a pair, and every adjustment seen before."""
    seen: dict[Any, tuple[int, int]] = {}
    kept = []
    for record, at in inputs:
        if hasattr(record, "adjustment_id"):
            name, pair = ("adj", record.adjustment_id, record.sku), (0, 0)
        else:
            name, pair = ("order", record.order_id, record.sku), (record.revision, record.seen_at)
        if name not in seen or pair > seen[name]:
            seen[name] = pair
            kept.append((record, at))
    return kept


@EXAMPLES
@given(sequence=SEQUENCES, policy=POLICIES)
def test_duplicates_and_stale_records_leave_no_trace(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], policy: str
) -> None:
    """The tables, and all outcomes, are those of the sequence without them."""
    inputs = placed(sequence)
    whole, filtered = run(new_hub(policy), inputs), run(new_hub(policy), fresh_only(inputs))
    assert (whole.levels, whole.lines, whole.log) == (filtered.levels, filtered.lines, filtered.log)


@EXAMPLES
@given(sequence=SEQUENCES, again=st.lists(st.integers(0, 39), max_size=20), policy=POLICIES)
def test_redelivery_of_anything_seen_before_leaves_no_trace(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], again: list[int], policy: str
) -> None:
    """Records that come again at the end, in any order."""
    inputs = placed(sequence)
    repeats = [inputs[place] for place in again if place < len(inputs)]
    once, twice = run(new_hub(policy), inputs), run(new_hub(policy), inputs + repeats)
    assert (once.levels, once.lines, once.log) == (twice.levels, twice.lines, twice.log)


@EXAMPLES
@given(
    initial=st.integers(0, 60),
    states=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12),
    random=st.randoms(use_true_random=False),
    policy=POLICIES,
)
def test_orders_alone_end_at_the_initial_level_less_what_is_held_in_whatever_order_they_come(
    new_hub: Any, placed: Any, initial: int, states: list[tuple[int, int]], random: Any, policy: str
) -> None:
    """Once every line's newest revision is applied and nothing waits."""
    changes: list[dict[str, Any]] = [
        {"order_id": f"s_{line}_1", "qty": qty, "revision": revision, "sku": "MUG"}
        for revision, (line, qty) in enumerate(states)
    ]
    newest = {facts["order_id"]: facts["qty"] for facts in changes}
    random.shuffle(changes)
    start = {"kind": "set", "qty": initial, "adjustment_id": "start"}
    hub = run(new_hub(policy), placed([start, *changes]))
    quantity, _, paused, waiting, _ = hub.state()
    held = {name: hub.lines[line_key(name, "MUG")].held for name in newest}
    assert quantity == initial - sum(held.values())
    if policy == "backorder" or initial >= 6 * len(states):
        assert waiting == []
    if not waiting:
        assert held == newest
        assert paused is None


@EXAMPLES
@given(sequence=SEQUENCES, policy=POLICIES)
def test_books_balance_after_every_record(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], policy: str
) -> None:
    """Level = - sum(held), never negative under reject; who waits has a shortfall; an oversell pause has who waits."""
    hub = new_hub(policy)
    for record, at in placed(sequence):
        hub.feed(record, at)
        for sku, level in hub.levels.items():
            lines = [line for line in hub.lines.values() if line.sku == sku]
            assert (level.quantity or 0) == -sum(line.held for line in lines)
            assert policy == "backorder" or (level.quantity or 0) >= 0
            assert dict(hub.state(sku)[3]) == {line.order_id: line.shortfall for line in lines if line.shortfall}
            assert level.paused != "oversell" or level.waiting
            assert level.quantity is None or policy == "reject" or not level.waiting


@EXAMPLES
@given(sequence=SEQUENCES, policy=POLICIES)
def test_the_outcomes_name_every_version_once_and_in_order(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], policy: str
) -> None:
    """1, 2, 3, ... up to the level's; and each with the quantity that its `delta` leads to."""
    hub = run(new_hub(policy), placed(sequence))
    for sku in ("MUG", "LID"):
        outcomes = [outcome for outcome in hub.log if outcome.sku == sku]
        level = hub.levels.get(sku)
        versions = [outcome.version for outcome in outcomes if outcome.version is not None]
        assert versions == list(range(1, (level.version if level else 0) + 1))
        quantity = 0
        for outcome in outcomes:
            quantity -= outcome.delta
            assert (outcome.new_qty or 0) == quantity
            assert not outcome.delta or outcome.version is not None


@EXAMPLES
@given(sequence=SEQUENCES, policy=POLICIES)
def test_every_line_is_held_in_full_or_waits_for_the_rest(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], policy: str
) -> None:
    """Except for what had no effect and for what a count has closed."""
    hub = run(new_hub(policy), placed(sequence))
    for line in hub.lines.values():
        if line.result in ("accepted", "insufficient", "unstocked", "settled") and line.channel:
            assert line.held + line.shortfall == line.qty
        if line.result in ("too_old", "refused"):
            assert (line.held, line.shortfall) == (0, 0)


@EXAMPLES
@given(sequence=SEQUENCES, policy=POLICIES, cuts=st.lists(st.integers(0, 40), max_size=5))
def test_batches_may_be_cut_anywhere(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], policy: str, cuts: list[int]
) -> None:
    """Folding batch after batch gives what deciding one by one gives."""
    inputs = placed(sequence)
    single, batched = run(new_hub(policy), inputs), new_hub(policy)
    edges = [0, *sorted(cuts), len(inputs)]
    for low, high in pairwise(edges):
        changes = fold(inputs[low:high], batched.now, batched, batched.settings)
        batched.levels.update(changes.levels)
        batched.lines.update(changes.outcomes)
        batched.log += [outcome for _, outcome in changes.outcomes]
    assert (batched.levels, batched.lines, batched.log) == (single.levels, single.lines, single.log)


@EXAMPLES
@given(sequence=SEQUENCES, policy=POLICIES)
def test_everything_that_is_decided_can_be_written_and_read_back(
    new_hub: Any, placed: Any, sequence: list[dict[str, Any]], policy: str
) -> None:
    """The strict codec accepts each record, and what is recovered from it is the same."""
    hub = run(new_hub(policy), placed(sequence))
    for outcome in hub.log:
        assert decode(OrderOutcome, encode(outcome)) == outcome
    for level in hub.levels.values():
        assert decode(StockLevel, encode(level)) == level
