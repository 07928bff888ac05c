"""Slack is told once, updated where it can be, and harms nothing when it is down."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from compose.fakes.slack import CHANNEL, Slack, application
from publishers import slack, slack_errors
from publishers.slack import Messenger
from publishers.slack_errors import GoneError, RefusedError, UntoldError
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
    base: str

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
            yield Desk(workspace, messenger, wake, base)
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


@pytest.mark.parametrize("token", [False, True])
async def test_a_message_that_slack_refuses_holds_no_other_back(
    token: bool,  # noqa: FBT001 - a parameter
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is put aside, said once, and shown as refused for as long as it is to be told; its end is another message."""
    poisoned = replace(OPEN, incident_id="shop-brake-1")
    async with desk(token=token) as one:
        one.slack.poison = poisoned.incident_id
        one.messenger.offer([poisoned, OPEN])
        async with asyncio.timeout(10):
            await one.wake.wait()
        for _ in range(3):
            one.messenger.offer([poisoned])
            await asyncio.sleep(0.01)
        assert [told.incident_id for told, _ in one.messenger.told] == [OPEN.incident_id]
        assert (caplog.text.count("Slack refuses a message"), one.messenger.refused) == (1, True)
        one.slack.poison, one.messenger.told = "", deque()
        over = replace(poisoned, until=90_000)
        await one.tells(over)
        assert not one.messenger.refused


async def test_a_refused_message_is_tried_again_after_its_time(
    monkeypatch: pytest.MonkeyPatch, eventually_async: Any
) -> None:
    """What refused it may have passed."""
    monkeypatch.setattr(slack, "ASIDE_S", 0.05)
    async with desk(token=False) as one:
        one.slack.statuses = [400]

        async def told() -> bool:
            one.messenger.offer([OPEN])  # as every step of a publisher does
            return bool(one.messenger.told)

        await eventually_async(told)
        assert len(one.texts()) == 1


async def test_messages_that_slack_has_no_time_for_are_told_in_their_order() -> None:
    """The first one is tried again before the others: they are not refused."""
    others = [replace(OPEN, incident_id=f"shop-channel_down-{number}") for number in range(3)]
    async with desk(token=False) as one:
        one.slack.statuses = [503, 429, 500]
        one.messenger.offer(others)
        async with asyncio.timeout(10):
            while len(one.messenger.told) < 3:
                await one.wake.wait()
                one.wake.clear()
        assert [told.incident_id for told, _ in one.messenger.told] == [other.incident_id for other in others]


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_webhook_that_is_gone_is_said_once_and_asked_rarely(
    status: int, caplog: pytest.LogCaptureFixture, eventually_async: Any
) -> None:
    """Less than ten times in the first hour; one message that is taken ends it."""
    async with desk(token=False) as one:
        one.slack.statuses = [status] * 2
        one.messenger.offer([OPEN, replace(OPEN, incident_id="shop-brake-1")])

        async def refused_twice() -> bool:
            return not one.slack.statuses

        await eventually_async(refused_twice)
        seen = one.messenger.refused, caplog.text.count("Slack is told later")
        assert seen == (True, 1)
        await one.tells(OPEN)
        assert not one.messenger.refused
    gone, waits = slack_errors.GoneError, [1.0]
    while sum(waits) < 3_600:
        waits.append(min(gone.MOST_S, waits[-1] * gone.GROWS))
    assert len(waits) < 10


async def test_a_new_address_is_taken_up_while_the_old_one_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, eventually_async: Any
) -> None:
    """Whoever puts the webhook right does not wait for a quarter of an hour."""
    monkeypatch.setattr(slack, "BACK_OFF_S", 3_600.0)
    monkeypatch.setattr(slack, "LOOK_S", 0.01)
    file = tmp_path / "webhook"
    async with desk(token=False, LASTUNIT_SLACK_WEBHOOK_URL_FILE=str(file)) as one:
        one.messenger.offer([OPEN])

        async def without_anybody() -> bool:
            return one.messenger.refused

        await eventually_async(without_anybody)
        file.write_text(f"{one.base}/services/T1/B1/{SECRET}", encoding="utf-8")
        await one.tells(OPEN)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"ok": False, "error": "ratelimited"}, UntoldError),
        ({"ok": False, "error": "channel_not_found"}, GoneError),
        ({"ok": False, "error": "msg_too_long"}, RefusedError),
        ([], RefusedError),
    ],
)
def test_the_words_of_the_api_say_whose_fault_it_is(said: object, kind: type[Exception]) -> None:
    """The message's, the channel's, or nobody's for long."""
    assert type(slack_errors.refusal(said)) is kind


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
