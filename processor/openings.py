"""The openings of lanes that are under way: a task each, and a few at a time read their tables back."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from aiokafka.errors import IllegalStateError

from processor.opening import OvertakenError

AT_ONCE = 4
"""Lanes that read their tables back at the same time."""


class Openings:
    """
    The tasks by partition; `failed` is told what ends the worker.

    `slots` is held by whoever reads, never by one that waits for brokers to come round: its trouble is not others'.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        """Start with none."""
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.slots = asyncio.Semaphore(AT_ONCE)
        self._failed = failed

    def begin(self, partition: int, opening: Coroutine[Any, Any, None]) -> None:
        """Open a partition's lane in a task of its own."""
        self.tasks[partition] = task = asyncio.create_task(opening, name=f"open-{partition}")
        task.add_done_callback(partial(self._ended, partition))

    def cancel(self) -> list[asyncio.Task[None]]:
        """Stop all of them, and return what is to be awaited."""
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    def _ended(self, partition: int, task: asyncio.Task[None]) -> None:
        if self.tasks.get(partition) is task:
            del self.tasks[partition]
        error = None if task.cancelled() else task.exception()
        if error is None or isinstance(error, OvertakenError | IllegalStateError):
            return  # a rebalance came in between: the next assignment opens it
        self._failed(error)
