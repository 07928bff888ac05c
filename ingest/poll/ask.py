"""One question to the channel: in its budget, with its secrets and a token that is good; the verdict as a value."""

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.discover.kind import Discovery, Listed
from ingest.poll.grant import Tokens, outlived
from ingest.poll.kind import Answer, Denied, Expired, Instead, Later, Page, Poll, Request, Token
from ingest.poll.pace import Pace, backoff_ms, wait_ms
from schemas.settings import Channel

LOG = logging.getLogger(__name__)
BACKOFF_MS = 1_000
BACKOFF_MAX_MS = 60_000
"""The first and the longest wait of our own."""
Verdict = Page[Any] | Listed[Any] | Later | Instead[Any] | Denied
REFUSED = Later(why="the channel takes the access token no more; another one is fetched", after_ms=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question came to, and when it was put."""

    verdict: Verdict
    at: int
    answer: Answer


NOTHING = Answer(status=0, headers={}, body=b"")


class Means(Protocol):
    """What asking takes; `tokens` is None for a kind that is called with its secrets alone."""

    @property
    def call(self) -> Callable[[Request], Awaitable[Answer]]:
        """Make a call; raises nothing."""

    @property
    def secrets(self) -> Callable[[], Sequence[str]]:
        """Read what the kind's `SECRETS` name."""

    @property
    def tokens(self) -> Tokens | None:
        """Return who fetches access tokens."""

    @property
    def now_ms(self) -> Callable[[], int]:
        """Tell the time."""

    @property
    def sleep_ms(self) -> Callable[[int], Awaitable[None]]:
        """Wait."""


class Asker:
    """Asks one channel, for orders or for listings; `asked_at` is when it last did."""

    def __init__(self, channel: Channel, kind: Poll[Any] | Discovery[Any], tools: Means) -> None:
        """Start with a full budget."""
        self._channel, self._kind, self._tools = channel, kind, tools
        self._pace = Pace(channel.orders_limit or kind.LIMIT, tools.now_ms())
        self.asked_at = tools.now_ms()
        self._free_at = 0

    async def ask(self, state: Any) -> Asked:
        """Put the question of a state, once the budget has room for it."""
        token = await self._token()
        while not isinstance(token, Later | Denied) and (wait := self._held_back(self._tools.now_ms())):
            await self._tools.sleep_ms(wait)
            token = await self._token()
        if isinstance(token, Later | Denied):
            self.asked_at = self._tools.now_ms()
            return Asked(verdict=token, at=self.asked_at, answer=NOTHING)
        at = self.asked_at = self._tools.now_ms()
        answer = await self._tools.call(self._kind.request(self._channel, self._credentials(token), state))
        verdict = self._judged(self._kind.read(state, answer), answer, token)
        self._free_at = self._tools.now_ms() + _asked_to_wait(verdict)
        return Asked(verdict=verdict, at=at, answer=answer)

    async def again(self, verdict: Later, failures: int) -> None:
        """
        Wait before the same question is put again.

        Args:
            verdict: why it has to be; the channel's own time counts where it names one.
            failures: how many there were in a row, this one included.

        """
        own = backoff_ms(failures, BACKOFF_MS, BACKOFF_MAX_MS, random.random())  # noqa: S311 - jitter is no secret
        wait = wait_ms(verdict.after_ms, own)
        LOG.warning("%s; again in %d ms", verdict.why, wait)
        await self._tools.sleep_ms(wait)

    def _held_back(self, now: int) -> int:
        """
        Return how long to wait, milliseconds, or take a call out of the budget and return 0.

        What the channel asked for holds for every question, whoever has given up the one that it answered.
        """
        return max(0, self._free_at - now) or self._pace.take(now)

    async def _token(self) -> Token | Later | Denied | None:
        """Return a good access token, before and after waiting for the budget; None for a kind without."""
        return None if self._tools.tokens is None else await self._tools.tokens.get()

    def _credentials(self, token: Token | None) -> Sequence[str]:
        return self._tools.secrets() if token is None else (*self._tools.secrets(), token.value)

    def _judged(self, verdict: Verdict | Expired, answer: Answer, token: Token | None) -> Verdict:
        """Turn a token that has ended into another try, and a second one in a row into a refusal."""
        if self._tools.tokens is not None and token is not None:
            if outlived(verdict, answer) and self._tools.tokens.refused(token):
                return REFUSED
            if answer.status == 200:
                self._tools.tokens.accepted()
        return Denied(why=verdict.why) if isinstance(verdict, Expired) else verdict


def _asked_to_wait(verdict: Verdict) -> int:
    """Return what the channel asks for before the next call, milliseconds."""
    if isinstance(verdict, Page | Listed):
        return verdict.pause_ms
    return wait_ms(verdict.after_ms, 0) if isinstance(verdict, Later) else 0
