"""What one reading came to, in words and as JSON.  Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    One reading, from `since` to `reached` (milliseconds of the channel's clock).

    `ended` is one of read, denied, gave_up, stopped; `changed` and `gone` are states of lines that Kafka acknowledged.
    """

    channel: str
    ended: str
    since: int
    reached: int
    orders: int
    changed: int
    gone: int
    dead: int
    took_ms: int


def moment(ms: int) -> str:
    """Return a time to the second, as `--since` takes it."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sentence(reading: Reading) -> str:
    """Return the last line for a person."""
    counts = (
        f"{reading.orders} orders read, {reading.changed} line states written, {reading.gone} lines given up,"
        f" {reading.dead} dead letters, {reading.took_ms / 1000:.1f} s"
    )
    if reading.ended == "read":
        return f"{reading.channel}: {counts}; all that changed since {moment(reading.since)} is in Kafka"
    again = f"`--since {moment(reading.reached)}` goes on from there"
    return f"{reading.channel}: {counts}; not done, read up to {moment(reading.reached)}: {again}"


def as_json(reading: Reading) -> str:
    """Return the last line for a script."""
    return orjson.dumps(
        {
            "channel": reading.channel,
            "ended": reading.ended,
            "since": moment(reading.since),
            "reached": moment(reading.reached),
            "orders": reading.orders,
            "changed": reading.changed,
            "gone": reading.gone,
            "deadLetters": reading.dead,
            "tookMs": reading.took_ms,
        }
    ).decode()
