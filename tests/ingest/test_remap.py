"""Unmapped lines: which of them wait, what they become once their listing is there, and what people are told."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.lines import messages
from ingest.message import Arrival
from ingest.remap.listed import text, wanted
from ingest.remap.mapped import mapped
from ingest.remap.waiting import Stuck, Waiting, line_of
from ingest.webhook import Line, Reading
from schemas.channel_records import Component, Listing
from schemas.codec import decode
from schemas.records import DeadLetter, OrderConfirmed
from schemas.topics import ORDER_CONFIRMED, STOCK_DEADLETTER
from schemas.words import Reason

CUPS = (Component(sku="CUP", qty=2), Component(sku="SAUCER", qty=1))
TEE = Listing(channel="uk", listing_id="11", sku="TEE")
SET = Listing(channel="uk", listing_id="11", sku="SET", components=CUPS)
NOW = 1_795_300_000_000


def line(**more: Any) -> Line:
    given = {"order": "7", "line": "1", "sku": "", "listing_id": "11", "qty": 2, "revision": 100, "seen_at": 200}
    return Line(**{**given, "ordered_at": 50, **more})


def letter(at: int = 300, sha: str = "a", **more: Any) -> DeadLetter:
    """Return the dead letter that ingest writes for a line without a SKU and without a listing."""
    arrival = Arrival(channel="uk", received_at=at, body_sha256=sha and sha * 64)
    (dead,) = messages(Reading(order="7", lines=(line(**more),)), arrival, lambda _c, _l: None).dead
    return decode(DeadLetter, dead.value)


def resolved(one: DeadLetter) -> DeadLetter:
    return replace(one, dead_letter_id=f"{one.dead_letter_id}-resolved", resolves=one.dead_letter_id)


def told(*letters: DeadLetter, most: int | None = None) -> Waiting:
    waiting = Waiting(most)
    for one in letters:
        waiting.take(one)
    return waiting


def stuck(waiting: Waiting) -> list[Stuck]:
    return [one for _, lines in waiting.lines() for one in lines.values()]


def orders(one: Stuck, listing: Listing | None) -> list[OrderConfirmed]:
    records = mapped(one, lambda _c, _l: listing, NOW)
    assert records is not None
    return [decode(OrderConfirmed, m.value) for m in records.first if m.topic == ORDER_CONFIRMED]


def test_a_letter_gives_back_the_line_that_it_was_written_for() -> None:
    """Ids with `_`, `%` and `|`, in any script: the order's and the line's own names come out again."""
    for order, name in (("7", "1"), ("A_1", "ü|%5F"), ("%", "_"), ("a b", "x")):
        found = line_of(letter(order=order, line=name))
        assert found == line(order=order, line=name)


@given(order=st.text(min_size=1, max_size=30), name=st.text(min_size=1, max_size=30))
def test_any_order_and_line_come_out_of_a_letter_again(order: str, name: str) -> None:
    """Whatever characters the ids hold; never as another order's line."""
    try:
        found = line_of(letter(order=order, line=name))
    except UnicodeEncodeError:
        return
    assert found is None or (found.order, found.line) == (order, name)
    assert found is not None


@pytest.mark.parametrize("name", ["listing_id", "qty", "revision", "seen_at", "ordered_at", "order_id", "channel"])
def test_a_letter_without_what_counting_takes_is_left_with_its_reason(name: str) -> None:
    """Older versions wrote less: such a line is shown and never guessed."""
    lacking: dict[str, Any] = {name: None}
    waiting = told(replace(letter(), **lacking))

    assert stuck(waiting) == []
    (row,) = wanted(waiting, None)
    assert row.why == "no SKU, and listing 11 is not mapped"


def test_of_a_line_the_newest_state_counts_in_any_order_of_letters() -> None:
    """By (revision, seenAt), as the processor would decide; all letters end together."""
    letters = [letter(sha="a"), letter(sha="b", revision=101, qty=5), letter(sha="c", revision=101, seen_at=250, qty=0)]
    for seed in range(6):
        random.Random(seed).shuffle(letters)
        (one,) = stuck(told(*letters))
        assert (one.line.qty, one.line.revision, one.line.seen_at) == (0, 101, 250)
        assert set(one.ids) == {two.dead_letter_id for two in letters}


def test_a_polled_line_that_changes_while_it_is_unmapped_is_another_letter() -> None:
    """A poll has no body to tell its letters apart by; the same state keeps its name, however often it is read."""
    first, changed = letter(sha=""), letter(sha="", revision=101, qty=0)

    assert first.dead_letter_id == letter(sha="", seen_at=999).dead_letter_id
    assert first.dead_letter_id != changed.dead_letter_id
    (one,) = stuck(told(first, changed))
    assert one.line.qty == 0


