"""What a poller works with, as it sees it: Kafka, the index of lines, the channel, time."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.message import Sender
from ingest.poll.grant import Tokens
from ingest.poll.held import Known, LineKey
from ingest.poll.kind import Answer, Request
from schemas.records import OrderConfirmed


class Index(Protocol):
    """What is known of the channel's lines."""

    def lines(self, order: str) -> Mapping[LineKey, Known]:
        """Return the newest states of an order's lines."""

    def newest(self, keys: Iterable[LineKey]) -> Mapping[LineKey, Known]:
        """Return the newest known states of those lines that are known."""

    def tell(self, records: Iterable[OrderConfirmed]) -> None:
        """Remember what was acknowledged."""

    def torn(self) -> list[str]:
        """Return the orders to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """
    What a poller works with; time and chance come from outside.

    `wakes` returns what has come in since the last time, and up to where the log of wakes was read; None where nothing
    wakes the poller.  `tokens` is None for a kind that is called with its secrets alone.
    """

    call: Callable[[Request], Awaitable[Answer]]
    sender: Sender
    index: Index
    find: Callable[[str, str], Any]
    secrets: Callable[[], Sequence[str]]
    now_ms: Callable[[], int]
    sleep_ms: Callable[[int], Awaitable[None]]
    tokens: Tokens | None = None
    wakes: Callable[[], tuple[list[tuple[int, str]], int]] | None = None
