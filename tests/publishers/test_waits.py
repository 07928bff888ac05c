"""How long a channel asks to be left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishers.push import SILENCE_MAX_MS, Response, retry_after_ms
from publishers.waits import asked_ms

NOW = "Sun, 22 Nov 2026 19:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "ms"),
    [
        ("120", "", 120_000),
        (" 0 ", NOW, 0),
        ("Sun, 22 Nov 2026 19:02:00 GMT", NOW, 120_000),
        ("Sunday, 22-Nov-26 19:00:05 GMT", NOW, 5_000),
        ("Sun, 22 Nov 2026 19:02:00 GMT", "", None),
        ("Sun, 22 Nov 2026 18:59:00 GMT", NOW, None),
        ("-5", NOW, None),
        ("1.5", NOW, None),
        ("", NOW, None),
        ("soon", NOW, None),
    ],
)
def test_seconds_and_dates_are_read(value: str, date: str, ms: int | None) -> None:
    """A date by the answer's own clock; what is past, or no time at all, says nothing."""
    assert asked_ms(value, date) == ms


def test_a_maintenance_of_a_week_silences_nobody_for_a_week() -> None:
    """An hour at most; where nothing is named, what the kind takes for right."""
    week = {"retry-after": "Sun, 29 Nov 2026 19:00:00 GMT", "date": NOW}
    assert retry_after_ms(Response(status=429, headers=week), 5_000) == SILENCE_MAX_MS
    assert retry_after_ms(Response(status=429), 5_000) == 5_000


@given(st.text(max_size=40), st.text(max_size=40) | st.just(NOW))
def test_whatever_stands_there_nothing_is_raised(value: str, date: str) -> None:
    """And no wait is below 0."""
    found = asked_ms(value, date)
    assert found is None or found >= 0
