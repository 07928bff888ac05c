"""A worker's fixed parts for tests that need no Kafka: whatever a test does not name is as plain as it can be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from processor.deck import Deck
from processor.metrics import Metrics
from processor.stock import Settings
from processor.writer import Names
from schemas.words import Policy

SETTINGS = Settings(default_policy=Policy.REJECT, policies={}, since={}, horizon_ms=10**9)


def plain_deck(reader: Any, **named: Any) -> Deck:
    """Return a deck whose look-ups `reader` answers."""
    parts: dict[str, Any] = {
        "client": {},
        "names": Names(group="g", prefix=""),
        "partitions": 1,
        "batch_max": 10,
        "settings": SETTINGS,
        "reader": reader,
        "metrics": Metrics(),
        "now": lambda: 1,
        "topic_ids": dict,
    }
    return Deck(**parts | named)


class Silent:
    """Stands in for logs that are followed and say nothing."""

    @asynccontextmanager
    async def follower(self) -> AsyncIterator[Any]:
        """Follow the logs."""
        yield self

    def unsubscribe(self) -> None:
        """Do nothing."""

    def assign(self, _tps: Any) -> None:
        """Do nothing."""

    def seek(self, _tp: Any, _offset: int) -> None:
        """Do nothing."""

    async def getmany(self, **_: Any) -> dict[Any, Any]:
        """Return nothing."""
        await asyncio.sleep(0.001)
        return {}

    def last_stable_offset(self, _tp: Any) -> None:
        """Return nothing."""

    async def position(self, _tp: Any) -> int:
        """Return nothing of interest."""
        return 0
