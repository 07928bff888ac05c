"""What goes wrong when: enough of everything, and the same for the same seed."""

from collections import Counter
from random import Random

import pytest

from tests.faults.orders import Book
from tests.faults.plan import KINDS, plan


@pytest.mark.parametrize("seed", range(5))
def test_half_an_hour_has_three_hundred_faults_and_twenty_of_each_kind(seed: int) -> None:
    """Spread over segments with a rest at the end of each."""
    segments = plan(seed, 1_800, KINDS)
    kinds = Counter(fault.kind for faults in segments for fault in faults)
    assert kinds.total() >= 300
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 20
    assert len(segments) == 6
    assert all(fault.at_s < 280 for faults in segments for fault in faults)


def test_a_short_run_has_each_kind_once() -> None:
    """Even if there is little time for it."""
    assert {fault.kind for faults in plan(3, 72, KINDS) for fault in faults} == set(KINDS)


def test_a_seed_repeats_a_run() -> None:
    """Its plan and its load; another seed has others."""
    assert plan(7, 600, KINDS) == plan(7, 600, KINDS)
    assert plan(7, 600, KINDS) != plan(8, 600, KINDS)
    first, again = Book(Random(1), 50), Book(Random(1), 50)
    assert [first.next(now).value for now in range(500)] == [again.next(now).value for now in range(500)]
