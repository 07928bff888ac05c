"""What the rule writes: positions, times, causes, velocity, and when a level is written at all; and batches."""

from typing import Any

import pytest

from processor.stock import Position, fold
from processor.velocity import decayed, raised

NOW = 1_790_000_000_000
HOUR = 3_600_000


def at(topic_id: str, offset: int) -> Position:
    return Position(topic_id=topic_id, offset=offset)


def test_an_outcome_names_its_own_position_and_a_level_the_highest_of_each_topic(
    hub: Any, make_order: Any, make_adjustment: Any
) -> None:
    """So that both topics' positions can be found in the state."""
    hub.feed(make_adjustment("set", 9), at("ADJ", 4))
    hub.feed(make_order("s_1_1", 1), at("ORD", 7))
    hub.feed(make_order("s_2_1", 1), at("ORD", 9))
    assert [outcome.source for outcome in hub.log] == [{"ADJ": 4}, {"ORD": 7}, {"ORD": 9}]
    assert hub.levels["MUG"].source == {"ADJ": 4, "ORD": 9}


def test_times_of_writing_are_the_given_now(hub: Any) -> None:
    """The rule has no clock."""
    hub.now = 123
    decided = hub.adjust("set", 9)
    assert (decided.level.updated_at, decided.outcomes[0].timestamp) == (123, 123)


def test_an_order_stands_as_the_cause_with_its_listing_and_times(hub: Any) -> None:
    """A publisher needs them to tell a sale on its own channel."""
    hub.adjust("set", 9)
    hub.sell("s_1_1", 2, channel="woo", listing_sku="SET", ordered_at=NOW - 9, received_at=NOW + 3)
    cause = hub.levels["MUG"].cause
    assert (cause.kind, cause.delta, cause.received_at, cause.ordered_at) == ("order", 2, NOW + 3, NOW - 9)
    assert (cause.channel, cause.order_id, cause.listing_sku) == ("woo", "s_1_1", "SET")
    assert (cause.adjustment_id, cause.actor, cause.reason) == (None, None, None)


def test_an_adjustment_stands_as_the_cause_with_who_and_why(hub: Any) -> None:
    """`delta` is what it took, so a receipt is negative."""
    hub.adjust("add", 9, adjustment_id="a_1", actor="eve", reason="delivery", received_at=NOW + 3)
    cause = hub.levels["MUG"].cause
    assert (cause.kind, cause.delta, cause.received_at, cause.ordered_at) == ("adjustment", -9, NOW + 3, None)
    assert (cause.adjustment_id, cause.actor, cause.reason) == ("a_1", "eve", "delivery")
    assert (cause.channel, cause.order_id, cause.listing_sku) == (None, None, None)


def test_an_insufficient_line_is_a_cause_that_took_nothing(hub: Any) -> None:
    """The pause is its effect."""
    hub.adjust("set", 1)
    hub.sell("s_1_1", 2)
    assert (hub.levels["MUG"].cause.order_id, hub.levels["MUG"].cause.delta) == ("s_1_1", 0)


