"""
What the HTTP library may log.

It quotes what it could not parse: the rest of a body whose length was told too short, a header with a secret in it.
The kind of fault is enough to see that somebody sends garbage.
"""

import logging

from aiohttp.http_exceptions import HttpProcessingError


class _Kinds(logging.Filter):
    """Leaves of a fault in a request its kind and no quote; faults of ours keep their trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, HttpProcessingError):
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
            record.msg, record.args = "not HTTP that we read: %s", (type(error).__name__,)
        return True


def logger() -> logging.Logger:
    """Return the logger that the HTTP server is to use."""
    found = logging.getLogger("ingest.http")
    if not found.filters:
        found.addFilter(_Kinds())
    return found
