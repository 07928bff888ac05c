"""One HTTP call for orders: an answer as a value, whatever happens to it."""

import asyncio
import logging

import aiohttp

from ingest.poll.kind import NO_ANSWER, Answer, Request

LOG = logging.getLogger(__name__)
BODY_MAX = 64 * 1024 * 1024
"""A longer answer counts as none: 100 orders of 10,000 lines would be about as long."""


class Caller:
    """A session with one channel; redirects are not followed, so that credentials go nowhere else."""

    def __init__(self, timeout_ms: int) -> None:
        """Open a session; needs a running event loop."""
        timeout = aiohttp.ClientTimeout(total=timeout_ms / 1_000)
        self._session = aiohttp.ClientSession(timeout=timeout, headers={"user-agent": "lastunit"})

    async def call(self, request: Request) -> Answer:
        """Return what came back within the time, `NO_ANSWER` where nothing usable did."""
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
            ) as response:
                body = await _bounded(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(status=response.status, headers=headers, body=body)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            LOG.warning("no answer from the channel: %s", type(error).__name__)
            return Answer(status=NO_ANSWER, headers={}, body=b"")

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read a body; raises `ValueError` for one that is too long."""
    parts, size = list[bytes](), 0
    async for chunk in response.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > BODY_MAX:
            raise ValueError
        parts.append(chunk)
    return b"".join(parts)
