"""A channel's listings, read to their end: ask, wait as the channel says, ask again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.discover.found import Catalogue
from ingest.discover.kind import Discovery, Found, Listed
from ingest.poll.ask import Asker
from ingest.poll.grant import Tokens
from ingest.poll.kind import Answer, Denied, Later, Request
from ingest.replay import Advance
from schemas.cluster import now_ms
from schemas.settings import Channel

TRIES = 5
"""Failures in a row after which the channel counts as away."""


class Away(Exception):  # noqa: N818 - named for the reaction it demands
    """The channel did not answer; nothing was changed and the same command may be given again."""


class AccessDenied(Exception):  # noqa: N818 - named for the reaction it demands
    """The channel refuses the credentials."""


async def _sleep(ms: int) -> None:
    await asyncio.sleep(ms / 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a reading works with."""

    call: Callable[[Request], Awaitable[Answer]]
    secrets: Callable[[], Sequence[str]]
    tokens: Tokens | None = None
    now_ms: Callable[[], int] = now_ms
    sleep_ms: Callable[[int], Awaitable[None]] = _sleep


async def read_all(channel: Channel, kind: Discovery[Any], means: Means, advance: Advance) -> Catalogue:
    """
    Return everything that a channel lists; raises `Away` or `AccessDenied`.

    Args:
        channel: the account.
        kind: how it is asked.
        means: how calls are made.
        advance: told how many listings came, page by page.

    """
    asker, state, failures = Asker(channel, kind, means), kind.start(), 0
    found: dict[str, Found] = {}
    unread: list[str] = []
    while state is not None:
        verdict = (await asker.ask(state)).verdict
        if isinstance(verdict, Denied):
            raise AccessDenied(verdict.why)
        if isinstance(verdict, Later):
            failures += 1
            if failures >= TRIES:
                raise Away(f"{verdict.why}, {failures} times in a row")
            await asker.again(verdict, failures)
            continue
        failures, state = 0, verdict.next
        if isinstance(verdict, Listed):
            advance(len(verdict.found))
            found.update((one.listing_id, one) for one in verdict.found)
            unread += verdict.unread
    return Catalogue(channel=channel.name, found=tuple(found.values()), unread=tuple(unread), whole=kind.WHOLE)
