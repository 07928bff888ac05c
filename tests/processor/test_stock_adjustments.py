"""Adjustments, one sentence of the rule at a time: add, set, pause, resume, and who is served by them."""

from typing import Any

import pytest

NOW = 1_790_000_000_000


# Once


@pytest.mark.parametrize("kind", ["set", "add", "pause", "resume"])
def test_an_adjustment_is_decided_once(hub: Any, make_adjustment: Any, kind: str) -> None:
    """The same id again is a duplicate, whatever else it says."""
    hub.adjust("set", 9, adjustment_id="first")
    hub.adjust(kind, 4, adjustment_id="a")
    before = hub.state()
    assert hub.ignored(make_adjustment("set", 77, adjustment_id="a", received_at=NOW + 5)) == "duplicate"
    assert hub.state() == before


def test_a_refused_adjustment_is_decided_too(hub: Any, make_adjustment: Any) -> None:
    """It does not come true later because somebody sends it again."""
    hub.adjust("set", 9, adjustment_id="a", if_version=7)
    assert hub.ignored(make_adjustment("set", 9, adjustment_id="a", if_version=None)) == "duplicate"


def test_one_adjustment_id_may_stand_for_several_skus(hub: Any) -> None:
    """A line is an order id and a SKU."""
    hub.adjust("set", 1, adjustment_id="a")
    hub.adjust("set", 2, adjustment_id="a", sku="LID")
    assert (hub.levels["MUG"].quantity, hub.levels["LID"].quantity) == (1, 2)


def test_an_adjustments_outcome_is_a_line_of_no_channel(hub: Any) -> None:
    """Revision 0, seen and ordered at receipt; its name is `adj_` and the escaped id."""
    outcome = hub.adjust("add", 4, adjustment_id="file:1_2", received_at=NOW - 3).outcomes[0]
    assert (outcome.order_id, outcome.channel, outcome.revision) == ("adj_file:1%5F2", None, 0)
    assert (outcome.seen_at, outcome.ordered_at, outcome.qty) == (NOW - 3, NOW - 3, 4)


@pytest.mark.parametrize(("kind", "qty"), [("set", 4), ("add", 4), ("pause", 0), ("resume", 0)])
def test_only_set_and_add_are_about_units(hub: Any, kind: str, qty: int) -> None:
    """Pausing with a quantity is still pausing."""
    assert hub.adjust(kind, 4).outcomes[0].qty == qty


# add


def test_add_raises_and_lowers_the_level(hub: Any) -> None:
    """It holds what it took: units brought in are held as a negative number."""
    hub.adjust("set", 5, adjustment_id="s")
    assert hub.rows(hub.adjust("add", 3, adjustment_id="a")) == [("adj_a", "applied", -3, 0, -3, 8, 2)]
    assert hub.rows(hub.adjust("add", -8, adjustment_id="b")) == [("adj_b", "applied", 8, 0, 8, 0, 3)]
    assert hub.state() == (0, 3, None, [], 0)


def test_add_nothing_is_applied_and_moves_nothing(hub: Any) -> None:
    """On a stocked SKU and on an unknown one alike."""
    assert hub.rows(hub.adjust("add", 0, adjustment_id="a")) == [("adj_a", "applied", 0, 0, 0, None, None)]
    assert hub.levels == {}
    hub.adjust("set", 5)
    decided = hub.adjust("add", 0, adjustment_id="b")
    assert decided.level is None
    assert hub.rows(decided) == [("adj_b", "applied", 0, 0, 0, 5, None)]


def test_add_below_zero_stops_at_zero_and_waits_for_the_rest(hub: Any) -> None:
    """The SKU is paused; the next units go to the adjustment, when its turn comes."""
    hub.adjust("set", 5)
    assert hub.rows(hub.adjust("add", -7, adjustment_id="a")) == [("adj_a", "applied", 5, 2, 5, 0, 2)]
    assert hub.state() == (0, 2, "oversell", [("adj_a", 2)], 0)
    settled = hub.adjust("add", 3, adjustment_id="b")
    assert hub.rows(settled) == [("adj_b", "applied", -3, 0, -3, 3, 3), ("adj_a", "settled", 7, 0, 2, 1, 4)]
    assert (settled.outcomes[1].channel, settled.outcomes[1].revision, settled.outcomes[1].qty) == (None, 0, -7)
    assert hub.state() == (1, 4, None, [], 0)


