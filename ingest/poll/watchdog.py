"""The watchdog of one channel's webhooks: looks, says what is off, switches it on again, and has all orders read."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ingest import poll_metrics as metrics
from ingest.poll.kind import Answer, Denied, Later, Request
from ingest.poll.watch import Hook, Hooks, Revivals, Revived, Watch, missing
from schemas.settings import Channel

LOG = logging.getLogger(__name__)
EVERY_MS = 60_000
"""Between two looks: a call a minute, beside the budget for orders."""
PAGES_MAX = 10
REVIVE_MAX = 5
"""Webhooks that are switched on at one look."""


class Watchdog:
    """Watches one channel's webhooks; nothing that goes wrong here stops the poll."""

    def __init__(
        self,
        channel: Channel,
        watch: Watch[Any],
        *,
        call: Callable[[Request], Awaitable[Answer]],
        secrets: Callable[[], Sequence[str]],
        now_ms: Callable[[], int],
    ) -> None:
        """Begin with a look that is due at once."""
        self._channel, self._watch = channel, watch
        self._call, self._secrets, self._now = call, secrets, now_ms
        self._revivals = Revivals()
        self._next_at = 0
        self._said: tuple[str, ...] = ()
        metrics.WATCH_REVIVED.labels(channel.name)  # born with 0, so that the first one is seen to be one more

    async def turn(self) -> bool:
        """Look if it is time to; say whether a webhook was switched on, so that what it missed has to be read."""
        now = self._now()
        if now < self._next_at:
            return False
        self._next_at = now + max(EVERY_MS, self._channel.poll_every_ms)
        hooks = await self._look()
        if hooks is None:
            return False
        self._tell(hooks)
        revived = [await self._revive(number) for number in self._revivals.due(hooks, now)[:REVIVE_MAX]]
        return any(revived)

    async def _look(self) -> list[Hook] | None:
        """Return all webhooks whose address is ours, None where the channel does not say."""
        found, state = list[Hook](), self._watch.look()
        for _ in range(PAGES_MAX):
            verdict = await self._ask(state)
            if not isinstance(verdict, Hooks):
                return None
            found += verdict.found
            if verdict.next is None:
                break
            state = verdict.next
        metrics.WATCH_FAILURES.labels(self._channel.name).set(0)
        return found

    async def _ask(self, state: Any) -> Hooks[Any] | Revived | Later | Denied:
        answer = await self._call(self._watch.request(self._channel, self._secrets(), state))
        verdict = self._watch.read(self._channel, state, answer)
        if isinstance(verdict, Later | Denied):
            metrics.WATCH_FAILURES.labels(self._channel.name).inc()
            LOG.warning("webhooks are not watched: %s", verdict.why, extra={"channel": self._channel.name})
        return verdict

    def _tell(self, hooks: Sequence[Hook]) -> None:
        name = self._channel.name
        off = [hook for hook in hooks if not hook.on]
        lacking = tuple(missing(self._watch.TOPICS, hooks))
        metrics.WATCH_OFF.labels(name).set(len(off))
        metrics.WATCH_MISSING.labels(name).set(len(lacking))
        for hook in off:
            whose = "paused by an administrator, who alone switches it on" if hook.paused else "switched off"
            LOG.error("webhook %s (%s) has been %s", hook.number, hook.topic, whose, extra={"channel": name})
        if lacking != self._said:
            self._said = lacking
            if lacking:
                LOG.warning("no webhook for %s", ", ".join(lacking), extra={"channel": name})
            else:
                LOG.info("there is a webhook for every topic again", extra={"channel": name})

    async def _revive(self, number: str) -> bool:
        pause = self._revivals.tried(number, self._now())
        if not isinstance(await self._ask(self._watch.revive(number)), Revived):
            return False
        metrics.WATCH_REVIVED.labels(self._channel.name).inc()
        told = {"channel": self._channel.name}
        LOG.warning("webhook %s is on again; if it falls again it waits for %d s", number, pause // 1_000, extra=told)
        return True
