"""What one reading came to, in words and as JSON.  Pure."""

from dataclasses import dataclass

import orjson

from ingest.poll.kind import zulu


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


def sentence(reading: Reading) -> str:
    """Return the last line for a person."""
    counts = (
        f"{reading.orders} orders read, {reading.changed} line states written, {reading.gone} lines given up,"
        f" {reading.dead} dead letters, {reading.took_ms / 1000:.1f} s"
    )
    if reading.ended == "read":
        return f"{reading.channel}: {counts}; all that changed since {zulu(reading.since)} is in Kafka"
    again = f"`--since {zulu(reading.reached)}` goes on from there"
    return f"{reading.channel}: {counts}; not done, read up to {zulu(reading.reached)}: {again}"


def as_json(reading: Reading) -> str:
    """Return the last line for a script."""
    return orjson.dumps(
        {
            "channel": reading.channel,
            "ended": reading.ended,
            "since": zulu(reading.since),
            "reached": zulu(reading.reached),
            "orders": reading.orders,
            "changed": reading.changed,
            "gone": reading.gone,
            "deadLetters": reading.dead,
            "tookMs": reading.took_ms,
        }
    ).decode()