def test_add_below_zero_from_zero_is_only_the_pause(hub: Any) -> None:
    """Nothing can be taken; the pause makes the version, and a second one makes none."""
    hub.adjust("set", 0)
    assert hub.rows(hub.adjust("add", -2, adjustment_id="a")) == [("adj_a", "applied", 0, 2, 0, 0, 2)]
    assert hub.rows(hub.adjust("add", -3, adjustment_id="b")) == [("adj_b", "applied", 0, 3, 0, 0, None)]
    assert hub.state() == (0, 2, "oversell", [("adj_a", 2), ("adj_b", 3)], 0)


def test_add_serves_the_oldest_first_and_stops_at_the_first_that_does_not_fit(hub: Any) -> None:
    """The third would fit and still waits its turn; every settlement is one outcome and one version."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 2)
    hub.sell("s_2_1", 4)
    hub.sell("s_3_1", 1)
    assert hub.rows(hub.adjust("add", 5, adjustment_id="a")) == [
        ("adj_a", "applied", -5, 0, -5, 5, 3),
        ("s_1_1", "settled", 2, 0, 2, 3, 4),
    ]
    assert hub.state() == (3, 4, "oversell", [("s_2_1", 4), ("s_3_1", 1)], 0)


def test_the_last_settlement_ends_the_pause_in_its_own_version(hub: Any) -> None:
    """There is no version for the pause alone."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 2)
    hub.sell("s_2_1", 4)
    assert hub.rows(hub.adjust("add", 6, adjustment_id="a")) == [
        ("adj_a", "applied", -6, 0, -6, 6, 3),
        ("s_1_1", "settled", 2, 0, 2, 4, 4),
        ("s_2_1", "settled", 4, 0, 4, 0, 5),
    ]
    assert hub.state() == (0, 5, None, [], 0)


def test_a_settled_line_keeps_its_own_facts(hub: Any) -> None:
    """Channel, revision, times and quantity are the line's; time, position and level are this decision's."""
    hub.adjust("set", 1)
    hub.sell("w_1_1", 1, channel="woo", revision=7, seen_at=NOW - 5, ordered_at=NOW - 9)
    hub.sell("w_1_1", 3, channel="woo", revision=8, seen_at=NOW - 4, ordered_at=NOW - 9)
    hub.now += 50
    outcome = hub.adjust("add", 2).outcomes[1]
    assert (outcome.channel, outcome.revision, outcome.seen_at) == ("woo", 8, NOW - 4)
    assert (outcome.ordered_at, outcome.qty, outcome.held, outcome.delta) == (NOW - 9, 3, 3, 2)
    assert (outcome.sku, outcome.timestamp, outcome.source) == ("MUG", hub.now, {"T": 3})


def test_units_freed_by_a_cancel_serve_who_waits(hub: Any) -> None:
    """The cancel's own outcome comes first."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 3)
    hub.sell("s_2_1", 2)
    assert hub.rows(hub.sell("s_1_1", 0, revision=2)) == [
        ("s_1_1", "accepted", 0, 0, -3, 3, 4),
        ("s_2_1", "settled", 2, 0, 2, 1, 5),
    ]
    assert hub.state() == (1, 5, None, [], 0)


def test_a_cancel_of_the_first_who_waits_lets_the_next_one_through(hub: Any) -> None:
    """No units were freed, but those that were there are enough for the next."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 5)
    hub.sell("s_2_1", 4)
    hub.sell("s_2_1", 6, revision=2)
    hub.adjust("add", 1)
    hub.sell("s_3_1", 5)
    hub.sell("s_3_1", 0, revision=2)
    assert hub.state() == (4, 3, "oversell", [("s_1_1", 5), ("s_2_1", 6)], 0)
    hub.sell("s_4_1", 1)
    hub.sell("s_5_1", 4)
    hub.adjust("add", 1)
    assert hub.state() == (4, 5, "oversell", [("s_1_1", 5), ("s_2_1", 6), ("s_5_1", 4)], 0)
    hub.sell("s_2_1", 0, revision=3)
    assert hub.rows(hub.sell("s_1_1", 0, revision=2)) == [
        ("s_1_1", "accepted", 0, 0, 0, 4, None),
        ("s_5_1", "settled", 4, 0, 4, 0, 6),
    ]


