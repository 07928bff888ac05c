"""
A worker warms up before it joins: it follows all tables as a standby does, and joins when it has them.

A partition that it is given stands still from the rebalance until its tables are here.  Whoever has it meanwhile goes
on deciding, so nothing waits for the reading.  Where nobody else is in the group, there is nothing to gain.
"""

import asyncio
import logging
import time

from aiokafka.errors import KafkaError

from processor.deck import Deck
from processor.lanes import Lanes
from schemas.cluster import ClusterError

log = logging.getLogger(__name__)

WARM_S = 600.0
"""It joins after this long in any case, and its lanes read the rest."""
LOOK_S = 0.05


async def warm_up(lanes: Lanes, *, handed_over: bool) -> None:
    """
    Return when it is time to join.

    Args:
        lanes: a worker's that has not joined yet; what its standbys have goes to its lanes at the first assignment,
            which also lets go of what is not this worker's.
        handed_over: whether the group's other members have warm standbys, and this worker has kept nothing, so that
            partitions which the group still holds for its name are better off with them until it is warm.

    """
    deck = lanes.deck
    try:
        others = await _others(deck, handed_over=handed_over)
    except (ClusterError, KafkaError, TimeoutError) as error:
        log.warning("the group's members cannot be looked up, so nothing is warmed up: %s", error)
        return
    if others:
        await _follow(lanes)


async def _others(deck: Deck, *, handed_over: bool) -> bool:
    """Return whether others decide what this worker would, while it warms up."""
    crew = await asyncio.to_thread(deck.crew)
    former = [member for member, name in crew.items() if name and name == deck.instance]
    if len(crew) == len(former):
        return False
    if former and not handed_over:
        return False  # the group waits for it: joining at once is the soonest that anybody decides
    for member in former:
        log.info("the group still holds partitions for %s: the others have them meanwhile", deck.instance)
        await deck.reader.expel(member)
    return True


async def _follow(lanes: Lanes) -> None:
    deck, began = lanes.deck, time.monotonic()
    wanted = set(range(deck.partitions))
    log.info("warms up before it joins: %d partitions", len(wanted))
    await lanes.standbys.follow(wanted)
    while (left := len(lanes.standbys.pending())) and time.monotonic() - began < WARM_S:
        deck.metrics.warming.set(left)
        await asyncio.sleep(LOOK_S)
    deck.metrics.warming.set(0)
    about = {"seconds": round(time.monotonic() - began, 3), "records": lanes.standbys.read_back}
    log.info("warm: %d of %d partitions", len(lanes.standbys.stores()), len(wanted), extra=about)
