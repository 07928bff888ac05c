"""The published schema against the parser: what one accepts the other counts, what one refuses the other does not."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import ingest.channels
from ingest.channels import generic
from ingest.webhook import BadPayload, TooLarge

FILE = Path(ingest.channels.__path__[0]) / "generic.schema.json"
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
PATTERN = SCHEMA["properties"]["timestamp"]["pattern"]
REFUSED = {"faulty_lines", "no_lines", "out_of_range", "unknown_type"}
"""The captured deliveries that break the contract; all others keep it."""
GOOD: dict[str, Any] = {
    "type": "order.line",
    "timestamp": "2026-11-21T10:00:02Z",
    "data": {
        "orderId": "A-1",
        "revision": 3,
        "orderedAt": 1795255200000,
        "lines": [{"lineId": "1", "sku": "TEE-M", "qty": 2}, {"lineId": 2, "sku": "MUG", "qty": 1}],
    },
}
PLACES = (
    (),
    ("type",),
    ("timestamp",),
    ("data",),
    ("data", "orderId"),
    ("data", "revision"),
    ("data", "orderedAt"),
    ("data", "lines"),
    ("data", "lines", 0),
    ("data", "lines", 0, "lineId"),
    ("data", "lines", 0, "sku"),
    ("data", "lines", 0, "qty"),
)
GONE = object()
ODD: tuple[Any, ...] = (
    GONE,
    None,
    True,
    "",
    "x",
    "7",
    "x" * 200,
    "x" * 201,
    "x" * 256,
    -1,
    0,
    7,
    0.5,
    1e9,
    10**9,
    10**9 + 1,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**30,
    [],
    {},
    [{}],
    [[]],
    [None],
    "2026-11-21",
    "2026-11-21T10:00:02",
    "2026-11-21T10:00:02+0100",
    "20261121T100002Z",
    "2026-11-21T10:00:02.123456789Z",
    "2026-11-21T10:00:02.1+14:00",
    "1969-12-31T23:59:59Z",
    1795255202,
)


def counted(desk: Any, body: object) -> bool:
    """Say whether every line of a body is counted, and nothing of it refused."""
    try:
        read = desk.read("generic", {}, json.dumps(body).encode())
    except (BadPayload, TooLarge):
        return False
    return bool(read["records"]) and not read["deadLetters"] and not read["poll"]


def with_value(place: tuple[Any, ...], value: Any) -> Any:
    """Return the good body with another value at a place."""
    if not place:
        return {} if value is GONE else value
    body = copy.deepcopy(GOOD)
    holder: Any = body
    for key in place[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return body


def test_the_schema_is_one() -> None:
    """It keeps its own standard's rules, and the parser's time is the schema's."""
    Draft202012Validator.check_schema(SCHEMA)
    assert generic._TIME.pattern == PATTERN.removeprefix("^").removesuffix("$")


def test_captured_deliveries_keep_the_contract_or_are_those_that_break_it(case: Any) -> None:
    """Each fixture of this kind is judged alike by the schema and by what it must become."""
    if case.kind == "generic":
        assert VALIDATOR.is_valid(case.body) is (case.name not in REFUSED)
        assert VALIDATOR.is_valid(case.body) is (not case.expected["deadLetters"] and bool(case.expected["records"]))


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_schema_and_parser_agree_on_every_odd_value_in_every_place(desk: Any, place: tuple[Any, ...]) -> None:
    """What the schema refuses is refused or dead-lettered, the rest is counted; 1e9 is an integer to it alone."""
    for value in ODD:
        body = with_value(place, value)
        if VALIDATOR.is_valid(body) and value != 1e9:
            assert counted(desk, body), value
        elif not VALIDATOR.is_valid(body):
            assert not counted(desk, body), value


IDS = st.one_of(st.integers(0, 2**64 - 1), st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
SKUS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=63)
LINES = st.fixed_dictionaries({"lineId": IDS, "sku": SKUS, "qty": st.integers(0, 10**9)})
TIMES = st.datetimes().filter(lambda when: when.year >= 1970).map(lambda when: when.isoformat(timespec="seconds") + "Z")
BODIES = st.fixed_dictionaries(
    {
        "type": st.just("order.line"),
        "data": st.fixed_dictionaries(
            {
                "orderId": IDS,
                "revision": st.integers(0, 2**63 - 1),
                "orderedAt": st.integers(0, 2**53),
                "lines": st.lists(
                    LINES, min_size=1, max_size=4, unique_by=lambda one: (str(one["lineId"]), one["sku"])
                ),
            }
        ),
    },
    optional={"timestamp": st.one_of(st.none(), TIMES), "more": st.dictionaries(st.text(max_size=3), st.integers())},
)


@settings(max_examples=100, deadline=None)
@given(body=BODIES)
def test_every_body_that_keeps_the_contract_is_counted(desk: Any, body: dict[str, Any]) -> None:
    """Ids of any characters, any number of units, unknown fields: each line becomes its record."""
    VALIDATOR.validate(body)
    if not any(sku == "SET" for sku in (line["sku"] for line in body["data"]["lines"])):
        records = desk.read("generic", {}, json.dumps(body).encode())["records"]
        told = [(line["sku"], line["qty"]) for line in body["data"]["lines"]]
        assert [(record["sku"], record["qty"]) for record in records] == told