def test_a_settled_line_can_be_cancelled_like_any_other(hub: Any) -> None:
    """It holds its units by then."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 2)
    hub.adjust("add", 2)
    assert hub.rows(hub.sell("s_1_1", 0, revision=2)) == [("s_1_1", "accepted", 0, 0, -2, 2, 5)]


def test_a_waiting_line_that_the_table_has_forgotten_leaves_without_units(hub: Any) -> None:
    """It waited longer than outcomes are kept; nobody knows what it holds, so the next one is served."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 2)
    hub.sell("s_2_1", 2)
    del hub.lines[b"s_1_1|MUG"]
    assert hub.rows(hub.adjust("add", 2, adjustment_id="a")) == [
        ("adj_a", "applied", -2, 0, -2, 2, 3),
        ("s_2_1", "settled", 2, 0, 2, 0, 4),
    ]
    assert hub.state() == (0, 4, None, [], 0)


# set


def test_set_makes_the_level_what_was_counted(hub: Any) -> None:
    """It holds the units that went missing, or brought in what was found."""
    assert hub.rows(hub.adjust("set", 5, adjustment_id="a")) == [("adj_a", "applied", -5, 0, -5, 5, 1)]
    hub.sell("s_1_1", 2)
    assert hub.rows(hub.adjust("set", 1, adjustment_id="b")) == [("adj_b", "applied", 2, 0, 2, 1, 3)]


def test_set_to_what_it_is_moves_nothing(hub: Any) -> None:
    """No version, no level record."""
    hub.adjust("set", 5)
    decided = hub.adjust("set", 5, adjustment_id="b")
    assert decided.level is None
    assert hub.rows(decided) == [("adj_b", "applied", 0, 0, 0, 5, None)]


def test_a_first_set_to_nothing_is_a_version(hub: Any) -> None:
    """From unknown to none is a change that channels must hear."""
    assert hub.rows(hub.adjust("set", 0, adjustment_id="a")) == [("adj_a", "applied", 0, 0, 0, 0, 1)]
    assert hub.state() == (0, 1, None, [], 0)


def test_set_closes_who_waits_and_ends_the_pause_in_one_version(hub: Any) -> None:
    """Closed lines keep what they held, wait no more and move no version."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 3)
    hub.sell("s_1_1", 5, revision=2)
    hub.sell("s_2_1", 4, channel="woo")
    decided = hub.adjust("set", 7, adjustment_id="a")
    assert hub.rows(decided) == [
        ("adj_a", "applied", -7, 0, -7, 7, 4),
        ("s_1_1", "closed_by_set", 3, 0, 0, 7, None),
        ("s_2_1", "closed_by_set", 0, 0, 0, 7, None),
    ]
    assert [(o.qty, o.revision, o.channel) for o in decided.outcomes[1:]] == [(5, 2, "shop"), (4, 1, "woo")]
    assert hub.state() == (7, 4, None, [], 0)


def test_set_to_what_it_is_still_closes_who_waits(hub: Any) -> None:
    """The end of the pause is the version then."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 5)
    assert hub.rows(hub.adjust("set", 3, adjustment_id="a")) == [
        ("adj_a", "applied", 0, 0, 0, 3, 3),
        ("s_1_1", "closed_by_set", 0, 0, 0, 3, None),
    ]
    assert hub.state() == (3, 3, None, [], 0)


