"""
Slack is told of incidents: one message when one begins, and of its end.

With a bot's token (`SLACK_BOT_TOKEN`, and `publishers.slack_channel` in the configuration) the message itself is
updated at the end (`chat.postMessage`, `chat.update`).  An incoming webhook (`SLACK_WEBHOOK_URL`) gives no name to its
messages and updates none, so there the end is a second message, in the same words and with the same incident's id.
Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/methods/chat.update, https://docs.slack.dev/apis/web-api/rate-limits (429 with
`Retry-After`).

A message is told at least once: an answer that is lost, or a process that is killed before the record of it is written,
repeats one.  Messages are told in their order, except that one which Slack refuses holds no other back.  Nothing of the
channel waits for Slack.  No address, token or exception's text is logged: the webhook's address is a secret.
"""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping

import aiohttp
import orjson

from publishers.incident_text import begun, ended
from publishers.slack_errors import GoneError, RefusedError, UntoldError, judge, refusal
from schemas.channel_records import Incident
from schemas.config import ConfigError, Secrets
from schemas.settings import Publishers

WEBHOOK, TOKEN = "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN"
TIMEOUT_S = 10.0
BACK_OFF_S = 1.0
ASIDE_S = 3_600.0
"""How long a message that Slack refuses stays aside."""
LOOK_S = 10.0
"""How soon a rotated secret ends a wait."""
ANSWER_MAX = 65_536
_URL = re.compile(r"https?://\S+")
log = logging.getLogger(__name__)


