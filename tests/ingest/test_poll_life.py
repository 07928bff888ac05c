"""What a serving poller does when a channel refuses its credentials."""

import asyncio
from collections.abc import Sequence

import pytest

from ingest import process
from ingest.channels import woocommerce_poll
from ingest.poll import life
from ingest.poll.endpoint import Status
from ingest.poll.parts import PollJob
from schemas.config import parse
from schemas.settings import Channel, Kind

SHOP = Channel(name="woo", kind=Kind.WOOCOMMERCE, since=0, base_url="http://shop", poll_every_ms=100)


def job(secrets: list[Sequence[str]]) -> PollJob:
    return PollJob(
        config=parse({"kafka": {"bootstrap": "127.0.0.1:1"}}),
        channel=SHOP,
        kind=woocommerce_poll,
        secrets=lambda: secrets[0],
        tokens=lambda: ("t",),
        back_to=None,
        host="127.0.0.1",
        port=0,
    )


async def test_a_refusal_is_not_believed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall's 403 passes: with the same secrets and nobody asking, the poller tries again by itself."""
    monkeypatch.setattr(life, "DENIED_MS", 300)
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(10):
        await life.wait_for_secrets(job([("ck", "cs")]), Status(alive=lambda: True, tokens=tuple))
    assert asyncio.get_running_loop().time() - began >= 0.3


async def test_new_secrets_and_a_request_end_the_wait() -> None:
    """Nobody waits for the end of the pause who has repaired the cause."""
    secrets: list[Sequence[str]] = [("ck", "cs")]
    for wake in (True, False):
        status = Status(alive=lambda: True, tokens=tuple)
        waiting = asyncio.ensure_future(life.wait_for_secrets(job(secrets), status))
        await asyncio.sleep(0)
        assert not waiting.done()
        if wake:
            status.wake.set()
        else:
            secrets[0] = ("ck", "new")
        async with asyncio.timeout(10):
            await waiting
        assert not status.wake.is_set()


@pytest.mark.parametrize("between", range(5))
async def test_a_request_in_the_moment_of_the_end_does_not_undo_it(between: int) -> None:
    """SIGTERM and `POST /poll` within the same turns of the loop: the poller ends."""
    status, stop = Status(alive=lambda: True, tokens=tuple), asyncio.Event()

    async def work() -> None:
        while True:
            await life._pause(status, 60_000)

    ending = asyncio.ensure_future(process.until(stop, work()))
    await asyncio.sleep(0.01)
    stop.set()
    for _ in range(between):
        await asyncio.sleep(0)
    status.wake.set()
    done, _ = await asyncio.wait({ending}, timeout=2)
    ending.cancel()
    assert done
