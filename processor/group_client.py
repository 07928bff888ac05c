"""The group's client, which says so when its membership ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiokafka


class GroupClient(aiokafka.AIOKafkaConsumer):  # type: ignore[misc] # aiokafka ships no types
    """
    The client that is the group's member; `lost` is told when its membership has ended with an error.

    aiokafka's routine for the group ends for good on whatever it does not expect, and says so only to whoever polls
    next; a worker without an assignment polls nothing.  A broker that has just come up, and does not know itself yet,
    is enough.
    """

    def __init__(self, lost: Callable[[BaseException], None], **settings: Any) -> None:
        """Take aiokafka's own settings."""
        super().__init__(**settings)
        self._lost = lost

    async def start(self) -> None:
        """Connect and join."""
        await super().start()
        self._coordinator._coordination_task.add_done_callback(self._left)  # noqa: SLF001 - nothing else tells

    def _left(self, routine: asyncio.Task[None]) -> None:
        if not routine.cancelled() and (error := routine.exception()) is not None:
            self._lost(error)
