"""The judge of read-backs: what a number that a channel shows says about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers import told
from publishers.readback import (
    PASSED_MARGIN_MS,
    WRITE_MARGIN_MS,
    Agrees,
    Applied,
    Drifted,
    Known,
    Look,
    NotTold,
    NotYet,
    Suspect,
    Waits,
    Young,
    judge,
)
from publishers.told import Memory, Told
from schemas.channel_records import Shown
from schemas.words import DriftCause

TOLD = Shown(shown=10, shown_at=1_010, sent=10, sent_at=1_000, sent_version=3)
KNOWN = Known(shown=TOLD, expected=10, wanted=10, moved_at=900)
LATER = 100_000


def look(quantity: int | None, at: int = LATER) -> Look:
    """Make a look, by default long after the last write."""
    return Look(quantity=quantity, at=at)


def suspect(short: int, at: int = 50_000) -> Suspect:
    """Make the first look of two."""
    return Suspect(at=at, short=short, confirmed_at=TOLD.shown_at or 0)


def test_the_expected_number_agrees() -> None:
    """Also less the sales that are known, and whatever is wanted by now: what differs is in the queue already."""
    assert judge(KNOWN, look(10)) == Agrees()
    assert judge(replace(KNOWN, expected=8, wanted=3), look(8)) == Agrees()


def test_what_was_never_told_cannot_have_drifted() -> None:
    """The first contact, and a SKU that was never stocked, which is left as the channel has it."""
    assert judge(replace(KNOWN, shown=Shown(), expected=None), look(7)) == NotTold()
    assert judge(replace(KNOWN, wanted=None), look(7)) == Agrees()


@pytest.mark.parametrize(
    ("shown", "moved_at", "since"),
    [
        (TOLD, 900, 1_000 + WRITE_MARGIN_MS),
        (replace(TOLD, accepted_at=1_200), 900, 1_200 + WRITE_MARGIN_MS),
        (TOLD, 90_000, 90_000),
    ],
    ids=["after our write", "after its acceptance", "after a sale"],
)
def test_a_look_counts_from_a_margin_after_our_write_on(shown: Shown, moved_at: int, since: int) -> None:
    """A millisecond earlier it says nothing, however wrong the number, and names the time from which it would."""
    known = replace(KNOWN, shown=shown, moved_at=moved_at)
    assert judge(known, look(77, since - 1)) == Young(since)
    assert judge(known, look(77, since)) != Young(since)


def test_a_listing_with_an_open_call_is_not_judged() -> None:
    """What the channel shows meanwhile is before or after the call, and nobody knows which."""
    known = replace(KNOWN, shown=replace(TOLD, request_id="r1"))
    assert judge(known, look(77)) == Young(LATER + WRITE_MARGIN_MS)


def test_more_than_expected_is_wrong_at_once() -> None:
    """Nobody but a person raises a number that we told, or stops the channel from counting at all."""
    assert judge(KNOWN, look(11)) == Drifted(DriftCause.EDITED)
    assert judge(KNOWN, look(None)) == Drifted(DriftCause.EDITED)
    assert judge(replace(KNOWN, expected=8), look(10)) == Drifted(DriftCause.EDITED)


def test_a_number_of_several_listings_may_not_have_been_lowered_by_a_sale_of_another() -> None:
    """A SKU's sale has lowered one of its listings, and we do not know which; above the told number it is wrong."""
    known = replace(KNOWN, expected=8, several=True)
    assert [judge(known, look(n)) for n in (8, 9, 10)] == [Agrees()] * 3
    assert judge(known, look(11)) == Drifted(DriftCause.EDITED)


def test_less_than_expected_may_be_a_sale_on_its_way() -> None:
    """It is suspected, never corrected, at the first look: not even when the poll is far beyond it."""
    waits = Waits(Suspect(at=LATER, short=3, confirmed_at=1_010), DriftCause.MISSED_ORDER)
    assert judge(KNOWN, look(7)) == waits
    assert judge(KNOWN, look(7), through=10 * LATER) == waits


def test_less_is_wrong_when_the_poll_has_passed_and_a_second_look_agrees() -> None:
    """Then no order is missing, so a person did it; a millisecond before the poll has passed it still waits."""
    passed = 50_000 + PASSED_MARGIN_MS
    assert judge(KNOWN, look(7), suspect(3), through=passed) == Drifted(DriftCause.EDITED)
    waits = Waits(suspect(3), DriftCause.MISSED_ORDER)
    assert judge(KNOWN, look(7), suspect(3), through=passed - 1) == waits


