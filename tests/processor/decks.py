"""A worker's fixed parts for tests that need no Kafka: whatever a test does not name is as plain as it can be."""

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
