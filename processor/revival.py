"""How a partition that has stopped goes on: its position was written since, so an operator has decided."""

from processor.lanes import Lanes
from processor.transactions import State


async def revive(lanes: Lanes) -> None:
    """
    Open those stopped lanes anew whose positions were written since they stopped.

    `skip` and `resume` write them in a transaction of the partition's own producer, so whoever owns the partition
    finds the decision, and finds it once.  A position that is gone was written by nobody: brokers forget those of a
    deleted topic.
    """
    stopped = [lane for lane in lanes.all.values() if lane.state is State.WEDGED]
    if not stopped:
        return
    places = {lane.partition: list(lanes.deck.sources(lane.partition).values()) for lane in stopped}
    found = await lanes.deck.reader.committed([tp for tps in places.values() for tp in tps])
    for lane in stopped:
        if any(found[tp] != lane.seen.get(tp) for tp in places[lane.partition] if tp in found):
            await lanes.reopen(lane)
