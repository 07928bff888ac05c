"""One call over HTTP.  Every way in which it can fail becomes a `Response`."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from publishers.push import Request, Response
from schemas.cluster import now_ms

BODY_MAX = 8 * 1024 * 1024
"""Most bytes of an answer that are read."""
CHUNK = 64 * 1024
WRITTEN = "%/?:@!$&'()*+,;="
"""What means something in a path and its query, and what is quoted already (RFC 3986, sections 3.3 and 3.4)."""


class Delivery:
    """The connections to one channel."""

    def __init__(self, base_url: str) -> None:
        """Talk to this base URL; connections are kept open between calls."""
        self._base_url = base_url.rstrip("/")
        told = {"User-Agent": "lastunit", "Content-Type": "application/json"}
        self._session = aiohttp.ClientSession(headers=told, middlewares=(_once,))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Request, headers: Mapping[str, str], timeout_ms: int) -> Response:
        """
        Make the call; an answer that does not come within `timeout_ms` is a response with status 0.

        `headers` prove who we are; they go to the channel's base URL and to no other address (`Request.url`).
        """
        began, timeout = now_ms(), aiohttp.ClientTimeout(total=max(1, timeout_ms) / 1_000)
        try:
            url, told = self._address(request, headers)
            async with self._session.request(
                request.method, url, data=request.body, headers=told, timeout=timeout, allow_redirects=False
            ) as answer:
                body = await _read(answer)
                names = {name.lower(): value for name, value in answer.headers.items()}
                return Response(status=answer.status, headers=names, body=body, at=began)
        except ValueError:  # aiohttp's `InvalidURL` too; its words would show an address that may hold a signature
            return Response(status=0, err="an address or a header that cannot be used")
        except aiohttp.ClientConnectorError as error:
            return Response(status=0, err=f"no connection: {error.os_error}", unsent=True)
        except asyncio.TimeoutError:  # noqa: UP041 - aiohttp's own errors derive from asyncio's name
            return Response(status=0, err=f"no answer within {timeout_ms} ms")
        except (aiohttp.ClientError, OSError) as error:
            # The name alone: an error of aiohttp's may show the whole request, headers and all.
            return Response(status=0, err=f"connection failed: {type(error).__name__}")

    def _address(self, request: Request, headers: Mapping[str, str]) -> tuple[URL, Mapping[str, str]]:
        if request.url:
            url = URL(request.url, encoded=True)
            if self._base_url.startswith("https:") and url.scheme != "https":
                # What a channel names must not lead into our own network, where a cloud's metadata stand open.
                raise ValueError("not over https, as the channel itself is")
            return url, request.headers
        return self._whole(request.path), {**request.headers, **headers}

    def _whole(self, path: str) -> URL:
        """
        Return a path below the base URL as it is written.

        yarl would decode `%2E` and then take the segment out, though `.` and `..` may be a seller's SKU.  What a kind
        has left unquoted is quoted here.
        """
        return URL(str(URL(self._base_url)).rstrip("/") + quote(path, safe=WRITTEN), encoded=True)


async def _once(request: aiohttp.ClientRequest, make: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """
    Make a write once only.

    Where a kept connection breaks, aiohttp makes a PUT again by itself: uncounted, and perhaps over a sale that came
    between.  It does so for these two errors, and for no other.
    """
    try:
        return await make(request)
    except aiohttp.ClientConnectorError:  # nothing was sent
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if request.method == "GET":
            raise
        raise aiohttp.ClientConnectionError(repr(error)) from error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """Read the body up to `BODY_MAX`; a longer one is cut and thus unreadable, never a full memory."""
    parts, size = [], 0
    async for part in answer.content.iter_chunked(CHUNK):
        parts.append(part)
        size += len(part)
        if size > BODY_MAX:
            break
    return b"".join(parts)
