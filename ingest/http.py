"""
The HTTP server around the application: bounded connections, an end for whoever sends no request, no quotes.

aiohttp quotes what it could not parse, in its answer and in its log: the rest of a body whose length was told too
short, a header with a secret in it.  Whoever shares a connection through a proxy, or reads the log, must not see that;
the kind of fault is enough.  Its own classes are extended for it where it has no setting (`tests/ingest/test_edges.py`
notices when a new version no longer asks them).
"""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from ingest import answers
from ingest.limits import CONNECTIONS_MAX, FIRST_REQUEST_S, KEEP_ALIVE_S

LOG = logging.getLogger(__name__)
SETTINGS: Mapping[str, Any] = MappingProxyType(
    {"access_log": None, "auto_decompress": False, "keepalive_timeout": KEEP_ALIVE_S}
)
"""A body stays as it was signed; no line a request."""


class _Connection(RequestHandler):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give a new connection its time for a first request; beyond the bound it ends at once."""
        super().connection_made(transport)
        if self._manager is not None and len(self._manager.connections) > CONNECTIONS_MAX:
            self.force_close()
        else:
            self._loop.call_later(FIRST_REQUEST_S, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or a fault of ours that nothing else has caught: in short, and without a quote."""
        del request, message
        if isinstance(exc, HttpProcessingError) or status == HTTPStatus.BAD_REQUEST:
            LOG.info("not HTTP that we read: %s", type(exc).__name__)
            response = answers.BAD_REQUEST.response()
        else:
            LOG.error("a fault of ours, outside of every handler", exc_info=exc)
            response = answers.UNAVAILABLE.response()
        response.force_close()
        return response


class _Server(web.Server):
    """Makes connections of ours."""

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


async def runner(application: web.Application, **settings: Any) -> web.AppRunner:
    """Return what serves the application, set up; `settings` are aiohttp's and stand instead of ours."""
    made = web.AppRunner(application, **{**SETTINGS, **settings})
    await made.setup()
    # The runner makes its server itself and asks nobody which.
    cast("Any", made.server).__class__ = _Server
    return made
