"""What travels with a position, and how many records may be given up on end."""

from dataclasses import replace

import pytest

from processor.limit import Limit
from processor.marks import Mark, read
from processor.positions import Evidence, carried, resume

PLAIN = Mark(topic_id="id")
LIMIT = Limit(most=2, window=10)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (PLAIN, "id"),
        (Mark(topic_id=""), ""),
        (Mark(topic_id="id", told="t"), "id told=t"),
        (Mark(topic_id="id", told="t", moved=True, ahead=7), "id moved=t ahead=7"),
        (Mark(topic_id="id", dead=(1_000, 1_001, 1_005), accept=2_000), "id dead=1000,1,4 accept=2000"),
        (Mark(topic_id="id", state=0), "id state=0"),
    ],
)
def test_a_mark_is_read_as_it_was_written(mark: Mark, text: str) -> None:
    """Usually it is the topic's id alone, as every earlier version has written it."""
    assert mark.text() == text
    assert read(text) == mark


def test_a_mark_of_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    """An older worker loses what it does not know, and nothing else."""
    assert read("id new=thing ahead=4 told=t") == Mark(topic_id="id", told="t", ahead=4)


def test_the_largest_mark_fits_into_a_positions_metadata() -> None:
    """Brokers take 4,096 bytes (`offset.metadata.max.bytes`)."""
    dead = tuple(2**53 + step * 999_999 for step in range(200))
    largest = Mark(topic_id="x" * 36, told="t" * 12, moved=True, ahead=2**63, dead=dead, accept=2**63, state=2**63)
    assert len(largest.text()) < 4_096


def test_a_lanes_commit_ends_an_operators_word_and_keeps_what_still_counts() -> None:
    """What the log has outgrown is left out, so that a mark is plain again before long."""
    word = Mark(topic_id="id", told="t", moved=True, ahead=20, dead=(5, 8), accept=7)
    assert word.after(6, [], None, LIMIT) == Mark(topic_id="id", ahead=20, dead=(5, 8), accept=7)
    assert word.after(16, [15], 14, LIMIT) == Mark(topic_id="id", ahead=20, dead=(8, 15), state=14)
    assert word.after(30, [], None, LIMIT) == PLAIN
    assert PLAIN.after(31, [], None, LIMIT) == PLAIN
    assert PLAIN.after(31, [], 30, LIMIT).after(32, [], None, LIMIT) == replace(PLAIN, state=30)
    assert PLAIN.after(31, [], 30, LIMIT).after(32, [], 7, LIMIT) == replace(PLAIN, state=30)


def test_accepted_dead_letters_do_not_count() -> None:
    """Below the offset that an operator has named; those behind it do again."""
    accepting = Mark(topic_id="id", dead=(1, 2), accept=100)
    assert accepting.given_up([3, 4, 5]) == (1, 2)
    assert accepting.given_up([99, 100]) == (1, 2, 100)


@pytest.mark.parametrize(
    ("dead", "passed"),
    [((), False), ((1, 2), False), ((1, 2, 11), False), ((1, 2, 10), True), ((1, 50, 51, 52), True)],
)
def test_more_dead_letters_on_end_than_may_be_are_noticed(dead: tuple[int, ...], *, passed: bool) -> None:
    """Wherever they stand, and only within the window."""
    assert LIMIT.passed(dead) is passed


def test_a_limit_of_none_stops_at_the_first() -> None:
    """For whom no dead letter is acceptable."""
    assert Limit(most=0, window=1).passed((7,))
    assert not Limit(most=0, window=1).passed(())


KNOWN = Evidence(
    topic_id="id", committed=100, mark=Mark(topic_id="id", told="t", moved=True), in_state=150, start=0, end=100
)


def test_where_skip_has_put_the_position_counts_although_the_tables_are_ahead() -> None:
    """The log was cut at 100: offsets up to 150 mean nothing, until the new log has passed them."""
    assert resume(KNOWN) == 100
    first = carried(KNOWN)
    assert first == Mark(topic_id="id", ahead=150)
    later = replace(KNOWN, mark=first.after(120, [], None, LIMIT), committed=120, end=130)
    assert resume(later) == 120
    passed = replace(KNOWN, mark=first.after(151, [], None, LIMIT), committed=151, in_state=150, end=160)
    assert passed.mark == PLAIN
    assert resume(passed) == 151
    newer = replace(later, in_state=155, committed=150, end=160)
    assert resume(newer) == 156


def test_a_new_topics_mark_keeps_nothing_of_the_old_one() -> None:
    """Its offsets mean other records."""
    old = replace(KNOWN, mark=Mark(topic_id="old", ahead=9, dead=(3,), accept=7))
    assert carried(old) == PLAIN
