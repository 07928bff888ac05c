"""
CloudEvents 1.0 in Kafka's binary mode: what a record is, in its headers.

Source: CloudEvents, Kafka Protocol Binding 1.0, section 3.2 (attributes become headers `ce_*`).
Full headers stand on the topics that other teams read; elsewhere the four that CloudEvents requires are enough (a
header costs about 30 bytes).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from schemas.topics import ORDER_CONFIRMED, STOCK_ADJUSTED, STOCK_LEVEL

FULL = frozenset({ORDER_CONFIRMED, STOCK_ADJUSTED, STOCK_LEVEL})
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_PER_CHANNEL = ("channel.level.", "publisher.command.")
_SPECIFIED = "ce_specversion", b"1.0"
_JSON = "content-type", b"application/json"
WRITERS_CACHED = 1_024

Headers = list[tuple[str, bytes]]


def event_type(topic: str, version: int = 1) -> str:
    """Return the CloudEvents type of a topic's records: `lastunit.<topic>.v1`, a channel's own name left out."""
    name = next((prefix.rstrip(".") for prefix in _PER_CHANNEL if topic.startswith(prefix)), topic)
    return f"lastunit.{name}.v{version}"


def headers(
    topic: str, record_id: str, source: str, subject: str, time_ms: int, traceparent: str | None = None
) -> Headers:
    """
    Return the headers of one record.

    Args:
        topic: the topic's name without a deployment's prefix.
        record_id: names this record among those of `source`.
        source: who wrote it, `/ingest/<channel>`, `/processor`, `/publishers/<channel>`.
        subject: the SKU.
        time_ms: when it was written, milliseconds since 1970.
        traceparent: the W3C trace context it belongs to; an invalid one is left out.

    """
    if topic not in FULL:
        return [_SPECIFIED, ("ce_id", record_id.encode()), *_about(topic, source)]
    named: Headers = [
        _SPECIFIED,
        ("ce_id", record_id.encode()),
        *_about(topic, source),
        _JSON,
        ("ce_subject", subject.encode()),
        _time(time_ms),
    ]
    traced = _trace(traceparent)
    if traced is not None:
        named.append(traced)
    return named


@lru_cache(WRITERS_CACHED)
def _about(topic: str, source: str) -> Sequence[tuple[str, bytes]]:
    """Return what all records of one writer on one topic share."""
    return ("ce_type", event_type(topic).encode()), ("ce_source", source.encode())


@lru_cache(1)
def _trace(traceparent: str | None) -> tuple[str, bytes] | None:
    """Return the trace context, None for an invalid one; the records of one request share it."""
    return ("traceparent", str(traceparent).encode()) if is_traceparent(traceparent) else None


@lru_cache(1)
def _time(time_ms: int) -> tuple[str, bytes]:
    """Return the time; the records of one batch share it."""
    when = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return "ce_time", when.encode()


def is_traceparent(value: str | None) -> bool:
    """Say whether `value` is a version 00 W3C trace context (https://www.w3.org/TR/trace-context/)."""
    return value is not None and _TRACEPARENT.fullmatch(value) is not None
