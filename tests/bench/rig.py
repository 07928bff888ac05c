"""A real Kafka for a case, a deployment of its own for each alternative, and backlogs dropped on idle workers."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from compose.runner.child import Child
from compose.runner.deployment import create_topics, write_config
from compose.runner.stack import Stack, stack
from schemas.codec import Record, encode
from schemas.config import Config, load
from schemas.records import OrderConfirmed, StockAdjusted
from schemas.topics import ORDER_CONFIRMED, STOCK_ADJUSTED
from tests.bench.samples import CHANNEL

HERE = Path(__file__).parent
PARTITIONS = 4
POLL_S = 0.02
DRAINED_S = 90.0
FLUSH_S = 60.0
QUIET = {"log_level": 0}
"""A client that outlives its broker for a moment need not say so."""
TOPICS: dict[type[Record], str] = {OrderConfirmed: ORDER_CONFIRMED, StockAdjusted: STOCK_ADJUSTED}
"""Where each kind of input goes."""
Encoded = tuple[str, bytes, bytes]
"""Topic, key and value."""


@dataclass(slots=True, kw_only=True)
class Deployment:
    """One alternative: its topics, its worker, and the group by whose positions its progress is seen."""

    path: Path
    config: Config
    group: str
    worker: Child | None = None
    _producer: Producer = field(init=False)
    _positions: Consumer = field(init=False)

    def __post_init__(self) -> None:
        """Connect."""
        kafka = self.config.kafka
        self._producer = Producer(kafka.producer(linger_ms=2, queue_buffering_max_messages=1_000_000) | QUIET)
        self._positions = Consumer(kafka.client(group_id=self.group, isolation_level="read_committed") | QUIET)

    def close(self) -> None:
        """Disconnect; the worker ends with the broker."""
        self._positions.close()

    def encoded(self, records: Sequence[OrderConfirmed | StockAdjusted]) -> list[Encoded]:
        """Return records as they are produced."""
        return [(self.config.kafka.topic(TOPICS[type(r)]), r.sku.encode(), encode(r)) for r in records]

    def produce(self, records: Sequence[Encoded]) -> None:
        """Append records to their topics and wait until the broker has them."""
        for topic, key, value in records:
            self._producer.produce(topic, key=key, value=value)
            self._producer.poll(0)
        assert self._producer.flush(FLUSH_S) == 0

    def drained(self, topic: str = ORDER_CONFIRMED) -> None:
        """Wait until the group has committed everything in `topic`; raises `TimeoutError`."""
        name = self.config.kafka.topic(topic)
        parts = [TopicPartition(name, number) for number in range(PARTITIONS)]
        ends = sum(self._positions.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        deadline = time.monotonic() + DRAINED_S
        while sum(max(part.offset, 0) for part in self._positions.committed(parts, timeout=10)) < ends:
            if time.monotonic() > deadline or not self._running:
                said = self.worker.tail() if self.worker else ""
                raise TimeoutError(f"{self.group} has ended or has not caught up within {DRAINED_S:g} s\n{said}")
            time.sleep(POLL_S)

    @property
    def cpu_s(self) -> float:
        """The processor seconds that the worker has used."""
        assert self.worker is not None
        return cpu_of(self.worker.pid)

    @property
    def _running(self) -> bool:
        return self.worker is None or self.worker.running

    def work_off(self, records: Sequence[OrderConfirmed]) -> tuple[float, float]:
        """
        Drop a backlog on the idle worker; return seconds and its processor seconds, both a record.

        The clock runs from the first append until the group has committed everything.
        """
        ready = self.encoded(records)
        used, began = self.cpu_s, time.monotonic()
        self.produce(ready)
        self.drained()
        return (time.monotonic() - began) / len(records), (self.cpu_s - used) / len(records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A running broker and where things are kept."""

    stack: Stack
    scope: contextlib.ExitStack

    def deploy(self, name: str, group: str | None = None, **channel: object) -> Deployment:
        """Make topics with a prefix of their own; `group` is the group's name, by default the processor's."""
        path = write_config(
            self.stack.data / f"{name}.toml",
            bootstrap=self.stack.kafka.bootstrap,
            channels=[{"name": CHANNEL, "kind": "generic", "since": 0, **channel}],
            sections={"kafka": {"prefix": f"{name}.", "partitions": PARTITIONS}},
        )
        create_topics(path)
        config = load(path)
        deployment = Deployment(path=path, config=config, group=group or config.kafka.group("processor"))
        self.scope.callback(deployment.close)
        return deployment

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
