"""The list of waiting lines at its bounds: what is not listed is counted."""

from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.records import StockLevel

LIMIT = 1_000


@pytest.fixture
def full(hub: Any) -> Any:
    """Return a hub whose SKU has no units, a full list (`s_0_1` ... `s_999_1`) and two lines that are counted."""
    hub.adjust("set", 0)
    for number in range(LIMIT + 2):
        hub.sell(f"s_{number}_1", 1)
    return hub


def listed(hub: Any) -> list[str]:
    return [line.order_id for line in hub.levels["MUG"].waiting]


def test_a_thousand_lines_are_listed_and_the_rest_is_counted(full: Any) -> None:
    """A counted line keeps its shortfall in its own outcome."""
    assert listed(full) == [f"s_{number}_1" for number in range(LIMIT)]
    assert full.levels["MUG"].waiting_more == 2
    assert full.lines[b"s_1001_1|MUG"].shortfall == 1


def test_a_counted_line_that_leaves_is_not_counted_any_more(full: Any) -> None:
    """And the level is written, since that is a change of who waits."""
    decided = full.sell("s_1000_1", 0, revision=2)
    assert decided.outcomes[0].version is None
    assert decided.level.waiting_more == 1
    assert len(decided.level.waiting) == LIMIT


def test_a_counted_line_that_still_waits_is_counted_once(full: Any) -> None:
    """With another quantity it is taken out and counted again."""
    level = full.sell("s_1000_1", 5, revision=2).level
    assert level.waiting_more == 2
    assert len(level.waiting) == LIMIT


def test_a_counted_line_that_changes_takes_a_place_that_is_free(full: Any) -> None:
    """It has waited, so it is listed as the newest."""
    full.sell("s_3_1", 0, revision=2)
    level = full.sell("s_1001_1", 7, revision=2).level
    assert level.waiting_more == 1
    assert listed(full)[-1] == "s_1001_1"
    assert len(level.waiting) == LIMIT


def test_a_listed_line_that_changes_keeps_its_place_in_a_full_list(full: Any) -> None:
    """No room is needed for it."""
    level = full.sell("s_999_1", 3, revision=2).level
    assert level.waiting[-1].shortfall == 3
    assert level.waiting_more == 2


def test_counted_lines_hold_the_pause_until_they_are_gone(full: Any) -> None:
    """When all listed lines are served nobody can be promoted, but the channels stay at 0."""
    full.adjust("add", LIMIT + 5)
    assert full.state() == (5, LIMIT + 3, "oversell", [], 2)
    full.sell("s_1000_1", 2, revision=2)
    assert full.state() == (3, LIMIT + 4, "oversell", [], 1)
    full.sell("s_1001_1", 2, revision=2)
    assert full.state() == (1, LIMIT + 5, None, [], 0)


def test_a_set_forgets_the_counted_lines(full: Any) -> None:
    """Their outcomes still say that they wait; when one changes, the count stays at 0."""
    decided = full.adjust("set", 3)
    assert len(decided.outcomes) == LIMIT + 1
    assert full.state() == (3, 3, None, [], 0)
    assert full.sell("s_1000_1", 0, revision=2).level.waiting_more == 0
    assert full.sell("s_1001_1", 9, revision=2).level.waiting_more == 0
    assert full.state() == (3, 4, "oversell", [("s_1001_1", 9)], 0)


def test_a_set_forgets_lines_that_are_only_counted(full: Any) -> None:
    """Even where nobody is listed."""
    full.adjust("add", LIMIT)
    full.adjust("resume")
    version = full.levels["MUG"].version
    assert full.adjust("set", 0).level.waiting_more == 0
    assert full.state() == (0, version, None, [], 0)


def test_a_resume_leaves_counted_lines_waiting(full: Any) -> None:
    """The pause is off, the count stays."""
    full.adjust("resume")
    assert (full.levels["MUG"].paused, full.levels["MUG"].waiting_more) == (None, 2)


def test_a_level_with_the_longest_order_ids_can_be_written(hub: Any) -> None:
    """Fewer lines are listed then, since a broker takes a record of 1 MB at most."""
    hub.adjust("set", 0)
    for number in range(200):
        hub.sell(f"{number:04}" + '"' * 996, 1)
    level = hub.levels["MUG"]
    assert (len(level.waiting), level.waiting_more) == (150, 50)
    assert decode(StockLevel, encode(level)) == level


def test_long_and_short_order_ids_share_the_room(hub: Any) -> None:
    """What counts is the sum of their lengths, with room for the longest kept free."""
    hub.adjust("set", 0)
    for number in range(160):
        hub.sell(f"s_{number:03}_1", 1)
    for number in range(160):
        hub.sell(f"{number:04}" + "x" * 996, 1)
    level = hub.levels["MUG"]
    letters = sum(len(line.order_id) for line in level.waiting)
    assert (len(level.waiting), level.waiting_more) == (308, 12)
    assert letters == 160 * 7 + 148 * 1_000
    assert letters + 1_000 > 150_000


@pytest.mark.parametrize(("length", "listed_lines"), [(500, 3), (501, 2)])
def test_a_line_is_listed_up_to_the_last_letter_of_room(hub: Any, length: int, listed_lines: int) -> None:
    """149,000 letters leave room for one of the longest, so the next is listed; one letter more and it is counted."""
    hub.adjust("set", 0)
    for number in range(148):
        hub.sell(f"{number:04}" + "x" * 996, 1)
    hub.sell("y" * length, 1)
    hub.sell("z" * 500, 1)
    hub.sell("s_1_1", 1)
    level = hub.levels["MUG"]
    assert (len(level.waiting), level.waiting_more) == (148 + listed_lines, 3 - listed_lines)


def test_each_counted_line_counts_once_however_many_there_are(full: Any) -> None:
    """One of five changes, one leaves: five and four."""
    for number in range(LIMIT + 2, LIMIT + 5):
        full.sell(f"s_{number}_1", 1)
    assert full.sell("s_1000_1", 5, revision=2).level.waiting_more == 5
    assert full.sell("s_1001_1", 0, revision=2).level.waiting_more == 4
