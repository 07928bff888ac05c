"""The system under test, put together: brokers, links, workers, load, and whoever watches."""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from compose.runner.cluster import Cluster
from compose.runner.deployment import create_topics, write_config
from compose.runner.image import prepare
from compose.runner.jars import fetch
from compose.runner.processes import Supervisor
from compose.runner.stack import default_cache, scratch_folder
from tests.faults import disk
from tests.faults.fleet import Fleet, Slot, program
from tests.faults.load import Load
from tests.faults.orders import CHANNEL, Book
from tests.faults.proxy import Proxies
from tests.faults.reading import Reader
from tests.faults.watch import Watch

PARTITIONS = 6
SKUS = 300
SESSION_MS = 6_000
BATCH_MAX = 200
PREFIX = "faults."
HOMES = 2
EXTRA = "storm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the command line chose; `store` is memory, rocksdb or both."""

    seed: int
    brokers: int
    store: str
    rate: float
    mutant: str = ""


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that a fault can touch; `broker` is held by the fault that has a broker down."""

    choice: Choice
    data: Path
    config: Path
    supervisor: Supervisor
    cluster: Cluster
    proxies: Proxies
    fleet: Fleet
    load: Load
    watch: Watch
    reader: Reader
    own_disks: bool
    broker: threading.Lock = field(default_factory=threading.Lock)

    def note(self, text: str) -> None:
        """Show progress."""
        say(text)


def say(text: str) -> None:
    """Write a line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def topic(name: str) -> str:
    """Return a topic's real name."""
    return PREFIX + name


@contextmanager
def world(choice: Choice) -> Iterator[World]:
    """Run everything but load and workers' wishes while the block runs; nothing of it stays unless `keep` was said."""
    own_disks = disk.alone()
    data = scratch_folder()
    with Supervisor(logs=data / "logs", removed=data, grace_s=15.0) as supervisor, ExitStack() as scope:
        names = [f"worker-{number}" for number in range(HOMES)] + [EXTRA]
        proxies = scope.enter_context(Proxies(names, choice.brokers))
        cluster = _cluster(supervisor, choice, data, proxies, names)
        config = _config(data / "lastunit.toml", cluster, cluster.bootstrap, {})
        create_topics(config)
        slots = [
            _slot(name, place, choice, cluster, ports=proxies.ports(name), supervisor=supervisor, data=data)
            for place, name in enumerate(names)
        ]
        own_disks = own_disks and all(disk.mount(slot.state) for slot in slots)
        for slot in slots if own_disks else ():
            scope.callback(disk.unmount, slot.state)
        fleet = scope.enter_context(Fleet(slots, program(choice.mutant), say))
        book = Book(Random(choice.seed), SKUS)
        load = Load(cluster.bootstrap, topic, PARTITIONS, book, choice.rate)
        scope.callback(load.close)
        group = f"{PREFIX}processor"
        reader = Reader(bootstrap=cluster.bootstrap, group=group, topic=topic, partitions=PARTITIONS)
        watch = scope.enter_context(Watch(cluster.bootstrap, group, topic, PARTITIONS, reader.ids))
        yield World(
            choice=choice,
            data=data,
            config=config,
            supervisor=supervisor,
            cluster=cluster,
            proxies=proxies,
            fleet=fleet,
            load=load,
            watch=watch,
            reader=reader,
            own_disks=own_disks,
        )


def _cluster(supervisor: Supervisor, choice: Choice, data: Path, proxies: Proxies, names: list[str]) -> Cluster:
    image = prepare(supervisor, fetch(default_cache(), sys.stderr), sys.stderr)
    listeners = {name: name.upper().replace("-", "") for name in names}
    cluster = Cluster(
        supervisor,
        image,
        data,
        size=choice.brokers,
        links={listeners[name]: proxies.ports(name) for name in names},
    )
    for name in names:
        proxies.aim(name, tuple(node.links[listeners[name]][0] for node in cluster.nodes))
    cluster.start()
    return cluster


def _slot(
    name: str,
    place: int,
    choice: Choice,
    cluster: Cluster,
    *,
    ports: Sequence[int],
    supervisor: Supervisor,
    data: Path,
) -> Slot:
    store = ("rocksdb", "memory")[place % 2] if choice.store == "both" else choice.store
    state = data / "state" / name
    bootstrap = ",".join(f"127.0.0.1:{port}" for port in ports)
    tables = {"store": store, "state_dir": str(state)} if store == "rocksdb" else {}
    return Slot(
        name=name,
        config=_config(data / f"{name}.toml", cluster, bootstrap, tables),
        # The first has a lasting name, so that both ways of coming back are tried.
        instance=name if place == 0 else "",
        store=store,
        state=state,
        home=name != EXTRA,
        supervisor=supervisor,
    )


def _config(path: Path, cluster: Cluster, bootstrap: str, tables: Mapping[str, str]) -> Path:
    kafka = {
        "prefix": PREFIX,
        "partitions": PARTITIONS,
        "replication": cluster.replication,
        "min_isr": cluster.min_isr,
    }
    processor = {"session_timeout_ms": SESSION_MS, "batch_max": BATCH_MAX, **tables}
    channel = {"name": CHANNEL, "kind": "generic", "since": 0}
    return write_config(
        path, bootstrap=bootstrap, channels=[channel], sections={"kafka": kafka, "processor": processor}
    )
