"""Trace contexts pass through, or begin here."""

import pytest

from ingest.trace import traceparent
from schemas.events import is_traceparent

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_valid_context_is_passed_on() -> None:
    """The caller's trace goes through unchanged."""
    assert traceparent(GIVEN) == GIVEN


@pytest.mark.parametrize(
    "given", [None, "", "x", GIVEN.upper(), GIVEN[:-1], f"00-{'0' * 32}-{'1' * 16}-01", GIVEN + "\n"]
)
def test_anything_else_begins_a_new_trace(given: str | None) -> None:
    """A missing or invalid one is replaced by a valid one, a new one each time."""
    made = {traceparent(given) for _ in range(3)}

    assert len(made) == 3
    assert all(is_traceparent(one) for one in made)
    assert given not in made