def test_a_resolved_letter_waits_no_more_and_the_same_letter_after_it_does() -> None:
    """A listing that is mapped, ended and missed again makes the same line wait again."""
    one = letter()
    assert stuck(told(one, resolved(one))) == []
    assert len(stuck(told(one, resolved(one), one))) == 1
    assert wanted(told(one, resolved(one)), None) == []


def test_other_dead_letters_are_none_of_ours() -> None:
    """A publisher's, the processor's: they have their own ends."""
    waiting = told(replace(letter(), reason=Reason.REJECTED))

    assert (len(waiting), stuck(waiting)) == (0, [])


def test_a_line_becomes_what_it_would_have_been() -> None:
    """SKU and units by the listing; its own revision, times and order id; received when its letter says."""
    (one,) = stuck(told(letter(at=300)))

    assert orders(one, TEE) == [
        OrderConfirmed(
            sku="TEE",
            listing_sku="TEE",
            qty=2,
            channel="uk",
            order_id="uk_7_1",
            revision=100,
            seen_at=200,
            ordered_at=50,
            received_at=300,
        )
    ]


def test_a_bundle_is_split_as_at_the_door() -> None:
    """One record a component under the one order id, `listingSku` the bundle."""
    (one,) = stuck(told(letter()))
    found = {record.sku: record for record in orders(one, SET)}

    assert {sku: record.qty for sku, record in found.items()} == {"CUP": 4, "SAUCER": 2}
    assert {(record.order_id, record.listing_sku) for record in found.values()} == {("uk_7_1", "SET")}


def test_every_letter_of_a_line_is_ended_under_its_own_key() -> None:
    """A letter and its end stand in one partition, in order; the end says what became of it."""
    letters = letter(sha="a"), letter(sha="b", revision=101)
    (one,) = stuck(told(*letters))
    records = mapped(one, lambda _c, _l: TEE, NOW)
    assert records is not None
    ends = [decode(DeadLetter, message.value) for message in records.after]

    assert {end.resolves for end in ends} == {one.dead_letter_id for one in letters} == set(records.ids)
    assert {(message.topic, message.key) for message in records.after} == {(STOCK_DEADLETTER, b"uk_7_1")}
    assert {(end.err, end.at, end.reason) for end in ends} == {("counted as TEE", NOW, Reason.UNMAPPED)}
    assert stuck(told(*letters, *ends)) == []


def test_a_line_whose_listing_is_not_there_stays() -> None:
    """Nothing is written for it."""
    (one,) = stuck(told(letter()))

    assert mapped(one, lambda _c, _l: None, NOW) is None


def test_a_line_that_cannot_be_counted_even_so_becomes_another_letter() -> None:
    """Units out of range: the unmapped letter ends, the new one says what is wrong."""
    (one,) = stuck(told(letter(qty=2_000_000_000)))
    records = mapped(one, lambda _c, _l: TEE, NOW)
    assert records is not None

    (dead,) = records.first
    assert decode(DeadLetter, dead.value).reason is Reason.OUT_OF_RANGE
    assert "out_of_range" in decode(DeadLetter, records.after[0].value).err


def test_memory_is_bounded_and_what_did_not_fit_is_counted() -> None:
    """Letters that are known may come again; their ends make room."""
    letters = [letter(sha=sha, order=sha) for sha in "abcd"]
    waiting = told(*letters, most=2)
    assert (len(waiting), waiting.missed) == (2, 2)

    for one in (letters[0], resolved(letters[0]), resolved(letters[3])):
        waiting.take(one)

    assert (len(waiting), waiting.missed) == (1, 2)


def test_people_are_told_which_listings_are_wanted_and_what_to_do() -> None:
    """One row a listing: lines, units, the oldest, an order; the next step; by channel where asked."""
    other = replace(letter(order="9", listing_id="12"), channel="eu", order_id="eu_9_1")
    waiting = told(letter(at=3_000), letter(at=1_000, sha="b", order="8", qty=3), other)
    rows = wanted(waiting, None)

    assert [(row.channel, row.listing_id, row.lines, row.units, row.since, row.order_id) for row in rows] == [
        ("eu", "12", 1, 2, 300, "eu_9_1"),
        ("uk", "11", 2, 5, 1_000, "uk_8_1"),
    ]
    assert [row.listing_id for row in wanted(waiting, "uk")] == ["11"]
    shown = "\n".join(text(rows))
    assert "discover CHANNEL" in shown
    assert rows[0].document() == {
        "channel": "eu",
        "listingId": "12",
        "lines": 1,
        "units": 2,
        "oldest": 300,
        "orderId": "eu_9_1",
    }
    assert [*text([])] == ["no line waits for its listing"]


def test_people_are_told_what_cannot_be_counted_by_itself() -> None:
    """With the reason that the letter gives, and another way."""
    shown = "\n".join(text(wanted(told(replace(letter(), revision=None)), None)))

    assert "uk: lines 1, units 2, such as uk_7_1: no SKU, and listing 11 is not mapped" in shown
    assert "ingest poll" in shown
