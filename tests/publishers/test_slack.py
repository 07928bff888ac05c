"""Slack is told once, updated where it can be, and harms nothing when it is down."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from compose.fakes.slack import CHANNEL, Slack, application
from publishers import slack
from publishers.slack import Messenger
from schemas.channel_records import Incident
from schemas.config import Secrets
from schemas.settings import Publishers
from schemas.words import IncidentKind

SECRET = "XyZsecretXyZ"
OPEN = Incident(
    incident_id="shop-channel_down-5",
    channel="shop",
    kind=IncidentKind.CHANNEL_DOWN,
    since=5,
    err="HTTP 503",
    at=5,
)
OVER = replace(OPEN, until=90_000)


@dataclass
class Desk:
    """A messenger at work, and the workspace it tells."""

    slack: Slack
    messenger: Messenger
    wake: asyncio.Event

    async def tells(self, incident: Incident) -> str | None:
        """Offer an incident until it has been told; returns the message's name."""
        self.messenger.offer([incident])
        async with asyncio.timeout(10):
            while not self.messenger.told:
                await self.wake.wait()
                self.wake.clear()
        told, message = self.messenger.told.popleft()
        assert told == incident
        return message

    def texts(self) -> list[str]:
        """Return what stands in the channel."""
        return [one["text"] for one in self.slack.messages]


@asynccontextmanager
async def desk(*, token: bool, **more: str) -> AsyncIterator[Desk]:
    """Yield a messenger with a webhook, or with a token too."""
    workspace = Slack(token=SECRET, webhook=SECRET)
    async with TestServer(application(workspace)) as server:
        base = f"http://127.0.0.1:{server.port}"
        environ = {"LASTUNIT_SLACK_WEBHOOK_URL": f"{base}/services/T1/B1/{SECRET}"}
        if token:
            environ["LASTUNIT_SLACK_BOT_TOKEN"] = SECRET
        settings = Publishers(slack_api_url=f"{base}/api", slack_channel="#stock" if token else "")
        wake = asyncio.Event()
        messenger = Messenger(settings, Secrets({**environ, **more}), wake)
        task = asyncio.create_task(messenger.run())
        try:
            yield Desk(workspace, messenger, wake)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(slack, "BACK_OFF_S", 0.01)


async def test_a_webhook_tells_the_beginning_and_the_end_in_two_messages() -> None:
    """Slack's webhooks update nothing: the second one closes the first by its id."""
    async with desk(token=False) as one:
        assert await one.tells(OPEN) is None
        assert await one.tells(OVER) is None
        first, second = one.texts()
        assert OPEN.incident_id in first
        assert OPEN.incident_id in second
        assert "Over: shop does not answer: HTTP 503" in second


async def test_an_answer_that_comes_in_parts_is_one_answer() -> None:
    """Half of it understood as a failure would post the same message again, and again."""
    posts = 0

    async def post(request: web.Request) -> web.StreamResponse:
        nonlocal posts
        posts += 1
        answer = web.StreamResponse()
        await answer.prepare(request)
        for part in (b'{"ok": true, "channel": "C1",', b' "ts": "7.1"}'):
            await answer.write(part)
            await asyncio.sleep(0.05)
        return answer

    application = web.Application()
    application.router.add_post("/api/chat.postMessage", post)
    async with TestServer(application) as server:
        settings = Publishers(slack_api_url=f"http://127.0.0.1:{server.port}/api", slack_channel="#stock")
        wake = asyncio.Event()
        messenger = Messenger(settings, Secrets({"LASTUNIT_SLACK_BOT_TOKEN": SECRET}), wake)
        task = asyncio.create_task(messenger.run())
        messenger.offer([OPEN])
        async with asyncio.timeout(10):
            await wake.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert (posts, [*messenger.told]) == (1, [(OPEN, "C1:7.1")])


async def test_a_token_updates_the_message_itself() -> None:
    """One message in all."""
    async with desk(token=True) as one:
        message = await one.tells(OPEN)
        assert message == f"{CHANNEL}:{one.slack.messages[0]['ts']}"
        assert await one.tells(replace(OVER, message=message)) == message
        (only,) = one.slack.messages
        assert only["edits"] == 1
        assert "Over" in only["text"]


