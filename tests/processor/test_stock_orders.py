"""Order lines, one sentence of the rule at a time: too old, known already, accepted, insufficient."""

from typing import Any

import pytest

DAY = 86_400_000
NOW = 1_790_000_000_000


# Rule 0: too old


@pytest.mark.parametrize(
    ("ordered_at", "result"), [(NOW - 90 * DAY - 1, "too_old"), (NOW - 90 * DAY, "accepted"), (NOW, "accepted")]
)
def test_a_line_ordered_before_the_horizon_is_too_old(hub: Any, ordered_at: int, result: str) -> None:
    """The horizon is counted back from receipt and is itself still young enough."""
    hub.adjust("set", 5)
    assert hub.sell("s_1_1", 1, ordered_at=ordered_at).outcomes[0].result == result


@pytest.mark.parametrize(("ordered_at", "result"), [(NOW - 11, "too_old"), (NOW - 10, "accepted")])
def test_a_line_ordered_before_its_channel_was_connected_is_too_old(new_hub: Any, ordered_at: int, result: str) -> None:
    """`since` counts for its own channel only; another channel has the horizon."""
    hub = new_hub(since={"shop": NOW - 10})
    hub.adjust("set", 5)
    assert hub.sell("s_1_1", 1, ordered_at=ordered_at).outcomes[0].result == result
    assert hub.sell("w_1_1", 1, ordered_at=ordered_at, channel="woo").outcomes[0].result == "accepted"


def test_a_since_long_ago_does_not_stretch_the_horizon(new_hub: Any) -> None:
    """The later of `since` and the horizon decides."""
    hub = new_hub(since={"shop": 1})
    assert hub.sell("s_1_1", 1, ordered_at=NOW - 91 * DAY).outcomes[0].result == "too_old"


def test_too_old_has_no_effect_and_is_recorded(hub: Any) -> None:
    """Its outcome holds nothing, names the level as it stands and moves no version; the level is not written."""
    hub.adjust("set", 5)
    decided = hub.sell("s_1_1", 3, ordered_at=1)
    assert decided.level is None
    assert hub.rows(decided) == [("s_1_1", "too_old", 0, 0, 0, 5, None)]
    assert hub.state() == (5, 1, None, [], 0)


def test_too_old_again_is_a_duplicate_and_a_later_change_of_it_is_too_old_again(hub: Any, make_order: Any) -> None:
    """The recorded `(revision, seenAt)` makes repeats cheap, and last year's order stays without effect."""
    hub.adjust("set", 5)
    hub.sell("s_1_1", 3, ordered_at=1, revision=2)
    assert hub.ignored(make_order("s_1_1", 3, ordered_at=1, revision=2)) == "duplicate"
    assert hub.ignored(make_order("s_1_1", 3, ordered_at=1, revision=1)) == "stale"
    assert hub.sell("s_1_1", 3, ordered_at=1, revision=3).outcomes[0].result == "too_old"
    assert hub.sell("s_1_1", 2, ordered_at=1, revision=4).outcomes[0].result == "too_old"


def test_a_line_once_too_old_is_decided_as_new_when_the_limit_has_moved(hub: Any, new_hub: Any) -> None:
    """With the same `qty` too: what was recorded as too old was never decided."""
    hub.adjust("set", 5)
    hub.sell("s_1_1", 3, ordered_at=NOW - 100 * DAY)
    hub.settings = new_hub(horizon_ms=200 * DAY).settings
    decided = hub.sell("s_1_1", 3, ordered_at=NOW - 100 * DAY, revision=2)
    assert hub.rows(decided) == [("s_1_1", "accepted", 3, 0, 3, 2, 2)]


def test_a_line_that_is_known_changes_whatever_its_age(hub: Any) -> None:
    """A cancel that comes after the horizon still frees its units."""
    hub.adjust("set", 5)
    hub.sell("s_1_1", 3)
    decided = hub.sell("s_1_1", 0, revision=2, ordered_at=1)
    assert hub.rows(decided) == [("s_1_1", "accepted", 0, 0, -3, 5, 3)]


