"""Why a channel shows what it shows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.brake import HELD
from publishers.ledger.explain import BEHIND_MS, LATE_MS, Line, Part, Verdict, explain
from publishers.ledger.explain_text import PARTS, SENTENCES, age, text
from publishers.ledger.facts import Facts
from schemas.channel_records import ChannelLevel, Component, Listing, Shown, SyncLog
from schemas.records import Cause, StockLevel
from schemas.settings import Channel, Kind, Mode, Rules
from schemas.words import CauseKind, Pause, Policy, Status

NOW = 1_700_000_000_000
CAUSE = Cause(kind=CauseKind.ORDER, delta=2, received_at=NOW, channel="b", order_id="b_1_1")
CALL = SyncLog(
    call_id="c",
    channel="a",
    sku="A",
    listing_id="1",
    quantity=10,
    version=3,
    response_code=503,
    verdict="retry",
    err="busy",
    started_at=NOW - 2_000,
    duration_ms=80,
    lag_ms=90,
)


def channel(rules: Rules | None = None, mode: Mode = Mode.PUSH) -> Channel:
    """Return a channel."""
    return Channel(name="a", kind=Kind.SHOPIFY, since=0, mode=mode, rules=rules or Rules())


def level(quantity: int | None = 10, paused: Pause | None = None) -> StockLevel:
    """Return a level."""
    return StockLevel(
        sku="A",
        quantity=quantity,
        version=3,
        paused=paused,
        policy=Policy.BACKORDER,
        cause=CAUSE,
        source={},
        updated_at=NOW - 3_000,
    )


def state(shown: int | None = 10, status: Status = Status.IN_STEP, **more: Any) -> ChannelLevel:
    """Return what the channel shows; by default it was told."""
    listing = Shown(shown=shown, shown_at=None if shown is None else NOW - 3_000, sent=shown)
    return ChannelLevel(sku="A", listings={"1": listing}, status=status, at=NOW, **more)


def facts(level: StockLevel | None, state: ChannelLevel | None, old_ms: int | None = 1_000) -> Facts:
    """Return what the tables know."""
    return Facts(
        level=level,
        channels={} if state is None else {"a": state},
        calls={("a", "1"): CALL},
        decisions=[],
        as_of_ms=None if old_ms is None else NOW - old_ms,
        now_ms=NOW,
    )


def line(facts: Facts, rules: Rules | None = None, mode: Mode = Mode.PUSH) -> Line:
    """Return the one line of the answer."""
    (only,) = explain("A", facts, [channel(rules, mode)]).lines
    return only


def parts(line: Line) -> Mapping[str, int]:
    """Return the terms."""
    return {term.part: term.units for term in line.terms}


@pytest.mark.parametrize(
    ("quantity", "paused", "rules", "hidden", "shown", "terms"),
    [
        (10, None, Rules(), 0, 10, {"master_quantity": 10}),
        (10, None, Rules(buffer=2), 0, 8, {"master_quantity": 10, "buffer": -2}),
        (1, None, Rules(buffer=2), 0, 0, {"master_quantity": 1, "buffer": -1}),
        (10, None, Rules(buffer=1, percent=50), 0, 4, {"master_quantity": 10, "buffer": -1, "percent": -5}),
        (10, None, Rules(max=3), 0, 3, {"master_quantity": 10, "max": -7}),
        (2, None, Rules(floor=3), 0, 0, {"master_quantity": 2, "floor": -2}),
        (5, None, Rules(paused=True), 0, 0, {"master_quantity": 5, "rule_pause": -5}),
        (5, Pause.OVERSELL, Rules(buffer=1), 0, 0, {"master_quantity": 5, "buffer": -1, "pause": -4}),
        (-3, None, Rules(), 0, 0, {"master_quantity": -3, "below_zero": 3}),
        (0, None, Rules(), 0, 0, {"master_quantity": 0}),
        (10, None, Rules(), 4, 6, {"master_quantity": 10, "hidden_sales": -4}),
        (10, None, Rules(), 4, 9, {"master_quantity": 10, "hidden_sales": -4, "difference": 3}),
        (10, None, Rules(buffer=2), 0, 12, {"master_quantity": 10, "buffer": -2, "difference": 4}),
        (None, None, Rules(), 0, 7, {"difference": 7}),
        (10, None, Rules(buffer=2), 0, None, {"master_quantity": 10, "buffer": -2}),
    ],
)
def test_the_terms_name_what_each_rule_takes(
    quantity: int | None, paused: Pause | None, rules: Rules, hidden: int, shown: int | None, terms: dict[str, int]
) -> None:
    """From the hub's quantity to the number shown, one term a rule."""
    assert parts(line(facts(level(quantity, paused), state(shown, hidden=hidden)), rules)) == terms


