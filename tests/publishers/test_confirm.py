"""When accepted numbers are read back."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from publishers.confirm import APPLIED_MAX, PATIENCE_MS, PERIOD_MIN_MS, WAIT_MAX_MS, Agenda, Confirmations
from schemas.channel_records import ChannelLevel, Shown
from schemas.words import Status

PLACE = ("A", "1")


def record(accepted_at: int | None, listing_id: str = "1") -> ChannelLevel:
    """Make a SKU's record whose one listing was accepted then."""
    shown = Shown(shown=9, sent=5, sent_at=accepted_at or 0, accepted_at=accepted_at)
    return ChannelLevel(sku="A", listings={listing_id: shown}, status=Status.IN_STEP, at=0)


def test_an_accepted_number_is_looked_at_when_its_kind_expects_it() -> None:
    """Not a millisecond earlier; what is final at once is not looked at."""
    open_ones = Confirmations(30_000)
    open_ones.note(record(None))
    assert (len(open_ones), open_ones.agenda.next_at()) == (0, None)
    open_ones.note(record(1_000))
    assert open_ones.agenda.next_at() == 31_000
    assert open_ones.agenda.take(30_999) is None
    assert open_ones.agenda.take(31_000) == PLACE
    assert (len(open_ones), open_ones.agenda.next_at()) == (1, None)


def test_a_newer_tell_is_what_counts() -> None:
    """Accepted anew, the look moves; told anew and not accepted yet, or confirmed, there is none."""
    open_ones = Confirmations(30_000)
    open_ones.note(record(1_000))
    open_ones.note(record(9_000))
    assert open_ones.agenda.next_at() == 39_000
    open_ones.note(record(9_000))
    assert (len(open_ones), len(open_ones.agenda)) == (1, 1)
    open_ones.note(record(None))
    assert (len(open_ones), open_ones.agenda.next_at()) == (0, None)
    open_ones.later(PLACE, 50_000)
    assert PLACE not in open_ones.agenda


def test_the_waits_grow_up_to_a_bound() -> None:
    """Each as long as it has taken so far: within the patience a number is looked at about a dozen times."""
    open_ones, looks = Confirmations(30_000), []
    open_ones.note(record(0))
    while (due := open_ones.agenda.next_at() or 0) <= PATIENCE_MS:
        looks.append(due)
        assert open_ones.agenda.take(due) == PLACE
        open_ones.later(PLACE, due)
    waits = [after - before for before, after in pairwise(looks)]
    assert looks[:3] == [30_000, 60_000, 120_000]
    assert waits == sorted(waits)
    assert (max(waits), len(looks) < 13) == (WAIT_MAX_MS, True)


def test_patience_is_longer_than_the_kind_takes() -> None:
    """A quarter of an hour, or twice what the kind expects; the shortest wait is a second, whatever it says."""
    shown = Shown(accepted_at=1_000)
    assert Confirmations(30_000).patient_until(shown) == 1_000 + PATIENCE_MS
    assert Confirmations(3_600_000).patient_until(shown) == 1_000 + 7_200_000
    hasty = Confirmations(0)
    hasty.note(record(1_000))
    assert hasty.agenda.next_at() == 1_000 + PERIOD_MIN_MS


def test_a_rehearsal_waits_less() -> None:
    """All waits are scaled together; the shortest stays."""
    quick = Confirmations(60_000, scale=10)
    quick.note(record(1_000))
    assert quick.agenda.next_at() == 1_000 + PERIOD_MIN_MS
    assert quick.patient_until(Shown(accepted_at=1_000)) == 1_000 + PATIENCE_MS // 100
    assert quick.agenda.take(5_000) == PLACE
    quick.later(PLACE, 5_000)
    assert quick.agenda.next_at() == 5_000 + WAIT_MAX_MS // 100


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9), st.booleans()), max_size=40))
def test_the_agenda_is_a_table_by_time(moves: list[tuple[str, int, bool]]) -> None:
    """Put, moved and dropped in any order, each listing comes out once, at its last time, the earliest first."""
    agenda, model = Agenda(), dict[tuple[str, str], int]()
    for name, due, kept in moves:
        place = (name, "1")
        if kept:
            agenda.put(place, due)
            model[place] = due
        else:
            agenda.drop(place)
            model.pop(place, None)
        assert agenda.next_at() == min(model.values(), default=None)
        assert len(agenda) == len(model)
    taken = []
    while (found := agenda.take(9)) is not None:
        taken.append(model.pop(found))
    assert (taken, model) == (sorted(taken), {})


def test_a_0_is_waited_for_three_times_as_long_as_it_usually_takes() -> None:
    """And never longer than any other number."""
    shown = Shown(sent=0, accepted_at=1_000)
    assert Confirmations(60_000).anxious_until(shown) == 181_000
    assert Confirmations(900_000).anxious_until(shown) == Confirmations(900_000).patient_until(shown)


def test_how_long_a_number_took_to_show_is_kept_until_somebody_asks() -> None:
    """Told anew, or seen with another number, it has not shown; and nobody who asks nothing fills the memory."""
    open_ones = Confirmations(30_000)

    def ends(**changes: Any) -> list[int]:
        open_ones.note(record(1_000))
        ended = replace(record(None).listings["1"], **{"shown": 5, "shown_at": 43_000, **changes})
        open_ones.note(replace(record(None), listings={"1": ended}))
        return list(open_ones.applied)

    assert ends(request_id="r") == ends(shown=9) == ends(shown_at=None) == []
    assert ends() == [42_000]
    for _ in range(APPLIED_MAX):
        ends()
    assert len(open_ones.applied) == APPLIED_MAX
