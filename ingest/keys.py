"""
The public keys of channels that sign with keys of their own: fetched by their names, and remembered.

Anybody can send a webhook that names a key, so nothing a stranger sends may cost the channel more than a few calls:
one fetch at a time for a name, names that do not exist are remembered, and names never seen before are asked for at a
bounded rate.  Beyond it the answer is 503, which a channel that really has changed its key takes as "later"; webhooks
signed with a key that is known are answered all the while.  A stranger who goes on for ever can so keep a new key, or
all keys after a restart, from being fetched: the orders come by the poll then, and no call too many is made.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ingest import metrics
from ingest.key_kind import Keys
from ingest.poll.call import Caller
from ingest.poll.grant import Tokens, outlived
from ingest.poll.kind import Answer, Denied, Later, Request, Token
from ingest.poll.pace import Pace
from ingest.producer import Unavailable
from ingest.webhook import BadSignature
from schemas.cluster import now_ms
from schemas.config import ConfigError, Secrets, channel_secret
from schemas.settings import Channel, Window
from schemas.topics import DAY_MS

LOG = logging.getLogger(__name__)
FRESH_MS = 3_600_000
"""How long a key is not asked for again: eBay's own advice."""
STALE_MS = DAY_MS
"""How long after it was fetched a key is believed while the channel cannot be asked for it."""
AGAIN_MS = 60_000
"""Between two attempts to renew a key that is still believed."""
ABSENT_MS = 300_000
"""How long a name is known not to exist."""
KEYS_MAX, ABSENT_MAX = 100, 1_000
"""Names remembered; the one unused for longest goes first."""
NEW_NAMES = Window(calls=1, per_ms=30_000, burst=5)
"""Names never seen before, for each channel: under 3,000 a day; eBay allows 10,000 to an application."""
FETCH_MS = 5_000
"""The longest call; who waits for it has gone long before, and finds its result when the webhook comes again."""

Call = Callable[[Request], Awaitable[Answer]]
Found = str | Later | Denied
V = TypeVar("V")
Place = tuple[str, str, str]
"""Kind, address and name: accounts of one kind at one address share keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A key: fresh until then, and believed until then where it cannot be renewed."""

    key: str
    fresh_until: int
    dead_at: int


class Keyring:
    """All public keys of one process; any number of tasks of one loop may ask."""

    def __init__(
        self,
        secrets: Secrets,
        *,
        patience_ms: int,
        call: Call | None = None,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        """
        Begin without a key.

        Args:
            secrets: where the credentials of each channel are.
            patience_ms: how long a webhook may wait for its key.
            call: makes a call and raises nothing; by default a session of our own, opened when it is needed.
            now_ms: the time, milliseconds.

        """
        self._secrets, self._patience_ms, self._now = secrets, patience_ms, now_ms
        self._call: Call | None = call
        self._session: Caller | None = None
        self._keys: OrderedDict[Place, _Known] = OrderedDict()
        self._absent: OrderedDict[Place, int] = OrderedDict()
        self._under_way: dict[Place, asyncio.Task[Found]] = {}
        self._tokens: dict[str, Tokens] = {}
        self._paces: dict[str, Pace] = {}

    async def find(self, channel: Channel, kind: Keys, key_id: str) -> str:
        """
        Return the key of a name.

        Raises `BadSignature` where the channel has no such key, and `Unavailable` where it cannot be asked in time.
        """
        place, now = (str(channel.kind), channel.base_url, key_id), self._now()
        known = self._keys.get(place)
        if known is not None and now < known.fresh_until:
            self._keys.move_to_end(place)
            return known.key
        if now < self._absent.get(place, 0):
            self._absent.move_to_end(place)
            raise BadSignature("signed with a key that does not exist")
        return await self._fetched(channel, kind, place, known)

    async def _fetched(self, channel: Channel, kind: Keys, place: Place, known: _Known | None) -> str:
        task = self._under_way.get(place)
        if task is None:
            if known is None and self._pace(channel).take(self._now()):
                metrics.KEY_FETCHES.labels(channel.name, "held_back").inc()
                raise Unavailable("too many unknown keys were named")
            task = self._under_way[place] = asyncio.create_task(self._fetch(channel, kind, place))
            task.add_done_callback(lambda _: self._under_way.pop(place, None))
        done, _ = await asyncio.wait({task}, timeout=self._patience_ms / 1_000)
        found = task.result() if done else Later(why="no key in time")
        if isinstance(found, str):
            if not found:
                raise BadSignature("signed with a key that does not exist")
            return found
        return self._believed(place, found)

    def _believed(self, place: Place, found: Later | Denied) -> str:
        """Return a key that could not be renewed while it is not too old; raises `Unavailable`."""
        known, now = self._keys.get(place), self._now()
        if known is None or now >= known.dead_at:
            raise Unavailable(f"the key cannot be fetched: {found.why}")
        self._keys[place] = replace(known, fresh_until=now + AGAIN_MS)
        return known.key

    async def _fetch(self, channel: Channel, kind: Keys, place: Place) -> Found:
        """Ask the channel and remember what it says; a fault of ours is a `Later` too, so that nobody waits in vain."""
        try:
            found = await self._ask(channel, kind, place[2])
        except ConfigError as error:
            found = Denied(why=str(error))
        now = self._now()
        if not isinstance(found, str):
            LOG.error("a public key cannot be fetched: %s", found.why, extra={"channel": channel.name})
        elif found:
            self._absent.pop(place, None)
            _remember(
                self._keys, place, _Known(key=found, fresh_until=now + FRESH_MS, dead_at=now + STALE_MS), KEYS_MAX
            )
        else:
            self._keys.pop(place, None)
            _remember(self._absent, place, now + ABSENT_MS, ABSENT_MAX)
        word = ("found" if found else "unknown") if isinstance(found, str) else "failed"
        metrics.KEY_FETCHES.labels(channel.name, word).inc()
        return found

    async def _ask(self, channel: Channel, kind: Keys, key_id: str) -> Found:
        """Ask once, and once more with another access token where this one is refused."""
        tokens = self._tokens.get(channel.name) or self._begin(channel, kind)
        while True:
            token = await tokens.get()
            if not isinstance(token, Token):
                return token
            answer = await self._send(kind.request(channel, token.value, key_id))
            found = kind.read(answer)
            if not outlived(found, answer):
                tokens.accepted()
                return found
            if not tokens.refused(token):
                return found

    def _begin(self, channel: Channel, kind: Keys) -> Tokens:
        def read() -> Sequence[str]:
            return [self._secrets.one(channel_secret(channel.name, what)) for what in kind.GRANT.SECRETS]

        tokens = self._tokens[channel.name] = Tokens(channel, kind.GRANT, read, self._send, self._now)
        return tokens

    def _pace(self, channel: Channel) -> Pace:
        return self._paces.setdefault(channel.name, Pace((NEW_NAMES,), self._now()))

    async def _send(self, request: Request) -> Answer:
        """Make a call; the session is opened by the first one, since most deployments never make any."""
        if self._call is None:
            self._session = Caller(FETCH_MS)
            self._call = self._session.call
        return await self._call(request)

    async def close(self) -> None:
        """Give up what is under way and close the session."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def _remember(shelf: OrderedDict[Place, V], place: Place, value: V, most: int) -> None:
    """Put a value at the young end and drop the oldest beyond `most`."""
    shelf[place] = value
    shelf.move_to_end(place)
    while len(shelf) > most:
        shelf.popitem(last=False)
