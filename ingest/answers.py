"""Answers to whoever called: short JSON, a closed list of verdicts, never a trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from ingest.limits import RETRY_AFTER_S

HEADERS = MappingProxyType({"Content-Type": "application/json", "Server": "lastunit"})
LATER = MappingProxyType({**HEADERS, "Retry-After": str(RETRY_AFTER_S)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, its name from a closed list (a metric label) and what else there is to say."""

    status: int
    verdict: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def response(self) -> web.Response:
        """Return the HTTP response; a 503 says when to come again."""
        body = orjson.dumps({"answer": self.verdict, **self.more})
        return web.Response(status=self.status, body=body, headers=LATER if self.status == 503 else HEADERS)


ACCEPTED = Answer(status=200, verdict="accepted")
DEAD_LETTERED = Answer(status=200, verdict="dead_lettered")
PING = Answer(status=200, verdict="ping")
POLL = Answer(status=200, verdict="left_to_poll")
BAD_PAYLOAD = Answer(status=400, verdict="bad_payload")
BAD_REQUEST = Answer(status=400, verdict="bad_request")
BAD_SIGNATURE = Answer(status=401, verdict="bad_signature")
UNKNOWN_CHANNEL = Answer(status=404, verdict="unknown_channel")
NOT_FOUND = Answer(status=404, verdict="not_found")
NOT_ALLOWED = Answer(status=405, verdict="method_not_allowed")
SLOW_SENDER = Answer(status=408, verdict="slow_sender")
TOO_LARGE = Answer(status=413, verdict="too_large")
ENCODED = Answer(status=415, verdict="content_encoding")
UNAVAILABLE = Answer(status=503, verdict="unavailable")
