"""One worker from start to end: the parts put together, the watchdog, the drain."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from processor import options
from processor.app import App, make
from processor.deck import Deck
from processor.exits import Exit, FatalError
from processor.lanes import Lanes
from processor.limit import Limit
from processor.metrics import Metrics
from processor.pulse import Pulse
from processor.reader import Reader, transient
from processor.sources import Source
from processor.stock import Settings
from processor.store import Shelf
from processor.store_folder import Folder
from processor.store_memory import MemoryShelf
from processor.warming import warm_up
from processor.watching import health, jobs
from processor.web import address, serve
from processor.writer import Names
from schemas.cluster import TopicIds, crew, members, now_ms
from schemas.settings import Config, Store
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

log = logging.getLogger(__name__)

DRAIN_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; `instance` is the worker's lasting name in the group, "" for none."""

    host: str
    port: int
    instance: str


async def run(config: Config, chosen: Options) -> NoReturn:
    """Work until SIGTERM or SIGINT, or until it has to end; it is the process that ends, with a code per cause."""
    try:
        await _work(config, chosen)
    except FatalError as fatal:
        end(fatal)
    except Exception as error:
        if transient(error):
            end(FatalError(Exit.CLUSTER, f"the brokers have gone away while the worker started: {error}"))
        log.exception("crashed")
        end(FatalError(Exit.CRASHED, repr(error)))


async def _work(config: Config, chosen: Options) -> NoReturn:
    deck = deck_for(config, chosen.instance)
    await deck.reader.start()
    lanes = Lanes(deck)
    app = make(config, deck, lanes, chosen.instance)
    runner = await serve(chosen.host, chosen.port, lambda: health(lanes), deck.metrics.registry)
    host, port = address(runner)
    print(f"READY {host}:{port}", flush=True)  # noqa: T201 - how a supervisor learns the address
    stopped = _stop_signals()
    pulse = Pulse(partial(end, FatalError(Exit.STALLED, "the event loop stands still")))
    joining = asyncio.create_task(_join(app, lanes, config))
    working = [joining, *(asyncio.create_task(work) for work in jobs(app, lanes, pulse))]
    for task in working:
        task.add_done_callback(lambda done: _ended(done, lanes))
    fatal = await _first(stopped, lanes.failed)
    if fatal is not None:
        raise fatal
    if not app.started:
        joining.cancel()
    await _drain(app, lanes)
    # Everything is committed and given up: what is left are connections, and a look-up may take its 10 s.
    _flush()
    os._exit(Exit.OK)


async def _join(app: App, lanes: Lanes, config: Config) -> None:
    processor = config.processor
    await warm_up(lanes, handed_over=processor.standbys > 0 and processor.store is Store.MEMORY)
    await app.start()


def _ended(task: asyncio.Task[object], lanes: Lanes) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        lanes.fail(error)


def deck_for(config: Config, instance: str = "") -> Deck:
    """Return the fixed parts of a worker, or of a command beside the workers; nothing is connected yet."""
    client = options.client(config.kafka)
    names = Names(group=config.kafka.group("processor"), prefix=config.kafka.prefix)

    topic_ids = TopicIds(config)

    def ids() -> Mapping[Source, str]:
        found = topic_ids([source.value for source in Source])
        return {source: found[source.value] for source in Source}

    def table_ids() -> Mapping[str, str]:
        return topic_ids([STOCK_LEVEL, ORDER_OUTCOME])

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
        limit=Limit(most=config.processor.dead_letters_max, window=config.processor.dead_letters_window),
        table_ids=table_ids,
        shelf=_shelf(config, instance),
        instance=instance,
        holders=partial(members, config, "processor"),
        crew=partial(crew, config, "processor"),
    )


def _shelf(config: Config, instance: str) -> Shelf:
    if config.processor.store is Store.MEMORY:
        return MemoryShelf()
    return Folder(config.processor.state_dir, config.kafka.group("processor"), instance)


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


async def _drain(app: App, lanes: Lanes) -> None:
    """Finish what is under way, then leave the group; raises `FatalError` when that takes too long."""
    log.info("draining")
    try:
        async with asyncio.timeout(DRAIN_S):
            await lanes.drain()
            log.info("all transactions are finished")
            if app.started:
                await app.stop()
    except TimeoutError:
        reason = f"not drained within {DRAIN_S:g} s: the next owner of the partitions sorts it out"
        raise FatalError(Exit.DRAIN_TIMEOUT, reason) from None


def end(fatal: FatalError) -> NoReturn:
    """Say why and end the process now: nothing may be flushed or committed on the way out."""
    log.critical("%s", fatal.reason, extra={"exit": int(fatal.code), "cause": fatal.code.name.lower()})
    _flush()
    os._exit(fatal.code)


def _flush() -> None:
    with contextlib.suppress(OSError):
        for handler in logging.getLogger().handlers:
            handler.flush()