async def test_a_message_that_cannot_be_updated_any_more_is_followed_by_another() -> None:
    """The workspace allows no late edits."""
    async with desk(token=True) as one:
        message = await one.tells(OPEN)
        one.slack.editable = False
        assert await one.tells(replace(OVER, message=message)) == f"{CHANNEL}:{one.slack.messages[1]['ts']}"
        assert ["Over" in text for text in one.texts()] == [False, True]


@pytest.mark.parametrize("token", [False, True])
async def test_slack_being_down_delays_a_message_and_nothing_else(token: bool) -> None:  # noqa: FBT001 - a parameter
    """It is tried until it is taken; what is offered meanwhile replaces it."""
    async with desk(token=token) as one:
        one.slack.statuses = [503, 500, 404]
        await one.tells(OPEN)
        assert len(one.texts()) == 1
        assert one.slack.statuses == []


async def test_an_answer_that_is_lost_repeats_one_message_at_most() -> None:
    """At least once, as said."""
    async with desk(token=False) as one:
        one.slack.lost = 1
        await one.tells(OPEN)
        assert len(one.texts()) == 2


async def test_what_is_told_and_not_written_down_yet_is_not_told_again() -> None:
    """The record of it may take its time; the end is another message."""
    async with desk(token=False) as one:
        await one.tells(OPEN)
        one.messenger.offer([OPEN])
        await one.tells(OVER)
        one.messenger.offer([OVER])
        await asyncio.sleep(0.05)
        assert len(one.texts()) == 2


async def test_a_burst_waits_as_long_as_slack_asks() -> None:
    """More than Slack takes at once: refused once with how long to wait, then taken, none lost or doubled."""
    async with desk(token=False) as one:
        for number in range(7):
            await one.tells(replace(OPEN, incident_id=f"shop-channel_down-{number}"))
        assert len(set(one.texts())) == 7
        assert one.slack.refused <= 2


@pytest.mark.parametrize(
    "more",
    [
        {"LASTUNIT_SLACK_WEBHOOK_URL": f"http://127.0.0.1:9/services/{SECRET}"},
        {"LASTUNIT_SLACK_WEBHOOK_URL": f"http://{SECRET}.invalid:x/"},
        {"LASTUNIT_SLACK_WEBHOOK_URL": SECRET},
        {"LASTUNIT_SLACK_WEBHOOK_URL_FILE": "/nowhere"},
    ],
)
async def test_no_secret_is_logged(
    more: Mapping[str, str], caplog: pytest.LogCaptureFixture, eventually_async: Any
) -> None:
    """Whatever is wrong with the address, it is a secret."""
    with caplog.at_level(logging.DEBUG):
        async with desk(token=False, **more) as one:
            one.messenger.offer([OPEN])

            async def told_later() -> bool:
                return "Slack is told later" in caplog.text

            await eventually_async(told_later)
            assert one.texts() == []
    assert SECRET not in caplog.text


async def test_no_secret_that_slack_repeats_is_logged(caplog: pytest.LogCaptureFixture, eventually_async: Any) -> None:
    """Nor a token that a broken proxy answers with."""
    app = web.Application()

    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=404, text=f"no such path {request.path}")

    app.add_routes([web.post("/{path:.*}", echo)])
    async with TestServer(app) as server:
        more = {"LASTUNIT_SLACK_WEBHOOK_URL": f"http://127.0.0.1:{server.port}/{SECRET}"}
        async with desk(token=False, **more) as one:
            one.messenger.offer([OPEN])

            async def told_later() -> bool:
                return "HTTP 404" in caplog.text

            await eventually_async(told_later)
    assert SECRET not in caplog.text


def test_without_a_secret_there_is_nobody_to_tell() -> None:
    """A token without a channel is none."""
    wake = asyncio.Event()
    assert not Messenger(Publishers(), Secrets({}), wake).configured
    assert not Messenger(Publishers(), Secrets({"LASTUNIT_SLACK_BOT_TOKEN": "x"}), wake).configured
    assert Messenger(Publishers(slack_channel="#a"), Secrets({"LASTUNIT_SLACK_BOT_TOKEN": "x"}), wake).configured
    assert Messenger(Publishers(), Secrets({"LASTUNIT_SLACK_WEBHOOK_URL_FILE": "/x"}), wake).configured
