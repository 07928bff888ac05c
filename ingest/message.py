"""A record on its way to Kafka, and what the records of one arrival share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas import events


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A record on its way to Kafka; `topic` is without a deployment's prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: events.Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """
    What the records of one reading have in common.

    `body_sha256` is "" where there was no body of one order (a poll); `traceparent` is the W3C trace context.
    `hold_pending` is the channel's setting: whether a line that is not paid yet holds its units.
    """

    channel: str
    received_at: int
    body_sha256: str = ""
    traceparent: str | None = None
    hold_pending: bool = True

    @property
    def source(self) -> str:
        """Return who writes, as CloudEvents names it."""
        return f"/ingest/{self.channel}"


class Sender(Protocol):
    """Kafka, as far as who writes needs it."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Return once every record is acknowledged; raises `Unavailable`."""