UNITS = st.integers(0, 50)


@given(
    quantity=st.integers(-20, 50),
    paused=st.sampled_from([None, *Pause]),
    rules=st.builds(
        Rules,
        buffer=UNITS,
        percent=st.integers(0, 100),
        max=st.none() | UNITS,
        floor=UNITS,
        paused=st.booleans(),
    ),
    hidden=UNITS,
    shown=st.none() | st.integers(-5, 60),
)
def test_the_terms_add_up(quantity: int, paused: Pause | None, rules: Rules, hidden: int, shown: int | None) -> None:
    """Whatever the rules, to the number shown, or to the one to show where nothing is known."""
    found = line(facts(level(quantity, paused), state(shown, hidden=hidden)), rules)
    assert sum(term.units for term in found.terms) == (found.desired if shown is None else shown)


@pytest.mark.parametrize(
    ("verdict", "level", "state", "rules", "old_ms"),
    [
        ("in_step", level(), state(), Rules(), 1_000),
        ("rule", level(), state(8), Rules(buffer=2), 1_000),
        ("paused", level(paused=Pause.OPERATOR), state(0), Rules(), 1_000),
        ("hidden_sales", level(), state(7, hidden=3), Rules(), 1_000),
        ("on_its_way", level(), state(12), Rules(), 1_000),
        ("on_its_way", level(), state(12, Status.SENDING, dirty_since=NOW - LATE_MS), Rules(), 1_000),
        ("late", level(), state(12, Status.SENDING, dirty_since=NOW - LATE_MS - 1), Rules(), 1_000),
        ("retrying", level(), state(12, Status.RETRYING, attempt=2, err="busy"), Rules(), 1_000),
        ("dead", level(), state(12, Status.DEAD, err="gone"), Rules(), 1_000),
        ("never_told", level(), state(None), Rules(), 1_000),
        ("never_told", level(), None, Rules(), 1_000),
        ("unstocked", level(None), state(12), Rules(), 1_000),
        ("ledger_behind", level(), state(12), Rules(), BEHIND_MS + 1),
        ("ledger_behind", level(), state(12), Rules(), None),
        ("in_step", level(), state(), Rules(), BEHIND_MS + 1),
        ("dead", level(), state(12, Status.DEAD), Rules(), None),
    ],
)
def test_the_verdict_names_the_one_reason(
    verdict: str, level: StockLevel, state: ChannelLevel | None, rules: Rules, old_ms: int | None
) -> None:
    """A closed list; old tables are the reason for a difference only, never for an agreement."""
    answer = explain("A", facts(level, state, old_ms), [channel(rules)])
    assert [line.verdict for line in answer.lines] == [verdict]
    assert answer.verdict == verdict


