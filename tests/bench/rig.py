"""A real Kafka for a case, and a deployment of its own for each alternative: topics, workers, a group to watch."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from compose.runner.child import Child
from compose.runner.deployment import create_topics, write_config
from compose.runner.stack import Stack, stack
from schemas.codec import Record, encode
from schemas.config import Config, load
from schemas.events import Headers, headers
from schemas.records import OrderConfirmed, StockAdjusted
from schemas.topics import ORDER_CONFIRMED, STOCK_ADJUSTED
from tests.bench.samples import CHANNEL

HERE = Path(__file__).parent
PARTITIONS = 8
POLL_S = 0.02
DRAINED_S = 120.0
FLUSH_S = 60.0
QUIET = {"log_level": 0}
"""A client that outlives its broker for a moment need not say so."""
TOPICS: dict[type[Record], str] = {OrderConfirmed: ORDER_CONFIRMED, StockAdjusted: STOCK_ADJUSTED}
"""Where each kind of input goes."""


ANY = -1
"""The partition that the key belongs into."""


class Encoded(NamedTuple):
    """A record as it is produced; `topic` is its name without the deployment's prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    partition: int = ANY


def encoded(records: Sequence[OrderConfirmed | StockAdjusted], *, full: bool = True) -> list[Encoded]:
    """Return records as `ingest` writes them; not `full`: without headers."""
    return [_encoded(number, record, full=full) for number, record in enumerate(records)]


def _encoded(number: int, record: OrderConfirmed | StockAdjusted, *, full: bool) -> Encoded:
    topic = TOPICS[type(record)]
    about = headers(topic, f"bench-{number}", f"/ingest/{CHANNEL}", record.sku, record.received_at) if full else []
    return Encoded(topic, record.sku.encode(), encode(record), about)


@dataclass(slots=True, kw_only=True)
class Deployment:
    """One alternative: its topics, its workers, and the group by whose positions its progress is seen."""

    path: Path
    config: Config
    group: str
    workers: list[Child] = field(default_factory=list)
    _producer: Producer = field(init=False)
    _positions: Consumer = field(init=False)

    def __post_init__(self) -> None:
        """Connect."""
        kafka = self.config.kafka
        self._producer = Producer(kafka.producer(linger_ms=5, queue_buffering_max_messages=1_000_000) | QUIET)
        self._positions = Consumer(kafka.client(group_id=self.group, isolation_level="read_committed") | QUIET)

    def close(self) -> None:
        """Disconnect; workers end with the broker."""
        self._positions.close()

    def produce(self, records: Iterable[Encoded]) -> None:
        """Append records to their topics and wait until the broker has them."""
        for record in records:
            self._one(record)
            self._producer.poll(0)
        assert self._producer.flush(FLUSH_S) == 0

    def _one(self, record: Encoded) -> None:
        topic = self.config.kafka.topic(record.topic)
        while True:
            try:
                self._producer.produce(topic, record.value, record.key, record.partition, headers=[*record.headers])
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def parts(self, topic: str = ORDER_CONFIRMED) -> list[TopicPartition]:
        """Return a topic's partitions."""
        kafka = self.config.kafka
        return [TopicPartition(kafka.topic(topic), number) for number in range(kafka.partitions)]

    def position(self, topic: str = ORDER_CONFIRMED) -> int:
        """Return how many records of `topic` the group has committed."""
        return sum(max(part.offset, 0) for part in self._positions.committed(self.parts(topic), timeout=30))

    def end(self, topic: str = ORDER_CONFIRMED) -> int:
        """Return how many records `topic` holds."""
        return sum(self._positions.get_watermark_offsets(part, timeout=10)[1] for part in self.parts(topic))

    def reached(self, count: int, topic: str = ORDER_CONFIRMED) -> int:
        """Wait until the group has committed at least `count` records; returns how many; raises `TimeoutError`."""
        return self._at_least(count, lambda: self.position(topic))

    def begun(self, topic: str) -> int:
        """Wait until there are records in `topic`; returns how many; raises `TimeoutError`."""
        return self._at_least(1, lambda: self._written(topic))

    def _written(self, topic: str) -> int:
        try:
            return self.end(topic)
        except KafkaException:  # a client hears late of a young topic
            return 0

    def _at_least(self, count: int, look: Callable[[], int]) -> int:
        deadline = time.monotonic() + DRAINED_S
        while (found := look()) < count:
            ended = [worker for worker in self.workers if not worker.running]
            if time.monotonic() > deadline or ended:
                said = "\n".join(worker.tail() for worker in ended or self.workers)
                raise TimeoutError(f"{self.group} has ended or has not come to {count} within {DRAINED_S:g} s\n{said}")
            time.sleep(POLL_S)
        return found

    def drained(self, topic: str = ORDER_CONFIRMED) -> None:
        """Wait until the group has committed everything in `topic`; raises `TimeoutError`."""
        self.reached(self.end(topic), topic)

    @property
    def cpu_s(self) -> float:
        """The processor seconds that the workers have used."""
        return sum(cpu_of(worker.pid) for worker in self.workers)

    def stop(self) -> None:
        """End the workers."""
        for worker in self.workers:
            worker.ask_to_end()
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    def discard(self) -> None:
        """End the workers and delete the topics: their room is needed."""
        self.stop()
        self._positions.close()
        admin = AdminClient(self.config.kafka.client() | QUIET)
        prefix = self.config.kafka.prefix
        mine = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
        for future in admin.delete_topics(mine, operation_timeout=30).values():
            future.result(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A running broker and where things are kept."""

    stack: Stack
    scope: contextlib.ExitStack

    def deploy(
        self,
        name: str,
        group: str | None = None,
        partitions: int = PARTITIONS,
        processor: Mapping[str, object] | None = None,
        **channel: object,
    ) -> Deployment:
        """Make topics with a prefix of their own; `group` is the group's name, by default the processor's."""
        path = self._write(name, partitions, processor or {}, channel)
        create_topics(path)
        config = load(path)
        own = config.kafka.group("processor")
        deployment = Deployment(path=path, config=config, group=own if group is None else config.kafka.group(group))
        self.scope.callback(deployment.close)
        return deployment

    def configure(self, found: Deployment, processor: Mapping[str, object]) -> None:
        """Give a deployment's next workers other settings."""
        kafka = found.config.kafka
        self._write(kafka.prefix.removesuffix("."), kafka.partitions, processor, {})

    def _write(
        self, name: str, partitions: int, processor: Mapping[str, object], channel: Mapping[str, object]
    ) -> Path:
        sections: dict[str, Mapping[str, object]] = {"kafka": {"prefix": f"{name}.", "partitions": partitions}}
        return write_config(
            self.stack.data / f"{name}.toml",
            bootstrap=self.stack.kafka.bootstrap,
            channels=[{"name": CHANNEL, "kind": "generic", "since": 0, **channel}],
            sections=sections | ({"processor": processor} if processor else {}),
        )

    def start(self, name: str, *argv: str, ready: str | None = None, env: dict[str, str] | None = None) -> Child:
        """Start a process of this interpreter that ends with the rig."""
        return self.stack.supervisor.start(name, (sys.executable, *argv), ready=ready, env=env)


@contextmanager
def rig() -> Iterator[Rig]:
    """Run a broker while the block runs; nothing of it stays."""
    with stack(with_postgres=False) as running, contextlib.ExitStack() as scope:
        yield Rig(stack=running, scope=scope)


def cpu_of(pid: int) -> float:
    """Return the processor seconds that a process has used, its threads included (Linux: proc(5), fields 14, 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