def test_a_line_that_nothing_has_changed_for_a_horizon_is_forgotten(hub: Any, make_order: Any) -> None:
    """With and without its row the update is too old and frees nothing: the tables may drop the row at any moment."""
    hub.adjust("set", 5)
    hub.sell("s_1_1", 3)
    late = {"revision": 2, "ordered_at": NOW, "received_at": hub.now + 90 * DAY + 1}
    update = make_order("s_1_1", 0, **late)
    row = hub.lines[b"s_1_1|MUG"]
    known = hub.decided(update)
    del hub.lines[b"s_1_1|MUG"]
    forgotten = hub.decided(update)
    assert row.held == 3
    assert hub.rows(known) == hub.rows(forgotten) == [("s_1_1", "too_old", 0, 0, 0, 2, None)]


def test_a_line_is_remembered_for_a_horizon_after_its_last_decision(hub: Any) -> None:
    """A millisecond earlier the same cancel frees its units."""
    hub.adjust("set", 5)
    hub.sell("s_1_1", 3)
    decided = hub.sell("s_1_1", 0, revision=2, received_at=hub.now + 90 * DAY)
    assert hub.rows(decided) == [("s_1_1", "accepted", 0, 0, -3, 5, 3)]


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("kind", ["add", "set"])
def test_a_line_that_has_waited_for_longer_than_the_horizon_gets_nothing(hub: Any, kind: str, *, dropped: bool) -> None:
    """It leaves the list with and without its row, and the units stay for those who still want them."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 3)
    if dropped:
        del hub.lines[b"s_1_1|MUG"]
    decided = hub.adjust(kind, 5, adjustment_id="late", received_at=hub.now + 90 * DAY + 1)
    assert [row[0] for row in hub.rows(decided)] == ["adj_late"]
    assert hub.state() == (5, 3, None, [], 0)


# Rule 1: duplicates, stale records, unchanged lines


@pytest.mark.parametrize(
    ("revision", "seen_at", "reason"),
    [(5, NOW, "duplicate"), (5, NOW - 1, "stale"), (4, NOW + 1, "stale"), (4, NOW, "stale")],
)
def test_a_pair_that_is_not_greater_writes_nothing(
    hub: Any, make_order: Any, revision: int, seen_at: int, reason: str
) -> None:
    """Equal is a duplicate and smaller is stale, whatever the record says."""
    hub.adjust("set", 9)
    hub.sell("s_1_1", 1, revision=5)
    assert hub.ignored(make_order("s_1_1", 4, revision=revision, seen_at=seen_at)) == reason
    assert hub.state() == (8, 2, None, [], 0)


@pytest.mark.parametrize(("revision", "seen_at"), [(5, NOW + 1), (6, NOW - 1)])
def test_a_greater_pair_is_applied(hub: Any, revision: int, seen_at: int) -> None:
    """The revision counts first, then the time at which the channel showed it."""
    hub.adjust("set", 9)
    hub.sell("s_1_1", 1, revision=5)
    assert hub.sell("s_1_1", 4, revision=revision, seen_at=seen_at).outcomes[0].delta == 3
    assert hub.state() == (5, 3, None, [], 0)


def test_the_same_quantity_again_is_recorded_and_decides_nothing(hub: Any) -> None:
    """An edit of something else is `unchanged`: no units, no version, no level."""
    hub.adjust("set", 9)
    hub.sell("s_1_1", 4)
    decided = hub.sell("s_1_1", 4, revision=2)
    assert decided.level is None
    assert hub.rows(decided) == [("s_1_1", "unchanged", 4, 0, 0, 5, None)]
    assert decided.outcomes[0].revision == 2


def test_the_same_quantity_again_is_no_second_oversell(hub: Any) -> None:
    """A waiting line keeps its shortfall and its place, and a SKU that was resumed is not paused again."""
    hub.adjust("set", 1)
    hub.sell("s_1_1", 4)
    hub.adjust("resume")
    decided = hub.sell("s_1_1", 4, revision=2)
    assert decided.level is None
    assert hub.rows(decided) == [("s_1_1", "unchanged", 0, 4, 0, 1, None)]
    assert hub.state() == (1, 3, None, [("s_1_1", 4)], 0)


def test_lines_of_one_order_and_one_line_of_two_skus_stand_apart(hub: Any) -> None:
    """A bundle's components share an order id; each SKU decides its own."""
    hub.adjust("set", 9)
    hub.adjust("set", 9, sku="LID")
    hub.sell("s_1_1", 1, listing_sku="SET")
    hub.sell("s_1_1", 2, sku="LID", listing_sku="SET")
    hub.sell("s_1_2", 4)
    assert hub.levels["MUG"].quantity == 4
    assert hub.levels["LID"].quantity == 7


