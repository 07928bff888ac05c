"""How far a reading on demand has come: a bar for people once it takes a while, log lines for everybody else."""

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ingest.poll.kind import zulu

LOG = logging.getLogger(__name__)
QUIET_S = 2.0
"""What is done before that needs no bar."""
EVERY_S = 0.2
TOLD_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reading stands: what it does, orders so far, and the channel's time from, at and to which (ms)."""

    doing: str
    orders: int = 0
    since: int = 0
    reached: int = 0
    until: int = 0

    @property
    def share(self) -> float:
        """Return how much of the time has been read, 0 to 1."""
        span = self.until - self.since
        return 0.0 if span <= 0 else min(1.0, max(0.0, (self.reached - self.since) / span))


async def show(label: str, place: Callable[[], Place]) -> None:
    """Show a reading's progress until cancelled: a bar on standard error where that is a terminal, else log lines."""
    await asyncio.sleep(QUIET_S)
    if sys.stderr.isatty():
        await _bar(label, place)
    while True:
        await asyncio.sleep(TOLD_EVERY_S)
        now = place()
        LOG.info("%s: %d orders, read up to %s", now.doing, now.orders, zulu(now.reached))


async def _bar(label: str, place: Callable[[], Place]) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=1.0)
        while True:
            now = place()
            told = f"{label}: {now.doing}" + (f", {now.orders} orders, {zulu(now.reached)}" if now.orders else "")
            progress.update(task, description=told, completed=now.share)
            await asyncio.sleep(EVERY_S)
