"""
A channel's access token: fetched once for however many ask, renewed before it ends, fetched anew when it is refused.

Tokens, and the refresh tokens that follow one another, live in memory only; after a restart the configured one counts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from publishers.grant import REFRESH, Denied, Grant, Later, Token
from publishers.push import Request, Response
from schemas.settings import Channel

EARLY_MS = 300_000
"""A token is renewed so long before its end, or in the last fifth of its life if that is shorter."""
REST_FIRST_MS, REST_LAST_MS = 1_000, 60_000
"""After a failure nothing is asked for so long; it doubles from the first to the last of these."""
log = logging.getLogger(__name__)
Verdict = Token | Later | Denied


class Tokens:
    """The access token of one channel; any number of tasks of one loop may ask for it."""

    def __init__(
        self,
        channel: Channel,
        grant: Grant,
        call: Callable[[Request], Awaitable[Response]],
        now_ms: Callable[[], int],
    ) -> None:
        """Begin without a token; `call` makes a request and raises nothing."""
        self._channel, self._grant, self._call, self._now = channel, grant, call, now_ms
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._ends_at = self._ask_at = self._rest_ms = 0
        self._asked_with: Mapping[str, str] = {}
        self._successor = ""
        self._last: Verdict = Later(why="no access token yet")

    async def get(self, secrets: Mapping[str, str]) -> Verdict:
        """
        Return the token to call with; `Later` or `Denied`, as the channel says, where none can be had.

        `secrets` are the configured ones, by the names in `Grant.SECRETS`: when they change, another token is fetched
        at once.
        """
        renewing = self._lock.locked() and self._good() and secrets == self._asked_with
        if self._due(secrets) and not renewing:
            async with self._lock:
                # Who waited for another's fetch takes what came of it.
                if self._due(secrets):
                    await self._renew(secrets)
        return self._token if self._token is not None and self._good() else self._last

    def refused(self, value: str) -> None:
        """Drop a token that the channel refuses, unless another one has been fetched since."""
        if self._token is not None and self._token.value == value:
            self._token, self._ends_at, self._ask_at = None, 0, 0

    def _due(self, secrets: Mapping[str, str]) -> bool:
        return secrets != self._asked_with or self._now() >= self._ask_at

    def _good(self) -> bool:
        return self._now() < self._ends_at

    async def _renew(self, secrets: Mapping[str, str]) -> None:
        if secrets != self._asked_with:
            self._rest_ms = 0
        if secrets.get(REFRESH) != self._asked_with.get(REFRESH):
            self._successor = ""
        self._last = await self._fetch(secrets)
        self._asked_with = dict(secrets)
        if isinstance(self._last, Token):
            log.info("access token fetched, good for %d s", self._last.lasts_ms // 1_000)
            return
        self._rest_ms = min(max(2 * self._rest_ms, REST_FIRST_MS), REST_LAST_MS)
        wait = max(self._rest_ms, self._last.after_ms if isinstance(self._last, Later) else 0)
        self._ask_at = self._now() + wait
        left_s = max(0, self._ends_at - self._now()) // 1_000
        log.warning("no new access token, the old one is good for %d s: %s", left_s, self._last.why)

    async def _fetch(self, secrets: Mapping[str, str]) -> Verdict:
        if self._successor:
            found = await self._ask({**secrets, REFRESH: self._successor})
            if not isinstance(found, Denied):
                return found
            # It may be spent: another process of this channel has used it, or the answer with its successor was lost.
            self._successor = ""
        return await self._ask(secrets)

    async def _ask(self, secrets: Mapping[str, str]) -> Verdict:
        asked_at = self._now()
        found = self._grant.read(await self._call(self._grant.request(self._channel, secrets)))
        if isinstance(found, Token):
            self._token, self._ends_at, self._rest_ms = found, asked_at + found.lasts_ms, 0
            self._ask_at = self._ends_at - min(EARLY_MS, found.lasts_ms // 5)
            self._successor = found.successor or self._successor
        return found
