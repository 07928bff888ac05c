"""
Slack is told of incidents: one message when one begins, and of its end.

With a bot's token (`SLACK_BOT_TOKEN`, and `publishers.slack_channel` in the configuration) the message itself is
updated at the end (`chat.postMessage`, `chat.update`).  An incoming webhook (`SLACK_WEBHOOK_URL`) gives no name to its
messages and updates none, so there the end is a second message, in the same words and with the same incident's id.
Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/methods/chat.update, https://docs.slack.dev/apis/web-api/rate-limits (429 with
`Retry-After`).

A message is told at least once: an answer that is lost, or a process that is killed before the record of it is written,
repeats one.  Nothing of the channel waits for Slack.  No address, token or exception's text is logged: the webhook's
address is a secret.
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import orjson

from publishers.incident_text import begun, ended
from schemas.channel_records import Incident
from schemas.config import ConfigError, Secrets
from schemas.settings import Publishers

WEBHOOK, TOKEN = "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN"
TIMEOUT_S = 10.0
BACK_OFF_S = 1.0
BACK_OFF_MAX_S = 300.0
AFTER_MAX_S = 3_600.0
"""However long Slack asks to wait."""
ANSWER_MAX = 65_536
_URL = re.compile(r"https?://\S+")
_WORD = re.compile(r"[a-z_]{1,60}")
_DIGITS = re.compile(r"[0-9]{1,5}")
log = logging.getLogger(__name__)


class UntoldError(Exception):
    """Slack has not taken a message; try again, not before `after_s` where it says so."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        """Keep how long Slack asks to wait."""
        super().__init__(reason)
        self.after_s = after_s


class RefusedError(UntoldError):
    """Slack has read the message and refuses it; `word` is its own name for why."""

    def __init__(self, word: str) -> None:
        """Keep the word."""
        super().__init__(f"Slack says {word}")
        self.word = word


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
        self._more = asyncio.Event()

    @property
    def configured(self) -> bool:
        """Say whether there is anybody to tell."""
        return self._secrets.has(WEBHOOK) or self._by_token

    @property
    def _by_token(self) -> bool:
        return self._secrets.has(TOKEN) and bool(self._settings.slack_channel)

    def offer(self, incidents: Iterable[Incident]) -> None:
        """Replace what is to be told by this."""
        self._offered = {one.incident_id: one for one in incidents if self._wanted(one)}
        self._done = {name: over for name, over in self._done.items() if over or name in self._offered}
        if self._offered:
            self._more.set()

    def _wanted(self, incident: Incident) -> bool:
        """Leave out what has been told and is only not written down yet."""
        told = self._done.get(incident.incident_id)
        return told is None or (incident.until is not None and not told)

    async def run(self) -> None:
        """Tell until cancelled; whatever Slack does, it is tried again later."""
        back_off = BACK_OFF_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            while True:
                await self._more.wait()
                incident = next(iter(self._offered.values()), None)
                if incident is None:
                    self._more.clear()
                    continue
                try:
                    message = await self._tell(session, incident)
                except UntoldError as error:
                    wait = max(back_off, error.after_s)
                    log.warning("Slack is told later: %s", error, extra={"incident": incident.incident_id})
                    back_off = min(BACK_OFF_MAX_S, back_off * 2)
                    await asyncio.sleep(wait)
                else:
                    back_off = BACK_OFF_S
                    self._note(incident, message)

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
            raise UntoldError(str(error)) from None
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:  # noqa: UP041 - as aiohttp names it
            raise UntoldError(f"no answer ({type(error).__name__})") from None

    async def _webhook(self, session: aiohttp.ClientSession, text: str) -> None:
        url = self._secrets.one(WEBHOOK)
        if not _URL.fullmatch(url):
            raise UntoldError(f"the secret {WEBHOOK} is no http address")
        async with session.post(url, json={"text": text}, allow_redirects=False) as answer:
            await _checked(answer)

    async def _api(self, session: aiohttp.ClientSession, incident: Incident, text: str) -> str:
        channel, _, ts = (incident.message or "").partition(":")
        if ts:
            try:
                return await self._call(session, "chat.update", {"channel": channel, "ts": ts, "text": text})
            except RefusedError as error:
                # Deleted, or too old to be edited there: a new message says the same.
                log.info("Slack's message is not updated: %s", error.word)
        return await self._call(session, "chat.postMessage", {"channel": self._settings.slack_channel, "text": text})

    async def _call(self, session: aiohttp.ClientSession, method: str, body: Mapping[str, str]) -> str:
        url = f"{self._settings.slack_api_url}/{method}"
        headers = {"Authorization": f"Bearer {self._secrets.one(TOKEN)}"}
        async with session.post(url, json=dict(body), headers=headers, allow_redirects=False) as answer:
            said = orjson.loads(await _checked(answer))
        if not isinstance(said, dict) or said.get("ok") is not True:
            raise RefusedError(_word(said.get("error") if isinstance(said, dict) else None))
        return f"{said.get('channel', '')}:{said.get('ts', '')}"


async def _checked(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body of an answer that is well; raises `UntoldError`."""
    body = await _body(answer)
    if answer.status == 429:
        asked = answer.headers.get("Retry-After", "")
        raise UntoldError("too many messages", min(AFTER_MAX_S, float(asked)) if _DIGITS.fullmatch(asked) else 0.0)
    if answer.status != 200:
        raise UntoldError(f"HTTP {answer.status}: {_word(body.decode(errors='replace'))}")
    return body


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read a body to its end, in however many parts it comes: half an answer would make us say all of it again."""
    body = b""
    async for part in answer.content.iter_any():
        body += part
        if len(body) > ANSWER_MAX:
            break
    return body


def _word(said: Any) -> str:
    """Return Slack's own word for an error; anything that is none may hold what must not be logged."""
    return said if isinstance(said, str) and _WORD.fullmatch(said) else "an answer without a known word"