def test_set_to_what_it_is_writes_the_level_when_only_the_list_changed(hub: Any) -> None:
    """After a resume there is no pause to end: same version, nobody waits."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 5)
    hub.adjust("resume")
    decided = hub.adjust("set", 3)
    assert [outcome.version for outcome in decided.outcomes] == [None, None]
    assert hub.state() == (3, 3, None, [], 0)


def test_set_closes_nothing_that_the_table_has_forgotten(hub: Any) -> None:
    """There is no outcome to follow up on."""
    hub.adjust("set", 0)
    hub.sell("s_1_1", 2)
    hub.sell("s_2_1", 2)
    del hub.lines[b"s_1_1|MUG"]
    assert [outcome.order_id for outcome in hub.adjust("set", 4, adjustment_id="a").outcomes] == ["adj_a", "s_2_1"]
    assert hub.state() == (4, 3, None, [], 0)


def test_a_closed_line_that_changes_later_asks_for_the_difference_to_what_it_holds(hub: Any) -> None:
    """It left the list for good, so it is neither searched nor counted."""
    hub.adjust("set", 3)
    hub.sell("s_1_1", 5)
    hub.adjust("set", 9)
    assert hub.rows(hub.sell("s_1_1", 5, revision=2)) == [("s_1_1", "unchanged", 0, 0, 0, 9, None)]
    assert hub.rows(hub.sell("s_1_1", 6, revision=3)) == [("s_1_1", "accepted", 6, 0, 6, 3, 4)]


@pytest.mark.parametrize("kind", ["set", "add", "pause", "resume"])
@pytest.mark.parametrize(("if_version", "result"), [(None, "applied"), (2, "applied"), (1, "refused"), (3, "refused")])
def test_an_adjustment_for_another_version_is_refused(hub: Any, kind: str, if_version: int | None, result: str) -> None:
    """Somebody else moved the level since it was looked at; every kind keeps its sender's condition."""
    hub.adjust("set", 9)
    hub.sell("s_1_1", 1)
    before = hub.state()
    decided = hub.adjust(kind, 4, if_version=if_version, adjustment_id="a")
    assert decided.outcomes[0].result == result
    if result == "refused":
        assert decided.level is None
        assert hub.rows(decided) == [("adj_a", "refused", 0, 0, 0, 8, None)]
        assert hub.state() == before


@pytest.mark.parametrize(("if_version", "result"), [(0, "applied"), (1, "refused")])
def test_an_unknown_sku_has_version_0(hub: Any, if_version: int, result: str) -> None:
    """So that a first count can be made conditional too."""
    assert hub.adjust("set", 4, if_version=if_version).outcomes[0].result == result


def test_a_negative_count_is_refused_under_reject(hub: Any) -> None:
    """On a stocked SKU and on an unknown one; nobody who waits is closed by it."""
    assert hub.rows(hub.adjust("set", -1, adjustment_id="a")) == [("adj_a", "refused", 0, 0, 0, None, None)]
    assert hub.levels == {}
    hub.adjust("set", 2)
    hub.sell("s_1_1", 5)
    before = hub.state()
    assert hub.rows(hub.adjust("set", -1, adjustment_id="b")) == [("adj_b", "refused", 0, 0, 0, 2, None)]
    assert hub.state() == before


def test_backorder_sets_and_adds_below_zero(backorder_hub: Any) -> None:
    """A debt is a count as well."""
    assert backorder_hub.rows(backorder_hub.adjust("set", -2, adjustment_id="a")) == [
        ("adj_a", "applied", 2, 0, 2, -2, 1)
    ]
    assert backorder_hub.rows(backorder_hub.adjust("add", -3, adjustment_id="b")) == [
        ("adj_b", "applied", 3, 0, 3, -5, 2)
    ]


def test_under_reject_a_removal_below_zero_takes_nothing(backorder_hub: Any, new_hub: Any) -> None:
    """It does not lift the level to zero either."""
    hub = backorder_hub
    hub.adjust("set", -2)
    hub.settings = new_hub().settings
    assert hub.rows(hub.adjust("add", -3, adjustment_id="b")) == [("adj_b", "applied", 0, 3, 0, -2, 2)]
    assert hub.state() == (-2, 2, "oversell", [("adj_b", 3)], 0)


# pause and resume


