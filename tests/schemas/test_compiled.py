"""Code made for speed accepts, refuses and words exactly what the checks do."""

import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.shapes import Bytes, Pattern, Range, WireError, read_field, reader, shape, writer


class Colour(StrEnum):
    """A closed list."""

    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A nested record."""

    size: Annotated[int, Range(-2, 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A record with every sort of field."""

    name: Annotated[str, Bytes(1, 4)]
    code: Annotated[str, Pattern("[a-z]{1,3}")] | None
    count: Annotated[int, Range(0, 9)] | None = 3
    plain: str = ""
    truth: bool = False
    colour: Colour | None = None
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    marks: Mapping[str, Annotated[int, Range(0, 9)]]


USUAL: dict[str, Any] = {"name": "ab", "code": "x", "parts": [{"size": 1}], "marks": {"a": 1}, "colour": "red"}
SCALARS = (None, True, 0, -1, 3, 9, 10, 1.0, "", "x", "abcd", "abcde", "жж", "жжж", "\ud800", "x\n", "red", "green")
OBJECTS: tuple[object, ...] = ({}, {"size": 1}, {"size": 3}, {"size": None}, {"a": 9}, {"a": 10}, {1: 1})
LISTS: tuple[object, ...] = ([], [1], [{"size": 2}], [{"size": -3}])
ODD = st.sampled_from((*SCALARS, *OBJECTS, *LISTS))
READ, WRITE = reader(Whole), writer(Whole)
NAMES = [field.name for field in fields(Whole)]


def verdict(work: Callable[[Any], Any], value: Any) -> object:
    try:
        return work(value)
    except WireError as error:
        return (str(error), error.path, error.problem)


def one_by_one(value: Mapping[str, Any]) -> Whole:
    values: dict[str, Any] = {f.name: read_field(f, value) for f in shape(Whole)}
    return Whole(**values)


@given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=3), st.sets(st.sampled_from(NAMES), max_size=2))
def test_a_record_is_read_as_its_fields_would_be_one_by_one(odd: dict[str, Any], missing: set[str]) -> None:
    """Whatever stands in a field, or does not: the same record, or the same words about the same place."""
    value = {name: item for name, item in {**USUAL, **odd}.items() if name not in missing}

    found = verdict(READ, value)

    assert found == verdict(one_by_one, value)


@given(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=3))
def test_a_record_is_written_as_its_fields_would_be_one_by_one(odd: dict[str, Any]) -> None:
    """The first field that does not fit is named; without one, all are written."""
    values: dict[str, Any] = {**USUAL, "parts": (Part(size=1),), "colour": Colour.RED, **odd}
    record = Whole(**values)
    parts = [verdict(f.write, getattr(record, f.name)) for f in shape(Whole)]

    found = verdict(WRITE, record)

    faults = [(f.wire, part) for f, part in zip(shape(Whole), parts, strict=True) if isinstance(part, tuple)]
    if faults:
        assert isinstance(found, tuple)
        assert found[1].startswith(faults[0][0])
        assert found[2] == faults[0][1][2]
    else:
        assert found == dict(zip(NAMES, parts, strict=True))


def test_a_record_that_was_read_is_like_any_other() -> None:
    """Equal, hashable, frozen, copied and pickled as one that was made by its class."""
    read, made = reader(Part)({"size": 1}), Part(size=1)

    assert (type(read), read, hash(read), repr(read)) == (Part, made, hash(made), repr(made))
    assert pickle.loads(pickle.dumps(read)) == copy.deepcopy(read) == made  # noqa: S301 - our own bytes
    with pytest.raises(FrozenInstanceError):
        read.size = 2


def test_an_object_need_not_be_a_dict() -> None:
    """Any mapping with text keys is read."""
    assert reader(Part)(MappingProxyType({"size": 1})) == Part(size=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Careful:
    """A record with an opinion of its own."""

    size: int

    def __post_init__(self) -> None:
        if self.size == 7:
            raise WireError("not seven")


@dataclass(frozen=True, kw_only=True)
class Loose:
    """A record without slots."""

    size: int


def test_a_record_that_minds_its_construction_is_constructed() -> None:
    """`__post_init__` runs, and a class without slots is made the usual way."""
    with pytest.raises(WireError, match="not seven"):
        reader(Careful)({"size": 7})
    assert reader(Careful)({"size": 6}) == Careful(size=6)
    assert reader(Loose)({"size": 6}) == Loose(size=6)