class Messenger:
    """
    Tells Slack what it is offered, one message at a time, beside everything else.

    `told` collects what has been told, as it was then, with the message's name where there is one.
    """

    def __init__(self, settings: Publishers, secrets: Secrets, wake: asyncio.Event) -> None:
        """Tell nothing yet; `wake` is set when something has been told."""
        self.told: deque[tuple[Incident, str | None]] = deque()
        self._settings = settings
        self._secrets = secrets
        self._wake = wake
        self._offered: dict[str, Incident] = {}
        self._done: dict[str, bool] = {}
        self._aside: dict[tuple[str, bool], float] = {}
        """Messages that Slack refuses as they are, the beginning or the end of an incident, and until when."""
        self._gone = False
        self._back_off = BACK_OFF_S
        self._more = asyncio.Event()

    @property
    def configured(self) -> bool:
        """Say whether there is anybody to tell."""
        return self._secrets.has(WEBHOOK) or self._by_token

    @property
    def refused(self) -> bool:
        """Say whether Slack refuses a message, or all of them, and not only for the moment."""
        return self._gone or bool(self._aside)

    @property
    def _by_token(self) -> bool:
        return self._secrets.has(TOKEN) and bool(self._settings.slack_channel)

    def offer(self, incidents: Iterable[Incident]) -> None:
        """Replace what is to be told by this."""
        self._offered = {one.incident_id: one for one in incidents if self._wanted(one)}
        self._done = {name: over for name, over in self._done.items() if over or name in self._offered}
        messages = {_message(one) for one in self._offered.values()}
        self._aside = {name: until for name, until in self._aside.items() if name in messages}
        if self._offered:
            self._more.set()

    def _wanted(self, incident: Incident) -> bool:
        """Leave out what has been told and is only not written down yet."""
        told = self._done.get(incident.incident_id)
        return told is None or (incident.until is not None and not told)

    async def run(self) -> None:
        """Tell until cancelled; whatever Slack does, it is tried again later."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            while True:
                await self._more.wait()
                incident = self._next()
                if incident is None:
                    self._more.clear()
                    continue
                try:
                    message = await self._tell(session, incident)
                except RefusedError as error:
                    self._set_aside(incident, error)
                except UntoldError as error:
                    await self._wait(incident, error)
                else:
                    self._takes()
                    self._note(incident, message)

    def _next(self) -> Incident | None:
        now = time.monotonic()
        free = (one for one in self._offered.values() if self._aside.get(_message(one), now) <= now)
        return next(free, None)

    def _set_aside(self, incident: Incident, error: RefusedError) -> None:
        log.warning("Slack refuses a message, and is told the others: %s", error, extra=_named(incident))
        self._takes()
        self._aside[_message(incident)] = time.monotonic() + ASIDE_S

    def _takes(self) -> None:
        """Note that somebody is there."""
        if self._gone:
            log.info("Slack answers again")
        self._gone, self._back_off = False, BACK_OFF_S

    async def _wait(self, incident: Incident, error: UntoldError) -> None:
        """Wait before the next try, a little longer each time, but no longer than until the secret is another."""
        gone = isinstance(error, GoneError)
        if not (gone and self._gone):
            log.warning("Slack is told later: %s", error, extra=_named(incident))
        self._gone = self._gone or gone
        until = time.monotonic() + max(self._back_off, error.after_s)
        self._back_off = min(error.MOST_S, self._back_off * error.GROWS)
        secret = self._secret()
        while (left := until - time.monotonic()) > 0 and self._secret() == secret:  # noqa: ASYNC110 - a file says to nobody that it has changed
            await asyncio.sleep(min(left, LOOK_S))

    def _secret(self) -> str | None:
        try:
            return self._secrets.one(TOKEN if self._by_token else WEBHOOK)
        except ConfigError:
            return None

    def _note(self, incident: Incident, message: str | None) -> None:
        self._done[incident.incident_id] = incident.until is not None
        self._offered.pop(incident.incident_id, None)
        self.told.append((incident, message))
        self._wake.set()

    async def _tell(self, session: aiohttp.ClientSession, incident: Incident) -> str | None:
        """Post or update a message; returns what Slack calls it, where it says.  Raises `UntoldError`."""
        text = begun(incident) if incident.until is None else ended(incident)
        try:
            if not self._by_token:
                await self._webhook(session, text)
                return None
            return await self._api(session, incident, text)
        except ConfigError as error:
            raise GoneError(str(error)) from None
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:  # noqa: UP041 - as aiohttp names it
            raise UntoldError(f"no answer ({type(error).__name__})") from None

    async def _webhook(self, session: aiohttp.ClientSession, text: str) -> None:
        url = self._secrets.one(WEBHOOK)
        if not _URL.fullmatch(url):
            raise GoneError(f"the secret {WEBHOOK} is no http address")
        async with session.post(url, json={"text": text}, allow_redirects=False) as answer:
            await _checked(answer)

    async def _api(self, session: aiohttp.ClientSession, incident: Incident, text: str) -> str:
        channel, _, ts = (incident.message or "").partition(":")
        if ts:
            try:
                return await self._call(session, "chat.update", {"channel": channel, "ts": ts, "text": text})
            except (RefusedError, GoneError) as error:
                # Deleted, or too old to be edited there: a new message says the same.
                log.info("Slack's message is not updated: %s", error)
        return await self._call(session, "chat.postMessage", {"channel": self._settings.slack_channel, "text": text})

    async def _call(self, session: aiohttp.ClientSession, method: str, body: Mapping[str, str]) -> str:
        url = f"{self._settings.slack_api_url}/{method}"
        headers = {"Authorization": f"Bearer {self._secrets.one(TOKEN)}"}
        async with session.post(url, json=dict(body), headers=headers, allow_redirects=False) as answer:
            said = orjson.loads(await _checked(answer))
        if not isinstance(said, dict) or said.get("ok") is not True:
            raise refusal(said)
        return f"{said.get('channel', '')}:{said.get('ts', '')}"


async def _checked(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body of an answer that is well; raises `UntoldError`."""
    body = await _body(answer)
    judge(answer.status, answer.headers.get("Retry-After", ""), body.decode(errors="replace"))
    return body


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read a body to its end, in however many parts it comes: half an answer would make us say all of it again."""
    body = b""
    async for part in answer.content.iter_any():
        body += part
        if len(body) > ANSWER_MAX:
            break
    return body


def _message(incident: Incident) -> tuple[str, bool]:
    """Return what a message is known by: of which incident, and whether it tells the end."""
    return incident.incident_id, incident.until is not None


def _named(incident: Incident) -> dict[str, str]:
    return {"incident": incident.incident_id}