@pytest.mark.parametrize(
    ("quantity", "hidden", "shown", "terms"),
    [
        (10, 0, 0, {"master_quantity": 10, "buffer": -2, "retired": -8}),
        (10, 4, 0, {"master_quantity": 10, "buffer": -2, "retired": -8}),
        (1, 0, 0, {"master_quantity": 1, "buffer": -1}),
    ],
)
def test_a_retired_listing_is_told_0_and_says_so(quantity: int, hidden: int, shown: int, terms: dict[str, int]) -> None:
    """The terms still add up, and it is neither late nor on its way."""
    known = state(shown)
    retired = replace(known, hidden=hidden, listings={"1": replace(known.listings["1"], retired=True)})
    found = line(facts(level(quantity), retired), Rules(buffer=2))

    assert (parts(found), found.desired) == (terms, 0)
    assert found.verdict is (Verdict.HIDDEN_SALES if hidden else Verdict.RETIRED)


def test_a_channel_in_shadow_was_not_told() -> None:
    """The difference is what a rehearsal is for; once something was sent, the mode in the file is history."""
    shown = replace(state(12), listings={"1": Shown(shown=12)})
    assert line(facts(level(), shown), mode=Mode.SHADOW).verdict is Verdict.SHADOW
    assert line(facts(level(), state(12)), mode=Mode.SHADOW).verdict is Verdict.ON_ITS_WAY


def listed(components: tuple[Component, ...] = (), *, retired: bool = False) -> dict[str, list[Listing]]:
    """Return what the channel lists."""
    return {"a": [Listing(channel="a", listing_id="1", sku="A", components=components, retired=retired)]}


def test_the_answer_for_a_channel_in_shadow_knows_retired_listings() -> None:
    """Such a channel's publisher writes nothing, so the listing itself says that it will be told 0."""
    known = replace(facts(level(), None), listings=listed(retired=True))
    only = line(known, mode=Mode.SHADOW)
    assert (only.listing_id, only.verdict, only.desired) == ("1", Verdict.SHADOW, 0)
    assert parts(only) == {"master_quantity": 10, "retired": -10}
    assert "nothing is pushed until `enable`" in text(explain("A", known, [channel(mode=Mode.SHADOW)]))


def test_a_listing_that_was_never_told_is_named() -> None:
    """Its channel knows it, its publisher has not written of it."""
    only = line(replace(facts(level(), None), listings=listed()))
    assert (only.listing_id, only.verdict, only.shown, only.desired) == ("1", Verdict.NEVER_TOLD, None, 10)


def test_a_bundle_shows_what_its_components_allow_and_names_the_scarcest() -> None:
    """It has no level of its own; what the rules take comes after."""
    made = (Component(sku="CUP", qty=2), Component(sku="SAUCER", qty=1))
    levels = {"CUP": replace(level(9), sku="CUP"), "SAUCER": replace(level(7), sku="SAUCER")}
    known = replace(facts(None, state(3)), listings=listed(made), levels=levels)
    only = line(known, Rules(buffer=1))
    assert (only.verdict, only.desired, only.limited_by) == (Verdict.RULE, 3, "CUP")
    assert parts(only) == {"bundle": 4, "buffer": -1}
    assert "+4 what its components allow (CUP allows least)" in text(explain("A", known, [channel(Rules(buffer=1))]))
    unknown = line(replace(known, levels={"CUP": levels["CUP"]}))
    assert (unknown.verdict, unknown.desired, unknown.limited_by) == (Verdict.UNSTOCKED, None, None)


def test_a_0_that_the_brake_holds_is_neither_late_nor_on_its_way() -> None:
    """A person has to let it."""
    held = state(10, Status.SENDING, err=HELD, dirty_since=NOW - 2 * LATE_MS)
    assert line(facts(level(), held), Rules(percent=0)).verdict is Verdict.BRAKE
    assert line(facts(level(), held)).verdict is Verdict.IN_STEP


def test_what_was_accepted_and_does_not_show_yet_is_waited_for() -> None:
    """As long as it is what the channel should show."""
    taken = Shown(shown=4, shown_at=NOW - 9_000, sent=10, sent_at=NOW, accepted_at=NOW)
    waits = replace(state(4, dirty_since=NOW - 2 * LATE_MS), listings={"1": taken})
    assert line(facts(level(), waits)).verdict is Verdict.ACCEPTED
    assert line(facts(level(12), waits)).verdict is Verdict.LATE