def test_pause_and_resume_are_versions(hub: Any) -> None:
    """Each of them once; doing it again is applied and changes nothing."""
    hub.adjust("set", 5)
    assert hub.rows(hub.adjust("pause", adjustment_id="a")) == [("adj_a", "applied", 0, 0, 0, 5, 2)]
    assert hub.state() == (5, 2, "operator", [], 0)
    again = hub.adjust("pause", adjustment_id="b")
    assert again.level is None
    assert hub.rows(again) == [("adj_b", "applied", 0, 0, 0, 5, None)]
    assert hub.rows(hub.adjust("resume", adjustment_id="c")) == [("adj_c", "applied", 0, 0, 0, 5, 3)]
    assert hub.state() == (5, 3, None, [], 0)
    assert hub.rows(hub.adjust("resume", adjustment_id="d")) == [("adj_d", "applied", 0, 0, 0, 5, None)]


def test_a_sku_that_was_never_stocked_can_be_paused(hub: Any) -> None:
    """And stays so when it is stocked; resuming an unknown SKU leaves it unknown."""
    assert hub.adjust("resume").level is None
    assert hub.rows(hub.adjust("pause", adjustment_id="a")) == [("adj_a", "applied", 0, 0, 0, None, 1)]
    hub.sell("s_1_1", 4)
    hub.adjust("set", 1)
    assert hub.state() == (1, 2, "operator", [("s_1_1", 4)], 0)


def test_the_operators_pause_wins_over_oversell(hub: Any) -> None:
    """It replaces it, and an oversell after it replaces nothing and makes no version."""
    hub.adjust("set", 1)
    hub.sell("s_1_1", 2)
    assert hub.adjust("pause").outcomes[0].version == 3
    assert hub.rows(hub.sell("s_2_1", 2)) == [("s_2_1", "insufficient", 0, 2, 0, 1, None)]
    assert hub.state() == (1, 3, "operator", [("s_1_1", 2), ("s_2_1", 2)], 0)


def test_an_oversell_that_ends_leaves_the_operators_pause(hub: Any) -> None:
    """Only `resume` ends it; counts and receipts do not."""
    hub.adjust("set", 1)
    hub.sell("s_1_1", 2)
    hub.adjust("pause")
    hub.adjust("add", 5)
    assert hub.state() == (4, 5, "operator", [], 0)
    hub.adjust("set", 9)
    assert hub.state() == (9, 6, "operator", [], 0)
    hub.adjust("resume")
    assert hub.state() == (9, 7, None, [], 0)


def test_resume_ends_the_pause_by_oversell_although_lines_wait(hub: Any) -> None:
    """Until the next line that does not fit; units that come meanwhile serve who waits and pause nothing."""
    hub.adjust("set", 1)
    hub.sell("s_1_1", 3)
    hub.adjust("resume")
    assert hub.state() == (1, 3, None, [("s_1_1", 3)], 0)
    hub.adjust("add", 1)
    assert hub.state() == (2, 4, None, [("s_1_1", 3)], 0)
    hub.sell("s_3_1", 1)
    assert hub.state() == (1, 5, None, [("s_1_1", 3)], 0)
    hub.sell("s_2_1", 7)
    assert hub.state() == (1, 6, "oversell", [("s_1_1", 3), ("s_2_1", 7)], 0)


def test_resume_after_an_operators_pause_leaves_no_pause_although_lines_wait(hub: Any) -> None:
    """It clears both kinds."""
    hub.adjust("set", 1)
    hub.sell("s_1_1", 3)
    hub.adjust("pause")
    hub.adjust("resume")
    assert hub.state() == (1, 4, None, [("s_1_1", 3)], 0)


# Rule 7: the first stock of a SKU


@pytest.mark.parametrize("kind", ["set", "add"])
def test_the_first_stock_serves_who_waits(hub: Any, kind: str) -> None:
    """Oldest first, each with its own version; nobody is closed."""
    hub.sell("s_1_1", 3)
    hub.sell("s_2_1", 1)
    assert hub.rows(hub.adjust(kind, 6, adjustment_id="a")) == [
        ("adj_a", "applied", -6, 0, -6, 6, 1),
        ("s_1_1", "settled", 3, 0, 3, 3, 2),
        ("s_2_1", "settled", 1, 0, 1, 2, 3),
    ]
    assert hub.state() == (2, 3, None, [], 0)


