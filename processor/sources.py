"""The two topics that a partition's stock is decided from, and a fetched share of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from schemas.topics import ORDER_CONFIRMED, STOCK_ADJUSTED


class Source(StrEnum):
    """A source topic, by its name without a deployment's prefix."""

    ORDERS = ORDER_CONFIRMED
    ADJUSTMENTS = STOCK_ADJUSTED


class Fetched(Protocol):
    """What is read of a consumed record (aiokafka's `ConsumerRecord` has it)."""

    @property
    def offset(self) -> int:
        """Where it stands in its partition."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Its headers; one without a value has None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """
    One partition's records of one poll.

    `session` names the seek after which they were fetched.  `upto` is where the client stood afterwards, beyond what it
    hands to nobody; None where it stood behind the last record.  `fault` says why nothing can be read there.
    """

    source: Source
    partition: int
    session: int
    records: Sequence[Fetched]
    upto: int | None = None
    fault: str = ""
