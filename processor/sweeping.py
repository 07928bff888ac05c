"""Lines that have grown old leave the tables, a few at a time, beside the lanes' own work."""

import asyncio

from processor.expiry import Passed, cutoff
from processor.lanes import Lanes
from processor.transactions import State

ROWS = 1_000
"""Rows looked at before others have their turn."""


async def sweep(lanes: Lanes, passed: Passed) -> None:
    """Forget what may be forgotten in every open lane's store, and count what is left; raises `StoreError`."""
    deck, until = lanes.deck, passed.until()
    rows = {"levels": 0, "lines": 0}
    for lane in lanes.open_lanes():
        if lane.partition in until:
            before = cutoff(until[lane.partition], deck.settings.horizon_ms)
            looked = ROWS
            while looked >= ROWS and lane.state is State.OPEN:
                looked = lane.view.store.sweep(before, ROWS)
                deck.metrics.forgotten.inc(looked)
                await asyncio.sleep(0)
        rows["levels"] += len(lane.view.levels)
        rows["lines"] += len(lane.view.lines)
    for table, count in rows.items():
        deck.metrics.rows.labels(table).set(count)