# Rule 2: accepted


def test_a_line_that_fits_lowers_the_level_by_the_difference_to_what_it_holds(hub: Any) -> None:
    """More, less, nothing: the level follows the line's state, and every change is one version."""
    hub.adjust("set", 10)
    assert hub.rows(hub.sell("s_1_1", 3)) == [("s_1_1", "accepted", 3, 0, 3, 7, 2)]
    assert hub.rows(hub.sell("s_1_1", 5, revision=2)) == [("s_1_1", "accepted", 5, 0, 2, 5, 3)]
    assert hub.rows(hub.sell("s_1_1", 1, revision=3)) == [("s_1_1", "accepted", 1, 0, -4, 9, 4)]
    assert hub.rows(hub.sell("s_1_1", 0, revision=4)) == [("s_1_1", "accepted", 0, 0, -1, 10, 5)]


def test_the_last_unit_can_be_sold(hub: Any) -> None:
    """`delta == quantity` fits; the level is 0 and nothing is paused."""
    hub.adjust("set", 2)
    assert hub.rows(hub.sell("s_1_1", 2)) == [("s_1_1", "accepted", 2, 0, 2, 0, 2)]
    assert hub.state() == (0, 2, None, [], 0)


def test_a_cancel_that_overtakes_its_order_leaves_the_level_alone(hub: Any, make_order: Any) -> None:
    """The cancel is accepted with nothing to move and writes no level; the order is stale when it comes."""
    hub.adjust("set", 2)
    decided = hub.sell("s_1_1", 0, revision=2)
    assert decided.level is None
    assert hub.rows(decided) == [("s_1_1", "accepted", 0, 0, 0, 2, None)]
    assert hub.ignored(make_order("s_1_1", 2, revision=1)) == "stale"


@pytest.mark.parametrize("kind", ["oversell", "operator"])
def test_orders_are_taken_while_the_sku_is_paused(hub: Any, kind: str) -> None:
    """These orders are real; a pause only keeps channels from selling more."""
    hub.adjust("set", 3)
    if kind == "operator":
        hub.adjust("pause")
    else:
        hub.sell("s_0_1", 9)
    assert hub.rows(hub.sell("s_1_1", 2)) == [("s_1_1", "accepted", 2, 0, 2, 1, 3)]
    assert hub.levels["MUG"].paused == kind


# Rule 3: insufficient


def test_a_line_that_does_not_fit_waits_and_pauses_the_sku(hub: Any) -> None:
    """It takes nothing; the pause is the version."""
    hub.adjust("set", 2)
    assert hub.rows(hub.sell("s_1_1", 3)) == [("s_1_1", "insufficient", 0, 3, 0, 2, 2)]
    assert hub.state() == (2, 2, "oversell", [("s_1_1", 3)], 0)


def test_a_second_line_that_does_not_fit_waits_behind_without_a_version(hub: Any) -> None:
    """The level is written again, since other lines wait now, with the version that it had."""
    hub.adjust("set", 2)
    hub.sell("s_1_1", 3)
    decided = hub.sell("s_2_1", 4)
    assert hub.rows(decided) == [("s_2_1", "insufficient", 0, 4, 0, 2, None)]
    assert decided.level is not None
    assert hub.state() == (2, 2, "oversell", [("s_1_1", 3), ("s_2_1", 4)], 0)


def test_a_line_that_asks_for_more_keeps_what_it_holds(hub: Any) -> None:
    """The shortfall is what it asked for beyond that."""
    hub.adjust("set", 5)
    hub.sell("s_1_1", 3)
    assert hub.rows(hub.sell("s_1_1", 7, revision=2)) == [("s_1_1", "insufficient", 3, 4, 0, 2, 3)]