def test_the_first_look_is_not_its_own_second() -> None:
    """The same look, judged again after the poll has passed, is still one look."""
    assert judge(KNOWN, look(7, 50_000), suspect(3), through=LATER) == Waits(suspect(3), DriftCause.MISSED_ORDER)


def test_a_second_look_that_misses_other_units_starts_anew() -> None:
    """Units that went missing since the first look may be on their way in turn; so does a number told meanwhile."""
    fresh = Waits(Suspect(at=LATER, short=4, confirmed_at=1_010), DriftCause.MISSED_ORDER)
    assert judge(KNOWN, look(6), suspect(3), through=LATER) == fresh
    told_since = replace(KNOWN, shown=replace(TOLD, sent_at=60_000, shown_at=60_010))
    again = Waits(Suspect(at=LATER, short=3, confirmed_at=60_010), DriftCause.MISSED_ORDER)
    assert judge(told_since, look(7), suspect(3), through=LATER) == again


def test_an_order_that_came_explains_what_was_missing() -> None:
    """The order had been missed; where the listing was told or read meanwhile, nobody knows and nothing is said."""
    sold = replace(KNOWN, expected=7)
    assert judge(sold, look(7), suspect(3)) == Agrees(explained=True)
    assert judge(replace(sold, shown=replace(TOLD, shown_at=60_000)), look(7), suspect(3)) == Agrees()
    assert judge(sold, look(7)) == Agrees()


@pytest.mark.parametrize(
    ("memory", "quantity", "cause"),
    [
        (Told(before=14), 14, DriftCause.NOT_APPLIED),
        (Told(before=14, seen=True), 14, DriftCause.OVERWRITTEN),
        (Told(before=14, older=(14, 20, 25)), 25, DriftCause.OVERWRITTEN),
        (Told(before=14, older=(14, 20, 25)), 24, DriftCause.EDITED),
        (Told(before=14, older=(14, 20)), None, DriftCause.EDITED),
    ],
    ids=["as before our write", "confirmed and gone back", "an older number", "a stranger", "no number"],
)
def test_a_number_that_we_told_before_names_its_cause(memory: Told, quantity: int | None, cause: DriftCause) -> None:
    """What the channel showed before our last write was not applied; what it was told before that has come back."""
    assert judge(replace(KNOWN, told=memory), look(quantity)) == Drifted(cause)


def test_an_old_number_is_recognised_below_the_sales_since() -> None:
    """The channel went on selling: 14 was never replaced by 10, and 2 were sold since."""
    known = replace(KNOWN, expected=8, told=Told(before=14))
    assert judge(known, look(12)) == Drifted(DriftCause.NOT_APPLIED)


def test_a_low_number_names_what_it_looks_like_while_it_waits() -> None:
    """Told 10 after 4, shows 4: not applied, in all likelihood, and told again only when no sale can explain it."""
    known = replace(KNOWN, told=Told(before=4))
    first = suspect(6)
    assert judge(known, look(4)) == Waits(replace(first, at=LATER), DriftCause.NOT_APPLIED)
    assert judge(known, look(4), first, through=LATER) == Drifted(DriftCause.NOT_APPLIED)


ACCEPTED = replace(
    KNOWN,
    shown=Shown(shown=14, shown_at=500, sent=10, sent_at=1_000, accepted_at=1_100),
    told=Told(before=14),
    patient_until=60_000,
    anxious_until=60_000,
)
IN_TIME, TOO_LATE = 50_000, 60_000


def test_an_accepted_number_is_applied_when_it_shows() -> None:
    """Early or late, also less the sales since."""
    assert judge(ACCEPTED, look(10, IN_TIME)) == Applied()
    assert judge(replace(ACCEPTED, expected=8), look(8, TOO_LATE)) == Applied()


@pytest.mark.parametrize("quantity", [14, 12, 9, 99, None])
def test_an_accepted_number_has_its_time(quantity: int | None) -> None:
    """Whatever shows meanwhile, the channel may still be at it."""
    assert judge(ACCEPTED, look(quantity, IN_TIME)) == NotYet()


def test_a_0_that_was_accepted_has_less_time() -> None:
    """Meanwhile the channel sells what there is not; another number may take its time."""
    zero = replace(ACCEPTED, shown=replace(ACCEPTED.shown, sent=0), expected=0, wanted=0, anxious_until=3_000)
    assert judge(zero, look(14, 20_000)) == Drifted(DriftCause.NOT_APPLIED)
    assert judge(zero, look(0, 20_000)) == Applied()
    assert judge(replace(ACCEPTED, anxious_until=3_000), look(14, 20_000)) == NotYet()


