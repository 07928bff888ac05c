"""Kafka's client told quietly: a person at a terminal wants its word once, not for each attempt."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

_COUNTED = re.compile(r"[0-9]+ms\b|#\w+-[0-9]+|, [0-9]+ identical error.*?\)")


class Once(logging.Filter):
    """Passes a message the first time; what differs in a duration or a client's number is the same message."""

    def __init__(self) -> None:
        """Nothing has been said yet."""
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the message is new."""
        text = _COUNTED.sub("", record.getMessage())
        if text in self._said:
            return False
        self._said.add(text)
        return True


@contextmanager
def for_people() -> Iterator[None]:
    """Let the client repeat nothing meanwhile, whichever logger it has: Python's last handler says what it says."""
    once, last = Once(), logging.lastResort
    assert last is not None, "only Python 2's way of warning takes it away"
    last.addFilter(once)
    try:
        yield
    finally:
        last.removeFilter(once)