def test_a_settlement_leaves_the_cause_that_brought_the_units(hub: Any) -> None:
    """Its `delta` is the record's own, not the sum of what was served."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 2)
    hub.adjust("add", 5, adjustment_id="a")
    assert (hub.levels["MUG"].cause.adjustment_id, hub.levels["MUG"].cause.delta) == ("a", -5)


def test_every_level_is_written_with_the_policy_it_was_decided_under(hub: Any, new_hub: Any) -> None:
    """Channels treat a level below zero by it."""
    hub.adjust("set", 1)
    hub.settings = new_hub("backorder").settings
    hub.sell("s_1_1", 1)
    assert hub.levels["MUG"].policy == "backorder"


# Velocity


def test_velocity_settles_at_a_thousandth_of_a_unit_an_hour() -> None:
    """Ten units an hour, one every six minutes, read as about 10,000."""
    velocity = 0
    for _ in range(200):
        velocity = raised(velocity, HOUR // 10, 1)
    assert 9_650 < velocity < 10_400


@pytest.mark.parametrize(("elapsed", "left"), [(-HOUR, 1_000), (0, 1_000), (HOUR, 500), (2 * HOUR, 250), (10**15, 0)])
def test_velocity_halves_every_hour_and_never_grows_by_time(elapsed: int, left: int) -> None:
    """A record received a little earlier than the last one decays nothing."""
    assert decayed(1_000, elapsed) == left


def test_velocity_decays_within_a_moment_too() -> None:
    """One millisecond of half an hour's worth is rounded down, not away."""
    assert decayed(1_000_000, 1) == 999_999
    assert decayed(1_000_000, HOUR // 2) == 707_106


def test_velocity_stops_where_json_readers_lose_digits() -> None:
    """Hostile quantities end there instead of failing the batch."""
    assert raised(2**53 - 693, 0, 1) == 2**53
    assert raised(2**53 - 692, 0, 1) == 2**53
    assert raised(2**53 - 694, 0, 1) == 2**53 - 1


def test_velocity_is_raised_by_sales_and_by_demand_that_was_not_met(hub: Any) -> None:
    """Counts, receipts and cancels raise nothing; they do let it decay."""
    hub.adjust("set", 5)
    assert hub.levels["MUG"].velocity == 0
    hub.sell("s_1_1", 2)
    assert hub.levels["MUG"].velocity == 2 * 693
    hub.sell("s_2_1", 8)
    assert hub.levels["MUG"].velocity == 10 * 693
    hub.sell("s_1_1", 1, revision=2)
    assert hub.levels["MUG"].velocity == 10 * 693
    hub.adjust("add", -9)
    assert hub.levels["MUG"].velocity == 10 * 693
    hub.adjust("add", 1, received_at=NOW + HOUR)
    assert hub.levels["MUG"].velocity == 5 * 693


def test_velocity_decays_from_the_last_cause_to_the_record(hub: Any) -> None:
    """By receipt, not by when the processor got round to it, so a replay gives the same."""
    hub.sell("s_1_1", 2)
    assert hub.levels["MUG"].velocity == 2 * 693
    hub.now += 50 * HOUR
    hub.sell("s_2_1", 2, received_at=NOW + HOUR)
    assert hub.levels["MUG"].velocity == 3 * 693
    hub.sell("s_3_1", 2, received_at=NOW - HOUR)
    assert hub.levels["MUG"].velocity == 5 * 693


# Batches


def test_a_batch_gives_every_outcome_and_the_newest_level_of_each_sku(hub: Any, make_order: Any) -> None:
    """A line may be decided several times; each decision is written, the level only once."""
    hub.adjust("set", 5)
    hub.adjust("set", 5, sku="LID")
    inputs = [
        (make_order("s_1_1", 2), at("T", 10)),
        (make_order("s_1_1", 2), at("T", 11)),
        (make_order("s_1_1", 9, revision=2), at("T", 12)),
        (make_order("s_1_1", 8), at("T", 13)),
        (make_order("s_2_1", 1, sku="LID"), at("T", 14)),
        (make_order("s_1_1", 0, revision=3), at("T", 15)),
        (make_order("s_1_1", 0, revision=4), at("T", 16)),
    ]
    before = dict(hub.levels), dict(hub.lines)
    changes = fold(inputs, NOW + 77, hub, hub.settings)
    assert [(key, o.result, o.delta, o.version) for key, o in changes.outcomes] == [
        (b"s_1_1|MUG", "accepted", 2, 2),
        (b"s_1_1|MUG", "insufficient", 0, 3),
        (b"s_2_1|LID", "accepted", 1, 2),
        (b"s_1_1|MUG", "accepted", -2, 4),
        (b"s_1_1|MUG", "unchanged", 0, None),
    ]
    assert {sku: (level.quantity, level.version) for sku, level in changes.levels.items()} == {
        "MUG": (5, 4),
        "LID": (4, 2),
    }
    assert changes.ignored == ((*inputs[1], "duplicate"), (*inputs[3], "stale"))
    assert (hub.levels, hub.lines) == before


def test_a_batch_serves_and_closes_lines_of_the_same_batch(hub: Any, make_order: Any, make_adjustment: Any) -> None:
    """What was decided a record ago is there for the next."""
    inputs = [
        (make_order("s_1_1", 2), at("T", 0)),
        (make_adjustment("add", 2, adjustment_id="a"), at("T", 1)),
        (make_order("s_2_1", 2), at("T", 2)),
        (make_adjustment("set", 2, adjustment_id="b"), at("T", 3)),
    ]
    changes = fold(inputs, NOW + 77, hub, hub.settings)
    assert [(key, o.result, o.version) for key, o in changes.outcomes] == [
        (b"s_1_1|MUG", "unstocked", None),
        (b"adj_a|MUG", "applied", 1),
        (b"s_1_1|MUG", "settled", 2),
        (b"s_2_1|MUG", "insufficient", 3),
        (b"adj_b|MUG", "applied", 4),
        (b"s_2_1|MUG", "closed_by_set", None),
    ]


def test_an_empty_batch_changes_nothing(hub: Any) -> None:
    """Three empty parts."""
    changes = fold([], 77, hub, hub.settings)
    assert (dict(changes.levels), changes.outcomes, changes.ignored) == ({}, (), ())
