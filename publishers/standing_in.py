"""
Standing in for a channel's publisher: a command that calls the channel takes the place of the active one meanwhile.

Shares of a channel's limits are fixed, so two processes that call by the same one would go over it.  A publisher that
is started meanwhile stands by, as beside any other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from publishers.membership import SESSION_MS, Membership, group
from schemas.cluster import ClusterError, crew
from schemas.settings import Config

PLACE_S = SESSION_MS / 1_000 + 9
"""How long to wait for the place: a group takes its time, and a publisher may have been quicker."""

TAKEN = "a publisher of it is running, and would read by the same limit at the same time: stop it meanwhile"


class TakenError(Exception):
    """The channel has publishers, or whether it has cannot be asked: call nothing."""


@asynccontextmanager
async def standing_in(config: Config, channel: str, within_s: float = PLACE_S) -> AsyncIterator[Membership]:
    """
    Own a channel without being its publisher; `owned` of what is yielded says whether that is still so.

    Raises `TakenError` when the channel has publishers, or the place is not ours within `within_s` seconds.
    """
    await asyncio.to_thread(_nobody, config, channel)
    wake = asyncio.Event()
    membership = Membership(config, channel, wake, None)
    membership.start()
    try:
        await _owning(membership, wake, within_s)
        yield membership
    finally:
        await asyncio.to_thread(membership.close)


def _nobody(config: Config, channel: str) -> None:
    try:
        found = crew(config, group(channel))
    except (ClusterError, TimeoutError) as error:
        raise TakenError(f"whether a publisher is active cannot be asked: {error}") from None
    if found:
        raise TakenError(TAKEN)


async def _owning(membership: Membership, wake: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            while not membership.owned and membership.failed is None:
                await wake.wait()
                wake.clear()
    except TimeoutError:
        raise TakenError(TAKEN) from None
    if membership.failed is not None:
        raise TakenError(f"whether a publisher is active cannot be asked: {membership.failed}")
