"""Where a lane goes on, and when it must not."""

from dataclasses import replace

import pytest

from processor.marks import Mark
from processor.positions import Evidence, Stop, resume

NEW, OLD, NOBODY = Mark(topic_id="new"), Mark(topic_id="old"), Mark(topic_id="")
KNOWN = Evidence(topic_id="new", committed=7, mark=NEW, in_state=6, start=0, end=10)


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ({}, 7),
        ({"in_state": None}, 7),
        ({"committed": 9}, 9),
        ({"committed": None, "mark": NOBODY}, 7),
        ({"committed": 3, "in_state": 8}, 9),
        ({"committed": None, "in_state": None, "start": 4}, 4),
        ({"committed": 10, "in_state": 9}, 10),
        ({"committed": 7, "start": 7}, 7),
        ({"mark": NOBODY}, 7),
        ({"mark": NOBODY, "committed": 2}, 7),
        ({"mark": NOBODY, "committed": 0, "in_state": None}, 0),
        ({"former": ("old",)}, 7),
        ({"committed": None, "former": ("old",)}, 7),
        ({"in_state": None, "former": ("old",)}, 7),
        ({"mark": replace(NEW, state=6)}, 7),
        ({"mark": replace(NEW, state=2)}, 7),
        ({"mark": replace(NEW, state=8, moved=True)}, 7),
    ],
)
def test_a_lane_goes_on_at_the_greater_of_both_marks(change: dict[str, object], position: int) -> None:
    """The group's position and the tables' highest offset plus one; without either, at the log's start."""
    assert resume(replace(KNOWN, **change)) == position  # type: ignore[arg-type] # each case names fields of Evidence


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mark": OLD}, "made anew"),
        ({"mark": NOBODY, "committed": 8}, "the group's position 8 was set by nobody of ours"),
        ({"mark": NOBODY, "committed": 1, "in_state": None}, "was set by nobody of ours"),
        ({"committed": None, "mark": NOBODY, "in_state": None, "former": ("old",)}, "tables belong to old"),
        ({"committed": 3, "in_state": None, "start": 4}, "offsets 3 to 3 were deleted before they were read"),
        ({"in_state": 10}, "it was truncated"),
        ({"committed": 11, "in_state": None}, "it was truncated"),
        ({"mark": replace(NEW, state=7)}, "levels of records up to 7 were committed, but the tables' topics have what"),
        ({"mark": replace(NEW, state=0), "in_state": None}, "the tables' topics have nothing"),
    ],
)
def test_doubt_stops_the_partition_with_its_reason(change: dict[str, object], reason: str) -> None:
    """A recreated topic, an expired position and a truncated log are an operator's to decide."""
    found = resume(replace(KNOWN, **change))  # type: ignore[arg-type] # likewise
    assert isinstance(found, Stop)
    assert reason in found.reason
