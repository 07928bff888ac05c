"""Reading a request's body within bounds of size and time."""

import asyncio
from contextlib import nullcontext

from aiohttp import ClientConnectionError, web
from aiohttp.http_exceptions import HttpProcessingError

from ingest.answers import BAD_PAYLOAD, ENCODED, SLOW_SENDER, TOO_LARGE, Answer
from ingest.limits import BODY_READ_S


async def read_body(request: web.Request, limit: int) -> bytes | Answer:
    """
    Return the raw body, or the answer to a request whose body we do not take.

    A compressed body is refused: nobody who signs raw bytes sends one, and a small one can unpack into gigabytes.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return ENCODED
    if (request.content_length or 0) > limit:
        return TOO_LARGE
    try:
        # One that came with its head, as small ones do, is there: nobody has to be waited for.
        async with nullcontext() if request.content.is_eof() else asyncio.timeout(BODY_READ_S):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return TOO_LARGE
    except TimeoutError:
        return SLOW_SENDER
    except (ClientConnectionError, ConnectionError, HttpProcessingError, web.RequestPayloadError):
        return BAD_PAYLOAD
    return body if len(body) <= limit else TOO_LARGE
