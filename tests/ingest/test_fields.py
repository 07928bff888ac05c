"""Reading JSON that somebody else wrote."""

from datetime import UTC, timezone
from typing import Any

import pytest

from ingest import fields
from ingest.webhook import NotUnderstood, TooLarge


@pytest.mark.parametrize(
    ("text", "zone", "ms"),
    [
        ("2026-11-21T10:00:00-05:00", None, 1_795_273_200_000),
        ("2026-11-21T15:00:00Z", None, 1_795_273_200_000),
        ("2026-11-21T15:00:00.123456789Z", None, 1_795_273_200_123),
        ("2026-11-21T15:00:00", UTC, 1_795_273_200_000),
        ("2026-11-21T10:00:00-05:00", UTC, 1_795_273_200_000),
        ("1970-01-01T00:00:00Z", None, 0),
    ],
)
def test_times_become_milliseconds(text: str, zone: timezone | None, ms: int) -> None:
    """Offsets are taken into account; a time without one is in the given zone; fractions are cut."""
    assert fields.instant(text, "at", zone) == ms


@pytest.mark.parametrize(
    "given", [None, 5, "", "soon", "2026-11-21T15:00:00", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"]
)
def test_what_is_no_time_is_refused(given: Any) -> None:
    """A guess at a zone could be half a day wrong: without one a time is refused."""
    with pytest.raises(NotUnderstood, match="at: "):
        fields.instant(given, "at")


@pytest.mark.parametrize(("given", "units"), [(2, 2), (0, 0), ("2", 2), ("2.0", 2), ("0", 0), ("007", 7)])
def test_whole_numbers_may_stand_as_text(given: Any, units: int) -> None:
    """Plugins write numbers as text and as decimals."""
    assert fields.whole(given, "n") == units


@pytest.mark.parametrize("given", [-1, "-1", "", " 2", "2.5", 2.0, True, None, "1e3", "²", "9" * 19])
def test_what_is_no_whole_number_is_refused(given: Any) -> None:
    """Nothing is rounded: half a unit is not one unit and not none."""
    with pytest.raises(NotUnderstood):
        fields.whole(given, "n")


def test_ids_are_numbers_or_text_and_never_rounded() -> None:
    """A number beyond 64 bits has lost its last digits in the parser: two orders could share an id."""
    parsed = fields.parse_object(b'{"ok": 18446744073709551615, "big": 18446744073709551616, "none": 0, "text": "x_1"}')
    assert fields.ident(parsed, "ok") == "18446744073709551615"
    assert fields.ident(parsed, "text") == "x_1"
    assert fields.optional_ident(parsed, "none") == ""
    for name in ("big", "missing"):
        assert fields.ident_if_any(parsed, name) == ""
        with pytest.raises(NotUnderstood):
            fields.ident(parsed, name)
    strange: tuple[Any, ...] = (True, False, 0.0, -1, "x" * 201, [])
    for wrong in strange:
        with pytest.raises(NotUnderstood):
            fields.optional_ident({"id": wrong}, "id")


def test_of_a_name_given_twice_the_last_counts() -> None:
    """As in most parsers; the sender signed both."""
    assert fields.parse_object(b'{"a": 1, "a": 2}') == {"a": 2}


def test_lists_are_bounded_and_hold_objects_only() -> None:
    """More entries than any order has lines are too many."""
    assert fields.objects({}, "lines") == fields.objects({"lines": None}, "lines") == []
    assert len(fields.objects({"lines": [{}] * 10_000}, "lines")) == 10_000
    with pytest.raises(TooLarge):
        fields.objects({"lines": [{}] * 10_001}, "lines")
    strange: tuple[Any, ...] = ({}, "x", [1], [[]], False)
    for wrong in strange:
        with pytest.raises(NotUnderstood):
            fields.objects({"lines": wrong}, "lines")