def test_writes_that_overtook_one_another_have_less_time() -> None:
    """What was told in between shows: the newest came before it, or is lost; the old one less a sale proves nothing."""
    between = replace(ACCEPTED, anxious_until=3_000, told=Told(before=12, older=(12, 14)))
    assert judge(between, look(12, 20_000)) == Drifted(DriftCause.NOT_APPLIED)
    assert judge(between, look(12, 6_200)) == Drifted(DriftCause.NOT_APPLIED)
    assert judge(replace(between, anxious_until=6_201), look(12, 6_200)) == NotYet()
    sold = replace(between, expected=8, wanted=8)
    assert judge(sold, look(14, 20_000)) == NotYet()
    assert judge(sold, look(12, 20_000)) == NotYet()
    assert judge(sold, look(13, 20_000)) == Drifted(DriftCause.EDITED)
    assert judge(between, look(9, 20_000)) == NotYet()


@pytest.mark.parametrize(
    ("quantity", "cause"),
    [
        (14, DriftCause.NOT_APPLIED),
        (12, DriftCause.NOT_APPLIED),
        (None, DriftCause.NOT_APPLIED),
        (99, DriftCause.EDITED),
        (20, DriftCause.OVERWRITTEN),
    ],
    ids=["the old number", "the old number less a sale", "none", "neither", "an older one"],
)
def test_an_accepted_number_that_does_not_show_in_time_is_told_again(quantity: int | None, cause: DriftCause) -> None:
    """At once: it shows more than it was told, or what it showed before."""
    known = replace(ACCEPTED, told=Told(before=14, older=(14, 20)))
    assert judge(known, look(quantity, TOO_LATE)) == Drifted(cause)


def test_less_than_an_accepted_number_may_be_applied_and_sold() -> None:
    """It waits for the poll as any other; a raise that shows the old number is not applied."""
    assert judge(ACCEPTED, look(9, TOO_LATE)) == Waits(
        Suspect(at=TOO_LATE, short=1, confirmed_at=500), DriftCause.MISSED_ORDER
    )
    raised = replace(ACCEPTED, shown=replace(ACCEPTED.shown, shown=4), told=Told(before=4))
    assert judge(raised, look(4, TOO_LATE)) == Drifted(DriftCause.NOT_APPLIED)


@given(
    expected=st.integers(0, 20),
    quantity=st.integers(-5, 30),
    older=st.lists(st.integers(0, 20), max_size=4),
    through=st.integers(0, 2 * LATER),
    at=st.integers(50_001, LATER),
)
def test_units_that_may_be_sold_are_never_offered_again(
    expected: int, quantity: int, older: list[int], through: int, at: int
) -> None:
    """Whatever was told before, a number below the expected one is corrected only by the rule of two looks."""
    known = replace(KNOWN, expected=expected, told=Told(before=older[0] if older else None, older=tuple(older)))
    short = expected - quantity
    for first in (None, suspect(short), suspect(short + 1)):
        finding = judge(known, look(quantity, at), first, through=through)
        proven = first == suspect(short) and through >= 50_000 + PASSED_MARGIN_MS
        if quantity < expected:
            assert isinstance(finding, Drifted) is proven
        else:
            assert isinstance(finding, Drifted) is (quantity > expected)


def test_memory_keeps_what_was_told_before_the_last_number() -> None:
    """The number that was believed to show is kept too; what is told again is not kept twice."""
    memory, place = Memory(), ("A", "1")
    assert memory.of(place) == Told()
    memory.told(place, None, None)
    memory.told(place, 9, 10)
    assert memory.of(place) == Told(before=9, older=(10,))
    memory.seen(place)
    assert memory.of(place).seen
    memory.told(place, 8, 10)
    assert memory.of(place) == Told(before=8, older=(10,))
    memory.seen(("B", "1"))
    assert memory.of(("B", "1")) == Told()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few numbers of each listing, and of so many listings; the longest silent is forgotten."""
    monkeypatch.setattr(told, "LISTINGS_MAX", 3)
    memory = Memory()
    for n in range(100):
        memory.told(("A", "1"), n, n)
        memory.told(("B", str(n)), n, n)
    assert memory.of(("A", "1")).older == (99, 98, 97, 96)
    assert len(memory) == 3
    assert memory.of(("B", "90")) == Told()
