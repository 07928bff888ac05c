"""What is drawn before a run: everything the issue asks for, within the vendor's means, and the same for one seed."""

import pytest

from compose.fakes.server import KINDS
from tests.chaos.facts import FACTS
from tests.chaos.stories import STORIES, draw


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_every_story_that_a_vendor_can_tell_is_told(kind: str) -> None:
    """And no other one; the same seed gives the same run."""
    drawn = draw("7:shop", FACTS[kind], 300, 10_000)
    possible = {name for name, need, _, _ in STORIES if not need or need in FACTS[kind].can}
    assert {story.name for story in drawn} == possible
    assert {"cancel", "cancel at once", "cancel before create"} <= possible
    assert drawn == draw("7:shop", FACTS[kind], 300, 10_000)
    assert drawn != draw("8:shop", FACTS[kind], 300, 10_000)
    assert [story.at_ms for story in drawn] == sorted(story.at_ms for story in drawn)


def test_what_a_vendor_can_is_something_that_happens() -> None:
    """A word in the table that no story needs would be a story that is never told."""
    needed = {need for _, need, _, _ in STORIES if need}
    assert {word for facts in FACTS.values() for word in facts.can} == needed


def test_every_stand_in_takes_part() -> None:
    """A kind of channel without facts would be left out of the run, and nobody would ask."""
    assert set(FACTS) == set(KINDS)
