"""Where a request goes, and where it does not."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from publishers.delivery import Delivery
from publishers.push import Request


@pytest.fixture
async def inside() -> AsyncIterator[tuple[str, list[str]]]:
    """Serve an address of our own network that answers anybody; and what it was asked for."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="a role's keys")

    app = web.Application()
    app.router.add_get("/{tail:.*}", serve)
    async with TestServer(app) as server:
        yield str(server.make_url("/latest/meta-data")), asked


@pytest.mark.parametrize(("base", "reached"), [("https://shop.example", False), ("http://127.0.0.1:1", True)])
async def test_a_channel_over_https_names_no_file_that_is_not(
    inside: tuple[str, list[str]], base: str, *, reached: bool
) -> None:
    """An answer names where a file is; it must not make us ask inside our own network.  Stand-ins are without TLS."""
    url, asked = inside
    async with Delivery(base) as delivery:
        answer = await delivery.send(Request(method="GET", path="", body=b"", url=url), {}, 5_000)
    assert (bool(asked), answer.status) == ((True, 200) if reached else (False, 0))
    assert "meta-data" not in answer.err
