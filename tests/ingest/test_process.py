"""The shell that every process of `ingest` has: health from outside, an end by itself or by being told."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ingest.process import endpoint, until


async def test_health_says_what_is_wrong() -> None:
    """Both questions are answered by themselves, with the reason; metrics are shown however the process is."""
    wrong = {"alive": False, "unready": "loading"}
    async with TestClient(TestServer(endpoint(lambda: bool(wrong["alive"]), lambda: str(wrong["unready"])))) as client:
        ill, early = await client.get("/healthz"), await client.get("/readyz")
        assert (ill.status, await ill.text()) == (503, "a part has ended or stands still\n")
        assert (early.status, await early.text()) == (503, "loading\n")
        wrong |= {"alive": True, "unready": ""}
        for path in ("/healthz", "/readyz"):
            well = await client.get(path)
            assert (well.status, await well.text()) == (200, "ok\n")
        shown = await client.get("/metrics")
        assert shown.status == 200
        assert shown.headers["content-type"].startswith("text/plain")


async def test_what_ends_the_work_ends_the_process() -> None:
    """A fault of the work is raised, and nothing waits for a signal any more."""

    async def work() -> None:
        raise OSError("no broker")

    with pytest.raises(OSError, match="no broker"):
        await until(asyncio.Event(), work())


async def test_told_to_stop_nothing_goes_on() -> None:
    """The work is cancelled, and its cancelling is waited for."""
    stop, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(5):
        await until(stop, work())
    assert ended.is_set()
