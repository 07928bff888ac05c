"""CloudEvents in Kafka's binary mode."""

import pytest

from schemas.events import event_type, headers, is_traceparent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_topics_that_other_teams_read_carry_full_headers() -> None:
    """Every attribute of CloudEvents 1.0 that we know, and the trace."""
    found = dict(headers("stock.level", "7", "/processor", "TEE-M", 1_795_255_200_123, TRACE))

    assert found == {
        "ce_specversion": b"1.0",
        "ce_id": b"7",
        "ce_type": b"lastunit.stock.level.v1",
        "ce_source": b"/processor",
        "content-type": b"application/json",
        "ce_subject": b"TEE-M",
        "ce_time": b"2026-11-21T10:00:00.123+00:00",
        "traceparent": TRACE.encode(),
    }


def test_elsewhere_the_four_required_ones_are_enough() -> None:
    """A header costs bytes on every record."""
    found = headers("order.outcome", "7", "/processor", "TEE-M", 1, TRACE)

    assert [name for name, _ in found] == ["ce_specversion", "ce_id", "ce_type", "ce_source"]


def test_a_channels_name_is_no_part_of_the_type() -> None:
    """A type names a kind of record, not an account."""
    assert event_type("channel.level.shopify-uk") == "lastunit.channel.level.v1"


@pytest.mark.parametrize("bad", [None, "", "x", TRACE[:-1], TRACE.upper(), "00-" + "0" * 32 + TRACE[35:], TRACE + "0"])
def test_an_invalid_trace_is_left_out(bad: str | None) -> None:
    """A stranger's header is not passed on unread."""
    assert is_traceparent(bad) is False
    assert "traceparent" not in dict(headers("stock.level", "7", "/processor", "A", 1, bad))
