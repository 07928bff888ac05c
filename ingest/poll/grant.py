"""
A channel's access token: fetched when there is none, and again before it ends.

Whoever calls the channel asks for the token right before each call, and tells how the channel took it.  Tokens and the
refresh tokens that follow one another live in memory only; after a restart the configured one counts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ingest.poll.kind import Answer, Denied, Expired, Grant, Later, Request, Token
from schemas.settings import Channel

LOG = logging.getLogger(__name__)
EARLY_MS = 300_000
"""A token is renewed so long before its end, or in the last fifth of its life if that is shorter."""
RETRY_MS = 10_000
"""Between two attempts to renew a token that is still good."""

Verdict = Token | Later | Denied


class Tokens:
    """The access token of one channel; any number of tasks of one loop may ask for it."""

    def __init__(
        self,
        channel: Channel,
        grant: Grant,
        secrets: Callable[[], Sequence[str]],
        call: Callable[[Request], Awaitable[Answer]],
        now_ms: Callable[[], int],
    ) -> None:
        """
        Begin without a token.

        Args:
            channel: whose token it is.
            grant: how the kind fetches one.
            secrets: what `grant.SECRETS` name; read before each fetch, so that a rotated secret is taken up.
            call: makes the call; answers with `NO_ANSWER` and raises nothing.
            now_ms: the time, milliseconds.

        """
        self._channel, self._grant = channel, grant
        self._secrets, self._call, self._now = secrets, call, now_ms
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._renew_at = self._ends_at = 0
        self._successor: tuple[Sequence[str], str] = ((), "")
        self._fetches = 0
        self._last: Verdict = Later(why="no access token yet")
        self._refused = False

    async def get(self) -> Verdict:
        """Return the token to call with; `Later` or `Denied` as the channel says where none can be had."""
        if self._token is not None and self._now() < self._renew_at:
            return self._token
        seen = self._fetches
        async with self._lock:
            # Who waited for another's fetch takes what came of it, so that a failure is not asked for again by each.
            if seen == self._fetches:
                self._last = await self._renew()
                self._fetches += 1
            return self._last

    def accepted(self) -> None:
        """Take note that the channel took the token: when it is refused later, another one is worth a try."""
        self._refused = False

    def refused(self, token: Token) -> bool:
        """
        Drop a token that the channel refuses; say whether to fetch another one and ask again.

        False means that this was tried just now: the credentials themselves are refused.
        """
        if token is not self._token:
            return True  # another one has been fetched since
        self._token = None
        again, self._refused = not self._refused, True
        return again

    async def _renew(self) -> Verdict:
        found = await self._fetch()
        now = self._now()
        if isinstance(found, Token) or self._token is None or now >= self._ends_at:
            return found
        LOG.warning("access token not renewed, it is good for %d s: %s", (self._ends_at - now) // 1_000, found.why)
        wait = RETRY_MS if isinstance(found, Denied) else max(found.after_ms or 0, RETRY_MS)
        self._renew_at = min(now + wait, self._ends_at)
        return self._token

    async def _fetch(self) -> Verdict:
        configured = tuple(self._secrets())
        found = await self._ask(configured, self._current(configured))
        if isinstance(found, Denied) and self._successor[1]:
            # The successor may be spent: a second process of this channel has used it, or its answer was lost.
            self._successor = ((), "")
            found = await self._ask(configured, configured)
        return found

    def _current(self, configured: Sequence[str]) -> Sequence[str]:
        """Return the secrets in force: a successor holds until somebody configures another refresh token."""
        parent, successor = self._successor
        if not successor or tuple(parent) != tuple(configured):
            self._successor = ((), "")
            return configured
        return (*configured[:-1], successor)

    async def _ask(self, configured: Sequence[str], secrets: Sequence[str]) -> Verdict:
        asked_at = self._now()
        found = self._grant.read(await self._call(self._grant.request(self._channel, secrets)))
        if isinstance(found, Token):
            self._token, self._ends_at = found, asked_at + found.lasts_ms
            self._renew_at = self._ends_at - min(EARLY_MS, found.lasts_ms // 5)
            if found.successor:
                self._successor = (configured, found.successor)
        return found


def outlived(verdict: object, answer: Answer) -> bool:
    """Say whether an answer refuses the access token, as opposed to what the token may do."""
    return isinstance(verdict, Expired) or (isinstance(verdict, Denied) and answer.status == 401)