@pytest.mark.parametrize("kind", ["set", "add"])
def test_what_the_first_stock_cannot_serve_pauses_the_sku(hub: Any, kind: str) -> None:
    """In the version of the last that was served, or in the stock's own."""
    hub.sell("s_1_1", 3)
    hub.sell("s_2_1", 4)
    assert [outcome.version for outcome in hub.adjust(kind, 5).outcomes] == [1, 2]
    assert hub.state() == (2, 2, "oversell", [("s_2_1", 4)], 0)


def test_a_first_stock_that_serves_nobody_pauses_in_its_own_version(hub: Any) -> None:
    """Here a count of nothing."""
    hub.sell("s_1_1", 3)
    assert hub.rows(hub.adjust("set", 0, adjustment_id="a")) == [("adj_a", "applied", 0, 0, 0, 0, 1)]
    assert hub.state() == (0, 1, "oversell", [("s_1_1", 3)], 0)


@pytest.mark.parametrize("policy", ["reject", "backorder"])
def test_a_removal_from_a_sku_that_was_never_stocked_waits(new_hub: Any, policy: str) -> None:
    """Like any line of it; its first stock serves it."""
    hub = new_hub(policy)
    assert hub.rows(hub.adjust("add", -2, adjustment_id="a")) == [("adj_a", "unstocked", 0, 2, 0, None, None)]
    assert hub.state() == (None, 0, None, [("adj_a", 2)], 0)
    assert hub.rows(hub.adjust("set", 5, adjustment_id="b"))[1] == ("adj_a", "settled", 2, 0, 2, 3, 2)


def test_who_waits_for_a_sku_that_was_never_stocked_is_not_served_by_nothing(hub: Any) -> None:
    """Adding nothing, pausing and resuming bring no units."""
    hub.sell("s_1_1", 1)
    hub.adjust("add", 0)
    hub.adjust("pause")
    hub.adjust("resume")
    assert hub.state() == (None, 2, None, [("s_1_1", 1)], 0)


# Bounds


@pytest.mark.parametrize(
    ("kind", "start", "qty", "result"),
    [
        ("add", 10, 10**12 - 10, "applied"),
        ("add", 11, 10**12 - 10, "refused"),
        ("add", 10, -(10**9) - 10, "applied"),
        ("add", 10, -(10**9) - 11, "refused"),
        ("set", 0, 10**12, "applied"),
    ],
)
def test_what_no_record_could_hold_is_refused(hub: Any, kind: str, start: int, qty: int, result: str) -> None:
    """Levels beyond a million million and shortfalls beyond a thousand million."""
    hub.adjust("set", start)
    assert hub.adjust(kind, qty).outcomes[0].result == result


@pytest.mark.parametrize(
    ("kind", "qty", "result"),
    [
        ("add", -(10**12) + 5, "applied"),
        ("add", -(10**12) + 4, "refused"),
        ("set", 10**12 - 5, "applied"),
        ("set", 10**12 - 4, "refused"),
    ],
)
def test_below_zero_the_same_bounds_hold(backorder_hub: Any, kind: str, qty: int, result: str) -> None:
    """For the level and for the change that a count stands for."""
    backorder_hub.adjust("set", -5)
    assert backorder_hub.adjust(kind, qty).outcomes[0].result == result


def test_a_refused_removal_of_a_first_stock_leaves_the_sku_unknown(hub: Any) -> None:
    """More than a waiting line can name."""
    assert hub.adjust("add", -(10**9) - 1).outcomes[0].result == "refused"
    assert hub.levels == {}
    assert hub.adjust("add", -(10**9)).outcomes[0].result == "unstocked"


def test_serving_stops_where_the_level_would_leave_its_range(new_hub: Any) -> None:
    """Under backorder everything fits but for the bound; the line goes on waiting."""
    hub = new_hub()
    hub.sell("s_1_1", 6)
    hub.sell("s_2_1", 1)
    hub.settings = new_hub("backorder").settings
    decided = hub.adjust("set", -(10**12) + 6)
    assert [outcome.order_id for outcome in decided.outcomes[1:]] == ["s_1_1"]
    assert hub.state() == (-(10**12), 2, "oversell", [("s_2_1", 1)], 0)
