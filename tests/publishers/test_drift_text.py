"""A reconciliation in words."""

from dataclasses import replace

from publishers.drift_text import ROWS_MAX, advice, order, text
from schemas.channel_records import Drift, Reconciliation
from schemas.words import DriftAction, DriftCause

RUN = Reconciliation(
    run_id="shop-1", channel="shop", dry_run=False, started_at=1_000, ended_at=3_500, shown=4, left_out=0
)
DRIFT = Drift(
    channel="shop",
    listing_id="11",
    sku="TEE",
    shown=9,
    expected=7,
    desired=7,
    cause=DriftCause.EDITED,
    action=DriftAction.CORRECTED,
    seen_at=1_200,
    at=1_300,
    run_id="shop-1",
)


def test_a_run_without_drift_is_one_line() -> None:
    """What was read, how long it took, and that nothing is wrong; what was left out is said with its reason."""
    assert [*text(RUN, [])] == ["shop: run shop-1, 4 listings in 2.5 s: no drift"]
    (line,) = text(replace(RUN, left_out=2, dry_run=True), [])
    assert line == "shop: dry run shop-1, 4 listings in 2.5 s, 2 left out (told or sold too recently): no drift"


def test_each_drift_is_a_row() -> None:
    """Under one head, in columns; what nobody knows is a dash, and the channel's own SKU stands in brackets."""
    unmapped = replace(DRIFT, sku=None, listing_id="X", expected=None, desired=None, cause=DriftCause.UNMAPPED)
    run = replace(RUN, drifts={"unmapped": 2, "edited_by_hand": 1})
    unmapped = replace(unmapped, action=DriftAction.NONE)
    assert [*text(run, [DRIFT, unmapped, replace(unmapped, listing_id="Y", channel_sku="MUG")])] == [
        "shop: run shop-1, 4 listings in 2.5 s: 3 drifts (1 edited_by_hand, 2 unmapped)",
        "",
        "SKU    LISTING  SHOWS  EXPECTED  SHOULD SHOW  CAUSE           DONE",
        "TEE    11       9      7         7            edited_by_hand  corrected",
        "-      X        9      -         -            unmapped        none",
        "(MUG)  Y        9      -         -            unmapped        none",
    ]


def test_what_no_call_mends_names_the_command_that_does() -> None:
    """Only what the run has found; a number that is corrected needs nobody."""
    assert [*advice(replace(RUN, drifts={"edited_by_hand": 3}))] == []
    unmapped, gone = advice(replace(RUN, drifts={"unmapped": 2, "not_shown": 1, "edited_by_hand": 1}))
    assert "`python -m ingest discover shop --apply`" in unmapped
    assert "`python -m ingest discover shop`" in gone


def test_a_channel_s_words_do_not_command_the_terminal() -> None:
    """A SKU with an escape sequence or a line break in it stays one cell of its row."""
    strange = replace(DRIFT, sku=None, channel_sku="A\x1b[2J\nB", cause=DriftCause.UNMAPPED)
    (*_, row) = text(replace(RUN, drifts={"unmapped": 1}), [strange])
    assert row.startswith("(A?[2J?B)  11  ")


def test_a_run_that_came_to_no_end_says_why() -> None:
    """Instead of a count that would look like a result."""
    (line,) = text(replace(RUN, err="HTTP 503"), [])
    assert line == "shop: run shop-1 came to no end after 2.5 s: HTTP 503"


def test_a_long_table_ends_with_the_number_of_the_rest() -> None:
    """Nobody reads ten thousand lines; JSON has them."""
    lines = [*text(replace(RUN, drifts={"edited_by_hand": 5_000}), [DRIFT] * 1_000)]
    assert len(lines) == 3 + ROWS_MAX + 1
    assert lines[-1].startswith("and 4800 more")


def test_drifts_stand_by_cause_and_then_by_sku() -> None:
    """An unmapped one has none."""
    other = replace(DRIFT, sku=None, cause=DriftCause.UNMAPPED)
    first = replace(DRIFT, sku="A")
    assert sorted([other, DRIFT, first], key=order) == [first, DRIFT, other]