@pytest.mark.parametrize(
    ("look", "shown", "verdict"),
    [
        ({}, {}, Verdict.SEEN_OTHERWISE),
        ({"quantity": 10}, {}, Verdict.IN_STEP),
        ({"verdict": "delivered"}, {}, Verdict.IN_STEP),
        ({"started_at": NOW - 3_000}, {}, Verdict.IN_STEP),
        ({}, {"shown_at": NOW - 1_000}, Verdict.IN_STEP),
        ({}, {"inferred": True}, Verdict.IN_STEP),
        ({}, {"shown": 12}, Verdict.ON_ITS_WAY),
    ],
)
def test_a_look_that_saw_another_number_is_not_called_right(
    look: dict[str, Any], shown: dict[str, Any], verdict: Verdict
) -> None:
    """
    What shows less waits for the order poll, and until then the channel shows another number than the tables say.

    A look that is older than the number, or than its level, says nothing.
    """
    call = replace(CALL, **{"verdict": "read_back", "quantity": 4, "response_code": 200, "err": None, **look})
    told = replace(Shown(shown=10, shown_at=NOW - 3_000, sent=10), **shown)
    known = replace(facts(level(), replace(state(), listings={"1": told})), calls={("a", "1"): call})
    assert line(known).verdict is verdict
    said = text(explain("A", known, [channel()]))
    assert f"{call.quantity} {'sent' if 'verdict' in look else 'seen'}, HTTP 200" in said


def test_a_sku_that_no_table_knows_is_unknown() -> None:
    """A typing error must not look like a stock of nothing."""
    answer = explain("Z", replace(facts(None, None), calls={}), [channel()])
    assert (answer.verdict, answer.lines) == (Verdict.UNKNOWN_SKU, [])


def test_the_worst_channel_gives_the_verdict_of_the_sku() -> None:
    """One dead listing is what the reader must see first."""
    both = replace(state(), listings={"1": Shown(shown=10, sent=10), "2": Shown(shown=12, sent=12)})
    answer = explain("A", facts(level(), both), [channel()])
    assert [line.verdict for line in answer.lines] == ["in_step", "on_its_way"]
    assert answer.verdict is Verdict.ON_ITS_WAY


def test_the_text_says_the_numbers_and_the_reason() -> None:
    """Short: the hub, then each channel with its sum and its last call."""
    shown = text(explain("A", facts(level(), state(12, Status.RETRYING, attempt=2, err="busy")), [channel()]))
    assert shown.splitlines()[0].startswith("A: retrying - ")
    for wanted in ("Hub: 10, version 3", "a 1: shows 12", "   +10 in the hub", "HTTP 503", "error: busy, attempt 2"):
        assert wanted in shown
    assert "    12 shown" in shown


def test_every_verdict_and_every_part_has_its_sentence() -> None:
    """A new one without words would fail at two in the morning."""
    assert set(SENTENCES) == set(Verdict)
    assert set(PARTS) == set(Part)


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0 s"), (999, "0 s"), (1_000, "1 s"), (119_000, "1 min"), (7_200_000, "2 h"), (10**9, "11 d")]
)
def test_an_age_has_one_unit(ms: int, words: str) -> None:
    """The largest that fits."""
    assert age(ms) == words


def test_a_call_without_an_answer_is_not_in_step() -> None:
    """The level is back at the number that was confirmed, but another was told since and may be what is shown."""
    unsure = Shown(shown=10, shown_at=NOW - 9_000, sent=3, sent_at=NOW - 1_000, request_id="r")
    found = line(facts(level(10), replace(state(status=Status.RETRYING), listings={"1": unsure})))
    assert found.verdict is Verdict.RETRYING
    assert sum(term.units for term in found.terms) == found.shown == 10