def test_a_waiting_line_that_changes_keeps_its_place(hub: Any) -> None:
    """Its new shortfall stands where it stood, first, middle or last."""
    hub.adjust("set", 1)
    for name in ("s_1_1", "s_2_1", "s_3_1"):
        hub.sell(name, 4)
    for place, name in enumerate(("s_1_1", "s_2_1", "s_3_1")):
        decided = hub.sell(name, 6 + place, revision=2)
        assert hub.rows(decided) == [(name, "insufficient", 0, 6 + place, 0, 1, None)]
    assert hub.state() == (1, 2, "oversell", [("s_1_1", 6), ("s_2_1", 7), ("s_3_1", 8)], 0)


def test_a_waiting_line_that_fits_now_leaves_the_list_and_ends_the_pause(hub: Any) -> None:
    """Units and the end of the pause are one version."""
    hub.adjust("set", 2)
    hub.sell("s_1_1", 3)
    assert hub.rows(hub.sell("s_1_1", 2, revision=2)) == [("s_1_1", "accepted", 2, 0, 2, 0, 3)]
    assert hub.state() == (0, 3, None, [], 0)


def test_a_waiting_line_that_needs_nothing_any_more_ends_the_pause_as_a_version(hub: Any) -> None:
    """No units move; the pause does, so there is a version, and its outcome names it."""
    hub.adjust("set", 2)
    hub.sell("s_1_1", 3)
    assert hub.rows(hub.sell("s_1_1", 0, revision=2)) == [("s_1_1", "accepted", 0, 0, 0, 2, 3)]
    assert hub.state() == (2, 3, None, [], 0)


def test_a_line_in_the_middle_leaves_without_a_trace(hub: Any) -> None:
    """The others keep their order, and the pause stays."""
    hub.adjust("set", 1)
    for name in ("s_1_1", "s_2_1", "s_3_1"):
        hub.sell(name, 4)
    decided = hub.sell("s_2_1", 0, revision=2)
    assert hub.rows(decided) == [("s_2_1", "accepted", 0, 0, 0, 1, None)]
    assert decided.level is not None
    assert hub.state() == (1, 2, "oversell", [("s_1_1", 4), ("s_3_1", 4)], 0)


def test_a_small_line_may_pass_a_large_one_that_waits(hub: Any) -> None:
    """Rule 2 asks for the level only: what is there is sold."""
    hub.adjust("set", 2)
    hub.sell("s_1_1", 3)
    assert hub.rows(hub.sell("s_2_1", 1)) == [("s_2_1", "accepted", 1, 0, 1, 1, 3)]
    assert hub.state() == (1, 3, "oversell", [("s_1_1", 3)], 0)


# Rule 7: a SKU that was never stocked


def test_lines_of_a_sku_that_was_never_stocked_wait_and_pause_nothing(hub: Any) -> None:
    """The quantity stays unknown, so there is nothing to pause and no version."""
    assert hub.rows(hub.sell("s_1_1", 3)) == [("s_1_1", "unstocked", 0, 3, 0, None, None)]
    assert hub.rows(hub.sell("s_2_1", 1)) == [("s_2_1", "unstocked", 0, 1, 0, None, None)]
    assert hub.state() == (None, 0, None, [("s_1_1", 3), ("s_2_1", 1)], 0)


def test_an_unstocked_line_can_change_and_leave(hub: Any) -> None:
    """It keeps its place with its new quantity, and a cancel takes it out."""
    hub.sell("s_1_1", 3)
    hub.sell("s_2_1", 1)
    assert hub.rows(hub.sell("s_1_1", 2, revision=2)) == [("s_1_1", "unstocked", 0, 2, 0, None, None)]
    assert hub.state() == (None, 0, None, [("s_1_1", 2), ("s_2_1", 1)], 0)
    assert hub.rows(hub.sell("s_1_1", 0, revision=3)) == [("s_1_1", "accepted", 0, 0, 0, None, None)]
    assert hub.state() == (None, 0, None, [("s_2_1", 1)], 0)


