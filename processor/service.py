"""One worker from start to end: the parts put together, the watchdog, the drain."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from aiokafka import TopicPartition

from processor import options
from processor.app import App, make
from processor.deck import Deck
from processor.exits import Exit, FatalError
from processor.lane import State
from processor.lanes import Lanes
from processor.metrics import Metrics
from processor.reader import Reader
from processor.sources import Source
from processor.stock import Settings
from processor.web import Health, address, serve
from processor.writer import Names
from schemas.cluster import ClusterError, now_ms, topic_ids
from schemas.settings import Config

log = logging.getLogger(__name__)

STALLED_S = 120.0
"""An assignment, a recovery or a transaction that takes longer ends the worker: it hangs, or the cluster is down."""
DRAIN_S = 9.0
WATCH_S = 1.0
LAG_S = 5.0
IDENTITY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; `instance` is the worker's lasting name in the group, "" for none."""

    host: str
    port: int
    instance: str


async def run(config: Config, chosen: Options) -> Exit:
    """Work until SIGTERM or SIGINT; ends the process at once, without coming back, when it has to."""
    try:
        return await _work(config, chosen)
    except FatalError as fatal:
        end(fatal)
    except Exception as error:
        log.exception("crashed")
        end(FatalError(Exit.CRASHED, repr(error)))


async def _work(config: Config, chosen: Options) -> Exit:
    deck = _deck(config)
    await deck.reader.start()
    lanes = Lanes(deck)
    app = make(config, deck, lanes, chosen.instance)
    runner = await serve(chosen.host, chosen.port, lambda: _health(lanes), deck.metrics.registry)
    host, port = address(runner)
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - how a supervisor learns the address
    stopped = _stop_signals()
    working = [asyncio.create_task(work) for work in (app.start(), _watch(app, lanes), _lag(lanes), _identity(lanes))]
    for task in working:
        task.add_done_callback(lambda done: _ended(done, lanes))
    fatal = await _first(stopped, lanes.failed)
    if fatal is not None:
        raise fatal
    await _drain(app, lanes)
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    await runner.cleanup()
    await deck.reader.stop()
    return Exit.OK


def _ended(task: asyncio.Task[object], lanes: Lanes) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        lanes.fail(error)


def _deck(config: Config) -> Deck:
    client = options.client(config.kafka)
    names = Names(group=config.kafka.group("processor"), prefix=config.kafka.prefix)

    def ids() -> Mapping[Source, str]:
        found = topic_ids(config, [source.value for source in Source])
        return {source: found[source.value] for source in Source}

    return Deck(
        client=client,
        names=names,
        partitions=config.kafka.partitions,
        batch_max=config.processor.batch_max,
        settings=Settings(
            default_policy=config.processor.policy,
            policies=config.processor.sku_policies,
            since={channel.name: channel.since for channel in config.channels},
            horizon_ms=config.processor.horizon_ms,
        ),
        reader=Reader(client, names.group),
        metrics=Metrics(),
        now=now_ms,
        topic_ids=ids,
    )


def _stop_signals() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


async def _first(stopped: asyncio.Event, failed: asyncio.Future[FatalError]) -> FatalError | None:
    stop = asyncio.create_task(stopped.wait())
    both: set[asyncio.Future[Any]] = {stop, failed}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    return failed.result() if failed.done() else None


def _health(lanes: Lanes) -> Health:
    states = lanes.states
    for state in State:
        lanes.deck.metrics.lanes.labels(state.value).set(states[state.value])
    return Health(progressing=lanes.stuck_s < STALLED_S / 2, ready=lanes.ready, lanes=dict(states), wedged=lanes.wedged)


async def _watch(app: App, lanes: Lanes) -> None:
    """End the worker when something hangs, or when Faust has crashed: a restart recovers, waiting may not."""
    while True:
        await asyncio.sleep(WATCH_S)
        if app.crashed:
            lanes.fail(FatalError(Exit.CRASHED, f"Faust: {app.crash_reason!r}"))
        elif (stuck := lanes.stuck_s) > STALLED_S:
            lanes.fail(FatalError(Exit.STALLED, f"no progress for {stuck:.0f} s: lanes {dict(lanes.states)}"))


async def _lag(lanes: Lanes) -> None:
    deck = lanes.deck
    while True:
        await asyncio.sleep(LAG_S)
        mine: dict[TopicPartition, int] = lanes.positions()
        ends = await deck.reader.ends(list(mine)) if mine else {}
        lanes.progress.note(mine, ends, time.monotonic())
        deck.metrics.lag.clear()  # a partition that went to another worker is that one's to tell
        for tp, position in mine.items():
            deck.metrics.lag.labels(tp.topic.removeprefix(deck.names.prefix), tp.partition).set(ends[tp] - position)


async def _identity(lanes: Lanes) -> None:
    """
    Look for source topics that were deleted and made again.

    The consumer goes by names: where the new log is longer already than the old position, it reads on as if nothing had
    happened, and the records before are lost.  Where it is shorter, the lane sees the jump at once.
    """
    while True:
        await asyncio.sleep(IDENTITY_S)
        try:
            lanes.identify(await asyncio.to_thread(lanes.deck.topic_ids))
        except (ClusterError, TimeoutError) as error:
            log.warning("the topics' ids cannot be looked up: %s", error)


async def _drain(app: App, lanes: Lanes) -> None:
    """Finish what is under way, then leave the group; raises `FatalError` when that takes too long."""
    log.info("draining")
    try:
        async with asyncio.timeout(DRAIN_S):
            await lanes.drain()
            await app.stop()
    except TimeoutError:
        reason = f"not drained within {DRAIN_S:g} s: the next owner of the partitions sorts it out"
        raise FatalError(Exit.DRAIN_TIMEOUT, reason) from None


def end(fatal: FatalError) -> NoReturn:
    """Say why and end the process now: nothing may be flushed or committed on the way out."""
    log.critical("%s", fatal.reason, extra={"exit": int(fatal.code), "cause": fatal.code.name.lower()})
    with contextlib.suppress(OSError):
        for handler in logging.getLogger().handlers:
            handler.flush()
    os._exit(fatal.code)
