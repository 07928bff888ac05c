"""
The two Faust tables, and what stands in the place of Faust's recovery.

Departures from Faust, each with its reason:

- A table's changelog *is* the public topic of the same name, and its rows are in a store of the lane's.
  `table[key] = value` is never used: it would write beside the transaction.
- The recovery service only starts lanes.  Faust's own ends for ever and without a word when one of its steps takes
  longer than `broker_request_timeout`, never ends where a changelog ends in transaction markers, can resume streams
  before it has sought, and reads retained partitions again (tables/recovery.py, 0.15.3).
- The manager does not sleep for a second before it starts.
"""

import asyncio
from functools import partial
from typing import Any, cast

import faust
from faust.tables import TableManager
from faust.types import TP
from mode import Service


class LaneTable(faust.Table[bytes, bytes]):
    """A table that lanes write, by transactions, and read, from their stores."""

    def _changelog_topic_name(self) -> str:
        return str(self.name)

    def apply_changelog_batch(self, batch: Any) -> None:
        """Refuse: lanes read changelogs themselves."""
        raise NotImplementedError


class LaneStarter(Service):
    """Has the part of Faust's `Recovery` that its table manager calls."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        """Belong to `app`."""
        super().__init__(**kwargs)
        self.app = app
        self.completed = asyncio.Event()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Do nothing: the consumer has paused the lanes already."""

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002 - Faust's signature
        newly_assigned: set[TP],  # noqa: ARG002 - likewise
        generation_id: int = 0,
    ) -> None:
        """
        Open the lanes of this assignment.

        Faust calls this as the last step of a rebalance.  Lanes open in tasks of their own, while the group's
        heartbeats go on; fetching is resumed at once, for lanes that are open.
        """
        app = self.app
        # A source partition is assigned to one worker, its active owner; only tables' topics have standbys.
        mine = {tp.partition for tp in assigned if tp.topic in app.source_of}
        others = {tp.partition for tp in assigned if tp.topic in app.tables.changelog_topics} - mine
        current = partial(_is_generation, app, generation_id)
        await app.lanes.assign(mine, others, current, app.consumer.rewind)
        await app.consumer.rewind({})  # fetches nothing of the tables' topics, though it has no partition to open
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()  # noqa: SLF001 - Faust's own recovery starts it here too
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        await app.on_rebalance_complete.send()
        app.on_rebalance_end()
        self.completed.set()


def _is_generation(app: Any, generation_id: int) -> bool:
    return bool(app.consumer_generation_id == generation_id)


class LaneTables(TableManager):
    """The table manager, with the service above for its recovery."""

    @property
    def recovery(self) -> LaneStarter:  # type: ignore[override] # it stands in for Faust's
        """Return the service that Faust tells of assignments."""
        starter: Any = self._recovery
        if starter is None:
            starter = LaneStarter(self.app, beacon=self.beacon, loop=self.loop)
            self._recovery = starter
        return cast("LaneStarter", starter)

    async def on_start(self) -> None:
        """Start without Faust's second of sleep: all tables are declared before the app starts."""
        await self._update_channels()
        await self.recovery.start()
