"""
The two Faust tables, and what stands in the place of Faust's recovery.

Departures from Faust, each with its reason:

- A table's changelog *is* the public topic of the same name, and its memory is one dictionary of bytes a partition.
  `table[key] = value` is never used: it would write beside the transaction.
- The recovery service only starts lanes.  Faust's own ends for ever and without a word when one of its steps takes
  longer than `broker_request_timeout`, never ends where a changelog ends in transaction markers, can resume streams
  before it has sought, and reads retained partitions again (tables/recovery.py, 0.15.3).
- The manager does not sleep for a second before it starts.
"""

import asyncio
from typing import Any

import faust
from faust.tables import TableManager
from faust.types import TP
from mode import Service

from processor.store import Partitions


class LaneTable(faust.Table):  # type: ignore[misc] # Faust ships no types
    """A table that lanes write, by transactions, and read, by partition."""

    partitions_memory: Partitions

    def _changelog_topic_name(self) -> str:
        return str(self.name)

    def apply_changelog_batch(self, batch: Any) -> None:
        """Refuse: lanes read changelogs themselves."""
        raise NotImplementedError


class LaneStarter(Service):  # type: ignore[misc] # mode ships no types that fit strict mode
    """Has the part of Faust's `Recovery` that its table manager calls."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        """Belong to `app`."""
        super().__init__(**kwargs)
        self.app = app
        self.completed = asyncio.Event()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Do nothing: the consumer has paused the lanes already."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """
        Open the lanes of this assignment.

        Faust calls this as the last step of a rebalance.  Lanes open in tasks of their own, while the group's
        heartbeats go on; fetching is resumed at once, for lanes that are open.
        """
        app = self.app
        sources = set(app.deck.sources(0).values())
        topics = {tp.topic for tp in sources}
        mine = {
            tp.partition for tp in app.assignor.assigned_actives() | assigned if tp.topic in topics and tp in assigned
        }
        await app.lanes.assign(mine, lambda: bool(app.consumer_generation_id == generation_id), app.consumer.rewind)
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        await app.on_rebalance_complete.send()
        app.on_rebalance_end()
        self.completed.set()


class LaneTables(TableManager):  # type: ignore[misc] # Faust ships no types
    """The table manager, with the service above for its recovery."""

    @property
    def recovery(self) -> LaneStarter:
        """Return the service that Faust tells of assignments."""
        if self._recovery is None:
            self._recovery = LaneStarter(self.app, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Start without Faust's second of sleep: all tables are declared before the app starts."""
        await self._update_channels()
        await self.recovery.start()
