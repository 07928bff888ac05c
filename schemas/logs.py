"""Structured logs: one JSON object a line on standard error, with the ids that a search needs."""

import logging
import sys
from typing import Any

import orjson

LIBRARY = logging.getLogger("librdkafka")
"""What every client of confluent-kafka is given as `logger`: by itself the library writes plain lines on stderr."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Turns a record into one line of JSON; whatever `extra` holds stands beside the message."""

    def __init__(self, service: str) -> None:
        """Name the service that every line comes from."""
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": int(record.created * 1000),
            "level": record.levelname.lower(),
            "service": self.service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def setup(service: str, level: str = "INFO") -> None:
    """Send every log record of this process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    LIBRARY.setLevel(max(logging.getLogger().level, logging.WARNING))  # it tells of every connection that ends
