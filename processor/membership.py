"""
A worker's lasting name in the group: what static membership lacks in aiokafka 0.14.

- A static member does not leave when it is closed, so that it may come back.  Where another worker is there to take
  its partitions over at once, it leaves all the same: a restart takes longer than a warm standby needs, in a cluster
  much longer.  Where nobody else is, it stays a member: back within its session, it has its partitions at once, and
  need not wait for the group to form anew.
- A member that the group does not know any more joins again.  Where it was replaced by another worker of the same
  name (aiokafka's heartbeats carry no name, so the broker cannot say so), the two would take the name from each other
  for ever; so it looks first who has it.
"""

import asyncio
import logging
from typing import Any

from processor.exits import Exit, FatalError
from processor.lanes import Lanes
from schemas.cluster import ClusterError

log = logging.getLogger(__name__)


def let_go(consumer: Any, assignor: Any) -> None:
    """Make `consumer` leave the group when it is closed, if there is another member."""
    if len(assignor.changelog_distribution) > 1:
        consumer._coordinator._group_instance_id = None  # noqa: SLF001 - what its own close looks at


def forgotten(consumer: Any) -> bool:
    """Whether the group has told a static member that it does not know it."""
    coordinator = consumer._coordinator  # noqa: SLF001 - nobody else knows
    return coordinator._group_instance_id is not None and not coordinator.member_id  # noqa: SLF001 - likewise


def member_id(consumer: Any) -> str:
    """Return the id under which the group knows `consumer`, "" for none."""
    return str(consumer._coordinator.member_id)  # noqa: SLF001 - likewise


async def check_name(lanes: Lanes, own: str) -> None:
    """
    End the worker if another one goes by its name; to be called when the group does not know it any more.

    `own` is the id under which the group knew it last: its own entry outlives a generation that it has missed.
    """
    if not lanes.joined:
        return  # it has never been a member: it is the newcomer
    deck = lanes.deck
    try:
        holders = await asyncio.to_thread(deck.holders)
    except (ClusterError, TimeoutError) as error:
        log.warning("the group's members cannot be looked up: %s", error)
        return
    if holders.get(deck.instance, own) != own:
        lanes.fail(FatalError(Exit.FENCED, f"another worker goes by the name {deck.instance!r}"))
        await asyncio.Event().wait()  # or it would join again before the process has ended
