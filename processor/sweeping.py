"""Lines that have grown old leave the tables, a few at a time, beside the lanes' own work."""

import asyncio

from aiokafka import TopicPartition

from processor.expiry import Passed, cutoff
from processor.lanes import Lanes
from processor.store import Store

ROWS = 1_000
"""Rows looked at before others have their turn."""


async def followed(lanes: Lanes) -> dict[TopicPartition, int]:
    """Return how far the owners of the partitions that are followed here have decided their sources."""
    deck = lanes.deck
    tps = [tp for partition in lanes.standbys.stores() for tp in deck.sources(partition).values()]
    committed = await deck.reader.committed(tps) if tps else {}
    return {tp: position.offset for tp, position in committed.items()}


async def sweep(lanes: Lanes, passed: Passed) -> None:
    """Forget what may be forgotten in every store, and count what is left in the lanes'; raises `StoreError`."""
    deck, until = lanes.deck, passed.until()
    for partition, before in until.items():
        looked = ROWS
        # Between two steps a store may be closed, or go from a standby to a lane.
        while looked >= ROWS and (store := _store(lanes, partition)) is not None:
            looked = store.sweep(cutoff(before, deck.settings.horizon_ms), ROWS)
            deck.metrics.forgotten.inc(looked)
            await asyncio.sleep(0)
    views = [lane.view for lane in lanes.open_lanes()]
    deck.metrics.rows.labels("levels").set(sum(len(view.levels) for view in views))
    deck.metrics.rows.labels("lines").set(sum(len(view.lines) for view in views))


def _store(lanes: Lanes, partition: int) -> Store | None:
    owned = {lane.partition: lane.view.store for lane in lanes.open_lanes()}
    return owned.get(partition) or lanes.standbys.stores().get(partition)
