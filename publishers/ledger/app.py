"""The loop: take, write, say where we are; after any trouble begin again from what the database says."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from publishers.ledger import metrics
from publishers.ledger.batch import Batch, Taken
from publishers.ledger.consumer import Source
from publishers.ledger.places import place
from publishers.ledger.progress import Progress
from publishers.ledger.rows import feeds
from publishers.ledger.writer import OUTAGES, MovedError, Writer
from schemas.cluster import ClusterError, topic_ids
from schemas.config import Config, ConfigError, Secrets

log = logging.getLogger(__name__)

T = TypeVar("T")
TICK_S = 2.0
IDS_S = 60.0
DELAYS_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait after the first, second, ... failure in a row."""
STALLED_S = 120.0
"""A loop that has not turned for so long hangs: longer than any timeout inside it."""
TROUBLES = (*OUTAGES, MovedError, KafkaException, ClusterError, ConfigError)
"""`ConfigError` too: a secret's file is missing for a moment while it is rotated."""


class Ledger:
    """
    Reads Kafka, writes PostgreSQL, and keeps nothing in memory that it could not read again.

    Args:
        config: the deployment.
        secrets: where `POSTGRES_DSN` is found.

    """

    def __init__(self, config: Config, secrets: Secrets) -> None:
        self._config = config
        self._feeds = feeds(config.channel_names)
        self._writer = Writer(lambda: secrets.one("POSTGRES_DSN"))
        self._source = Source(config, self._feeds)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka")
        self._progress: Progress | None = None
        self._refused: dict[str, str] = {}
        self._failures, self._retry_at, self._trouble = 0, 0.0, ""
        self._tick_at = self._ids_at = 0.0
        self._turned_at = time.monotonic()
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stopping` is set; then leave the group and the database in order."""
        try:
            while not self.stopping.is_set():
                await self._turn()
                self._turned_at = time.monotonic()
        finally:
            await self._blocking(self._source.close)
            await self._writer.close()
            self._thread.shutdown(wait=False)

    async def _turn(self) -> None:
        limits = self._config.ledger
        try:
            taken = await self._blocking(lambda: self._source.take(limits.batch_max, limits.flush_ms / 1000))
            if self._progress is not None and self._source.reading:
                await self._keep(self._progress, taken)
            elif self._source.assigned and time.monotonic() >= self._retry_at:
                await self._begin()
        except TROUBLES as error:
            await self._suspend(error)

    async def _suspend(self, error: Exception) -> None:
        """Drop everything: the next beginning reads the positions, and with them whether the last batch was written."""
        await self._blocking(self._source.halt)
        await self._writer.close()
        self._progress = None
        delay = DELAYS_S[min(self._failures, len(DELAYS_S) - 1)]
        self._failures += 1
        self._retry_at = time.monotonic() + delay
        self._trouble = f"{type(error).__name__}: {error}"
        metrics.UP.set(not isinstance(error, (*OUTAGES, ConfigError)))
        metrics.SUSPENSIONS.inc()
        log.warning("the ledger is suspended", extra={"err": self._trouble, "retryInS": delay})

    async def _begin(self) -> None:
        """Ask the database where each assigned partition begins, and begin there."""
        await self._writer.connect()
        ids = await self._current_ids()
        marks = await self._blocking(self._source.marks)
        stored = await self._writer.open(ids, {slot: low for slot, (low, _) in marks.items()})
        places = {slot: place(stored[slot], *marks[slot]) for slot in marks}
        self._refused = {f"{topic}-{part}": p.refused for (topic, part), p in places.items() if p.refused}
        metrics.REFUSED.set(len(self._refused))
        kept = {slot: found for slot, found in places.items() if not found.refused}
        now = time.monotonic()
        progress = Progress(
            feeds=self._feeds,
            ids=ids,
            next_offset={slot: stored[slot] for slot in kept},
            seen_s=dict.fromkeys(places, now),
        )
        await self._write(progress, progress.expired(kept))
        await self._blocking(lambda: self._source.begin(progress.next_offset))
        self._progress, self._ids_at = progress, now + IDS_S
        log.info("reading", extra={"partitions": len(kept), "refused": self._refused})

    async def _keep(self, progress: Progress, taken: list[Taken]) -> None:
        now = time.monotonic()
        tick = now >= self._tick_at
        batch = progress.batch(taken, tick=tick)
        await self._write(progress, batch)
        if batch.moves:  # else nothing was asked of PostgreSQL, and nothing is proved
            self._failures, self._trouble = 0, ""
            metrics.UP.set(1)
        if tick:
            self._tick_at = now + TICK_S
            await self._tell(progress)
        if now >= self._ids_at:
            self._ids_at = now + IDS_S
            if await self._current_ids() != progress.ids:
                raise MovedError("a topic was deleted and made again")

    async def _write(self, progress: Progress, batch: Batch) -> None:
        if not batch.moves:
            return
        started = time.monotonic()
        counts = await self._writer.write(batch)
        progress.written(batch, time.monotonic())
        if batch.records:
            metrics.BATCH.observe(time.monotonic() - started)
            metrics.RECORDS.inc(batch.records)
        for table, count in counts.items():
            metrics.ROWS.labels(table).inc(count)

    async def _tell(self, progress: Progress) -> None:
        """Say how far we are, where people look: in the metrics, and as the consumer group's offsets in Kafka."""
        ends = await self._blocking(self._source.ends)
        for topic, lag in progress.lag(ends).items():
            metrics.LAG.labels(topic).set(lag)
        metrics.BEHIND.set(progress.behind_s(time.monotonic()))
        await self._blocking(lambda: self._source.tell(progress.next_offset))

    async def _current_ids(self) -> dict[str, str]:
        names = sorted({topic for topic, _ in self._source.assigned})
        return await asyncio.to_thread(topic_ids, self._config, names)

    async def _blocking(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    @property
    def alive(self) -> bool:
        """Say whether the loop turns; a PostgreSQL that is down is no reason to restart the ledger."""
        return time.monotonic() - self._turned_at < STALLED_S

    @property
    def ready(self) -> bool:
        """Say whether records are being written down."""
        return self._progress is not None and not self._refused

    def state(self) -> dict[str, Any]:
        """Return what `/healthz` tells."""
        progress = self._progress
        return {
            "alive": self.alive,
            "postgres": "up" if self._writer.up else "down",
            "trouble": self._trouble,
            "failures": self._failures,
            "partitions": len(progress.next_offset) if progress else 0,
            "behindS": round(progress.behind_s(time.monotonic()), 1) if progress else None,
            "refused": self._refused,
        }
