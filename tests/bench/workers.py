"""The alternatives as they are started: the processor, a plain transactional loop, Faust event by event."""

import json
from collections.abc import Mapping
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from compose.runner.processes import READY
from schemas.cluster import now_ms
from schemas.topics import STOCK_ADJUSTED
from tests.bench.rig import HERE, PARTITIONS, QUIET, Deployment, Rig, encoded
from tests.bench.samples import stocking

Settings = Mapping[str, Any]
PLAIN_SETTINGS: Mapping[str, Settings] = {
    "consume 1000, linger 2 ms": {"consume": 1_000, "linger_ms": 2},
    "consume 5000, linger 20 ms": {"consume": 5_000, "linger_ms": 20},
    "consume 1000, uncompressed": {"consume": 1_000, "linger_ms": 5, "compression": "none"},
}
"""What somebody who tunes the plain loop would try; the fastest counts.  Transactions last 100 ms in all of them."""
FAUST_SETTINGS: Mapping[str, Settings] = {
    "defaults": {},
    "buffer 65536": {"stream_buffer_maxsize": 65_536, "stream_wait_empty": False},
    "buffer 65536, linger 20 ms": {"stream_buffer_maxsize": 65_536, "producer_linger": 0.02},
}
"""Likewise for the agent."""
AGENT = "faust-per-event"
LINES_CHANGELOG, LEVELS_CHANGELOG = (f"{AGENT}-{table}-changelog" for table in ("lines", "levels"))


def ours(running: Rig, name: str, partitions: int = PARTITIONS, **processor: object) -> Deployment:
    """Deploy the processor's topics; `start_ours` runs it."""
    return running.deploy(name, partitions=partitions, processor=processor)


def start_ours(running: Rig, found: Deployment, *names: str, full: bool = True) -> None:
    """Start a worker for each of `names`; not `full`: one that writes no headers."""
    script = ("-m", "processor") if full else (str(HERE / "without_headers.py"),)
    for name in names:
        argv = (*script, "--config", str(found.path), "--instance", name)
        found.workers.append(running.start(f"{found.config.kafka.prefix}{name}", *argv, ready=READY))


def fill_shelves(found: Deployment, skus: int) -> None:
    """Give every SKU stock, and wait until that is decided."""
    found.produce(encoded(stocking(skus, now=now_ms())))
    found.drained(STOCK_ADJUSTED)


def plain(running: Rig, name: str, partitions: int = PARTITIONS) -> Deployment:
    """Deploy the plain loop's topics."""
    return running.deploy(name, "plain", partitions)


def start_plain(running: Rig, found: Deployment, settings: Settings, *, full: bool = True) -> None:
    """Start the plain loop."""
    argv = (str(HERE / "plain_loop.py"), str(found.path), json.dumps({**settings, "headers": full}))
    found.workers.append(running.start(f"{found.config.kafka.prefix}loop", *argv, ready=None))


def per_event(running: Rig, name: str, partitions: int = PARTITIONS) -> Deployment:
    """Deploy the agent's topics, its tables' too: Faust fails when orders come before it knows those that it made."""
    found = running.deploy(name, AGENT, partitions)
    admin = AdminClient(found.config.kafka.client() | QUIET)
    compact = {"cleanup.policy": "compact,delete"}
    topics = [found.config.kafka.topic(name) for name in (LINES_CHANGELOG, LEVELS_CHANGELOG)]
    new = [NewTopic(each, num_partitions=partitions, replication_factor=1, config=compact) for each in topics]
    for future in admin.create_topics(new).values():
        future.result(30)
    return found


def start_per_event(running: Rig, found: Deployment, settings: Settings, *, full: bool = True) -> None:
    """Start the agent that decides event by event; not `full`: one whose output are its changelogs."""
    argv = (str(HERE / "faust_per_event.py"), str(found.path), json.dumps({**settings, "headers": full}))
    found.workers.append(running.start(f"{found.config.kafka.prefix}agent", *argv, ready=None))
