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


@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        ("/items/%2E?a=1", "/items/%2E?a=1"),
        ("/items/%2E%2E", "/items/%2E%2E"),
        ("/items/A%2FB%20%25?q=%C3%A9%20+%26", "/items/A%2FB%20%25?q=%C3%A9%20+%26"),
        ("/items/ö \r\nX: 1#f", "/items/%C3%B6%20%0D%0AX:%201%23f"),
    ],
)
async def test_a_path_arrives_as_it_was_written(path: str, arrives: str) -> None:
    """No segment is taken out of it, nothing is decoded on the way; what was not quoted is, and ends no line."""
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response()

    app = web.Application()
    app.router.add_get(r"/{tail:[\s\S]*}", serve)
    async with TestServer(app) as server, Delivery(str(server.make_url("/base/"))) as delivery:
        answer = await delivery.send(Request(method="GET", path=path, body=b""), {}, 5_000)
    assert (answer.status, asked) == (200, [f"/base{arrives}"])


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