def test_an_unstocked_line_of_no_units_writes_no_level(hub: Any) -> None:
    """A cancelled order of an unknown SKU is no reason to know the SKU."""
    assert hub.sell("s_1_1", 0).level is None
    assert hub.levels == {}


# Rule 8: backorder


def test_backorder_takes_every_line_and_never_pauses(backorder_hub: Any) -> None:
    """The level goes below zero."""
    backorder_hub.adjust("set", 2)
    assert backorder_hub.rows(backorder_hub.sell("s_1_1", 5)) == [("s_1_1", "accepted", 5, 0, 5, -3, 2)]
    assert backorder_hub.state() == (-3, 2, None, [], 0)


def test_a_policy_of_a_sku_wins_over_the_default(new_hub: Any) -> None:
    """And the level says under which policy it was decided."""
    from_table = type(new_hub().settings.default_policy)
    hub = new_hub(policies={"LID": from_table("backorder")})
    hub.adjust("set", 1)
    hub.adjust("set", 1, sku="LID")
    assert hub.sell("s_1_1", 2).outcomes[0].result == "insufficient"
    assert hub.sell("s_1_1", 2, sku="LID").outcomes[0].result == "accepted"
    assert (hub.levels["MUG"].policy, hub.levels["LID"].policy) == ("reject", "backorder")


def test_an_unstocked_sku_waits_under_backorder_too(backorder_hub: Any) -> None:
    """Nobody has said yet that it exists; the first count serves all of its lines."""
    assert backorder_hub.rows(backorder_hub.sell("s_1_1", 3)) == [("s_1_1", "unstocked", 0, 3, 0, None, None)]
    assert backorder_hub.rows(backorder_hub.adjust("set", 1))[1] == ("s_1_1", "settled", 3, 0, 3, -2, 2)


def test_lines_that_waited_under_reject_are_served_at_the_first_event_under_backorder(hub: Any, new_hub: Any) -> None:
    """Everything fits now; the pause ends with the last of them."""
    hub.adjust("set", 2)
    hub.sell("s_1_1", 3)
    hub.sell("s_2_1", 4)
    hub.settings = new_hub("backorder").settings
    assert hub.rows(hub.sell("s_3_1", 1)) == [
        ("s_3_1", "accepted", 1, 0, 1, 1, 3),
        ("s_1_1", "settled", 3, 0, 3, -2, 4),
        ("s_2_1", "settled", 4, 0, 4, -6, 5),
    ]
    assert hub.state() == (-6, 5, None, [], 0)


def test_below_zero_a_line_may_still_give_units_back_under_reject(backorder_hub: Any, new_hub: Any) -> None:
    """A policy that became stricter keeps nobody from cancelling, and sells nothing more."""
    hub = backorder_hub
    hub.adjust("set", 2)
    hub.sell("s_1_1", 6)
    hub.settings = new_hub().settings
    assert hub.rows(hub.sell("s_1_1", 5, revision=2)) == [("s_1_1", "accepted", 5, 0, -1, -3, 3)]
    assert hub.rows(hub.sell("s_2_1", 1)) == [("s_2_1", "insufficient", 0, 1, 0, -3, 4)]


# Bounds


def test_a_line_that_would_carry_the_level_out_of_range_is_ignored_as_such(backorder_hub: Any, make_order: Any) -> None:
    """A record that nobody could write is for the dead letters; the bound itself can be reached."""
    hub = backorder_hub
    hub.adjust("set", -(10**12) + 2)
    assert hub.ignored(make_order("s_1_1", 3)) == "out_of_range"
    assert hub.sell("s_1_1", 2).outcomes[0].new_qty == -(10**12)


def test_a_return_beyond_the_upper_bound_is_ignored_as_such(hub: Any, make_order: Any) -> None:
    """Upwards the same bound holds."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 3)
    hub.adjust("set", 10**12 - 2)
    assert hub.ignored(make_order("s_1_1", 0, revision=2)) == "out_of_range"
    assert hub.sell("s_1_1", 1, revision=2).outcomes[0].new_qty == 10**12
