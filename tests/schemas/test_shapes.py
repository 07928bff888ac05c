"""Types as checks."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from schemas.shapes import Bytes, Pattern, Range, WireError, camel, reader, shape, writer


@pytest.mark.parametrize(
    ("name", "wire"), [("sku", "sku"), ("order_id", "orderId"), ("next_attempt_at", "nextAttemptAt")]
)
def test_wire_names_are_camel_case(name: str, wire: str) -> None:
    """One rule gives every name."""
    assert camel(name) == wire


@pytest.mark.parametrize("hint", [float, bytes, object, list[int], dict[int, str], tuple[int, str], set[str]])
def test_a_type_without_a_place_on_the_wire_is_refused_when_it_is_first_used(hint: object) -> None:
    """A float has no place where units are counted."""
    with pytest.raises(TypeError, match="may not cross a process boundary"):
        reader(hint)
    with pytest.raises(TypeError, match="may not cross a process boundary"):
        writer(hint)


def test_range_bounds_are_inclusive() -> None:
    """Both ends fit, their neighbours do not."""
    bounds = Range(2, 5)
    bounds.check(2)
    bounds.check(5)
    for outside in (1, 6):
        with pytest.raises(WireError, match=f"{outside} is not between 2 and 5"):
            bounds.check(outside)


def test_lengths_are_counted_in_bytes_of_utf8() -> None:
    """Two letters of two bytes each are four."""
    bounds = Bytes(2, 4)
    for fits in ("ab", "жж", "abcd"):
        bounds.check(fits)
    for size, outside in ((1, "a"), (5, "abcde"), (6, "жжж")):
        with pytest.raises(WireError, match=f"{size} bytes, want 2 to 4"):
            bounds.check(outside)


def test_a_pattern_matches_the_whole_string() -> None:
    """Neither a prefix nor a trailing newline slips through."""
    pattern = Pattern("[a-z]+")
    pattern.check("abc")
    for outside in ("abc1", "abc\n", ""):
        with pytest.raises(WireError, match="does not match"):
            pattern.check(outside)


def test_an_error_collects_its_path_from_the_inside_out() -> None:
    """Names are joined by dots, positions follow in brackets."""
    error = WireError("odd").within("[3]").within("lines").within("order")

    assert (str(error), error.path, error.problem) == ("order.lines[3]: odd", "order.lines[3]", "odd")


def test_an_error_without_a_place_is_just_its_problem() -> None:
    """A bare value has no path."""
    assert str(WireError("odd")) == "odd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A record with every allowed kind of field."""

    some_name: str | None = None
    flags: tuple[bool, ...] = ()
    counts: Mapping[str, int]


def test_a_shape_knows_names_and_which_fields_must_be_there() -> None:
    """Only a field without a default is required."""
    assert [(f.name, f.wire, f.required) for f in shape(Box)] == [
        ("some_name", "someName", False),
        ("flags", "flags", False),
        ("counts", "counts", True),
    ]


def test_names_can_be_kept_as_they_are() -> None:
    """A configuration file uses Python's names."""
    assert reader(Box, str)({"some_name": "x", "counts": {"a": 1}}) == Box(some_name="x", counts={"a": 1})


def test_null_is_read_and_written_where_it_is_allowed_only() -> None:
    """An optional field takes null, a mapping does not."""
    assert reader(Box)({"someName": None, "flags": [True], "counts": {}}) == Box(flags=(True,), counts={})
    assert writer(Box)(Box(flags=(True,), counts={})) == {"someName": None, "flags": [True], "counts": {}}
    with pytest.raises(WireError, match="counts: want an object, got NoneType"):
        reader(Box)({"counts": None})


def test_sequences_become_what_their_side_needs() -> None:
    """A reader makes tuples, which cannot change; a writer makes lists, which JSON knows."""
    assert reader(tuple[int, ...])([1, 2]) == (1, 2)
    assert writer(tuple[int, ...])((1, 2)) == [1, 2]
    with pytest.raises(WireError, match=r"^\[1\]: want int, got str$"):
        reader(tuple[int, ...])([1, "2"])
