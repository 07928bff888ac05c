"""What is remembered of the numbers that listings were told."""

import pytest

from publishers import told
from publishers.told import NOTHING, Memory, Told

PLACE = ("A", "1")


def test_the_older_numbers_are_kept_newest_first_and_a_number_told_twice_in_a_row_once() -> None:
    """Five, seven and five again are three numbers; the fifth from the end is forgotten."""
    memory = Memory()
    for last in (None, 5, 7, 7, 5):
        memory.told(PLACE, 9, last)
    assert memory.of(PLACE) == Told(before=9, older=(5, 7, 5))
    for last in (1, 2):
        memory.told(PLACE, None, last)
    assert memory.of(PLACE) == Told(before=None, older=(2, 1, 5, 7))


def test_a_number_that_was_found_is_not_found_any_more_once_another_is_told() -> None:
    """Only what was told last can be seen; of a listing that was never told nothing is."""
    memory = Memory()
    memory.seen(PLACE)
    assert (len(memory), memory.of(PLACE)) == (0, NOTHING)
    memory.told(PLACE, 9, None)
    memory.seen(PLACE)
    assert memory.of(PLACE) == Told(before=9, seen=True)
    memory.told(PLACE, 8, 4)
    assert not memory.of(PLACE).seen


def test_who_was_told_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Being told again makes a listing a new one."""
    monkeypatch.setattr(told, "LISTINGS_MAX", 2)
    memory = Memory()
    for sku in ("A", "B", "A", "C"):
        memory.told((sku, "1"), 9, None)
    assert [sku for sku in "ABC" if memory.of((sku, "1")) != NOTHING] == ["A", "C"]
