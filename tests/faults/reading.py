"""Reads the topics into a `History`, read committed, with a consumer of its own."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults.history import History, Input, Output, Place, Skip, Witness
from tests.faults.orders import ADJUSTMENTS, ORDERS
from tests.faults.poison import MARK

ANSWER_S = 20.0
BATCH, WAIT_S = 5_000, 0.2
IDLE_S = 30.0


@dataclass(slots=True, kw_only=True)
class Reader:
    """
    Reads a deployment's topics, and keeps what a fault is about to destroy.

    `kept` are source records that are in no log any more, `skips` what operators gave up.
    """

    bootstrap: str
    group: str
    topic: Callable[[str], str]
    partitions: int
    kept: dict[Place, dict[int, Input]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)

    def ids(self) -> dict[str, str]:
        """Return the source topics' ids by name, as they are now."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        names = {self.topic(name): name for name in (ORDERS, ADJUSTMENTS)}
        found = admin.describe_topics(TopicCollection(list(names)), request_timeout=ANSWER_S)
        return {names[real]: str(future.result(ANSWER_S).topic_id) for real, future in found.items()}

    def keep(self) -> None:
        """Read all source records there are now, because some will be deleted."""
        for place, log in self._sources().items():
            self.kept.setdefault(place, {}).update(log)

    def history(self, witnesses: list[Witness]) -> History:
        """Read everything."""
        inputs = self._sources()
        for place, log in self.kept.items():
            inputs[place] = log | inputs.get(place, {})
        return History(
            names=self.names,
            inputs=inputs,
            outcomes=self._outputs("order.outcome"),
            levels=self._outputs("stock.level"),
            dead=[_bytes(message.value()) for message in self._messages("stock.deadletter")],
            committed=self._committed(),
            skips=self.skips,
            witnesses=witnesses,
        )

    def _sources(self) -> dict[Place, dict[int, Input]]:
        found: dict[Place, dict[int, Input]] = {}
        for name, topic_id in self.ids().items():
            self.names[topic_id] = name
            for message in self._messages(name):
                log = found.setdefault(Place(topic_id, _int(message.partition())), {})
                poison = dict(message.headers() or []).get(MARK, b"")
                log[_int(message.offset())] = Input(message.key(), message.value(), _bytes(poison).decode())
        return found

    def newest(self, name: str) -> dict[bytes, bytes]:
        """Return a compacted topic as a table."""
        return {_bytes(message.key()): _bytes(message.value()) for message in self._messages(name)}

    def _outputs(self, name: str) -> dict[int, list[Output]]:
        found: dict[int, list[Output]] = {}
        for message in self._messages(name):
            offset, (_, at) = _int(message.offset()), message.timestamp()
            record = Output(offset, _bytes(message.key()), _bytes(message.value()), at)
            found.setdefault(_int(message.partition()), []).append(record)
        return found

    def _committed(self) -> dict[Place, int]:
        ids = self.ids()
        real = {self.topic(name): topic_id for name, topic_id in ids.items()}
        parts = [TopicPartition(topic, number) for topic in real for number in range(self.partitions)]
        with contextlib.closing(Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group})) as consumer:
            found = consumer.committed(parts, ANSWER_S)
        return {Place(real[tp.topic], tp.partition): max(tp.offset, 0) for tp in found}

    def _messages(self, name: str) -> Iterator[Message]:
        """Yield all committed records of a topic, in order within each partition."""
        settings: Mapping[str, str | int | bool] = {
            "bootstrap.servers": self.bootstrap,
            "group.id": "oracle",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "log_level": 0,
        }
        with contextlib.closing(Consumer(dict(settings))) as consumer:
            consumer.assign([TopicPartition(self.topic(name), number, 0) for number in range(self.partitions)])
            ended: set[int] = set()
            heard = time.monotonic()
            while len(ended) < self.partitions:
                batch = consumer.consume(BATCH, WAIT_S)
                if batch:
                    heard = time.monotonic()
                elif time.monotonic() > heard + IDLE_S:
                    raise TimeoutError(f"{name} cannot be read to its end: partitions {sorted(ended)} have ended")
                for message in batch:
                    if message.error():
                        ended.add(_int(message.partition()))
                    else:
                        yield message


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _int(value: int | None) -> int:
    assert value is not None
    return value
