"""Looks at the group from outside, twice a second: its lag, what each fault cost, and whether positions run ahead."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.faults.history import Witness
from tests.faults.orders import ADJUSTMENTS, ORDERS

LOOK_S = 0.4
ANSWER_S = 5.0
SETTLE_S = 0.3
"""What was sent in the first moments of a fault counts as hit by it."""
QUIET = {"log_level": 0}
UNANSWERED = (KafkaException, TimeoutError)
Ends = Mapping[tuple[str, int], int]


@dataclass(slots=True, kw_only=True)
class Hit:
    """A fault until everything that stood in the log then is decided; `target` is what did, `took_s` the time."""

    kind: str
    began: float
    target: Ends | None = None
    took_s: float | None = None


@dataclass(slots=True, kw_only=True)
class Look:
    """One look: the group's positions, when they were known (ms), and then the ends of the logs."""

    positions: Ends
    at: int
    ends: Ends

    @property
    def lag(self) -> int:
        """How many input records are not decided."""
        return sum(self.ends[place] - position for place, position in self.positions.items())


@dataclass
class Watch:
    """
    The watcher and its thread; use as a context.

    Args:
        bootstrap: the brokers.
        group: the processor's consumer group.
        topic: gives a topic's real name.
        partitions: how many each topic has.

    """

    bootstrap: str
    group: str
    topic: Callable[[str], str]
    partitions: int
    ids: Callable[[], Mapping[str, str]]
    hits: list[Hit] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    last: Look | None = None
    missed: int = 0
    witnessing: bool = True

    def __post_init__(self) -> None:
        """Connect."""
        timeouts: dict[str, Any] = {"socket.timeout.ms": 6_000, "topic.metadata.refresh.interval.ms": 5_000}
        common = {"bootstrap.servers": self.bootstrap, **timeouts, **QUIET}
        self._admin = AdminClient(common)
        self._consumer = Consumer({**common, "group.id": self.group, "enable.auto.commit": False})
        self._closed = threading.Event()
        self._broken: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="watch")
        self._topic_ids = dict(self.ids())

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; raises what ended the thread before its time: who has not looked has found nothing."""
        self._closed.set()
        self._thread.join()
        self._consumer.close()
        if self._broken is not None:
            raise self._broken

    def hit(self, kind: str) -> None:
        """Note that a fault begins now."""
        self.hits.append(Hit(kind=kind, began=time.monotonic()))

    def settled(self, within_s: float) -> float | None:
        """Wait until nothing is undecided in a look that began after this call; returns the seconds, or None."""
        began = time.monotonic()
        while time.monotonic() < began + within_s:
            with contextlib.suppress(*UNANSWERED):  # what cannot be asked has not settled
                if self.look().lag == 0:
                    return time.monotonic() - began
            time.sleep(LOOK_S)
        return None

    def look(self) -> Look:
        """Look now; raises one of `UNANSWERED` when the brokers cannot be asked."""
        names = {self.topic(name): name for name in (ORDERS, ADJUSTMENTS)}
        parts = [TopicPartition(real, number) for real in names for number in range(self.partitions)]
        positions = {
            (names[tp.topic], tp.partition): max(tp.offset, 0) for tp in self._consumer.committed(parts, ANSWER_S)
        }
        at = time.time_ns() // 1_000_000
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the library's own factory has no types
        asked = self._admin.list_offsets(dict.fromkeys(parts, latest), request_timeout=ANSWER_S)
        ends = {(names[tp.topic], tp.partition): future.result(ANSWER_S).offset for tp, future in asked.items()}
        return Look(positions=positions, at=at, ends=ends)

    def _run(self) -> None:
        try:
            self._look_again_and_again()
        except Exception as error:  # noqa: BLE001 - handed to whoever ends the watch
            self._broken = error

    def _look_again_and_again(self) -> None:
        while not self._closed.wait(LOOK_S):
            began = time.monotonic()
            try:
                self.last = found = self.look()
            except UNANSWERED:  # a broker is down: that is what we are here for
                self.missed += 1
                continue
            self._witness(found)
            self._recovered(found, began)

    def _witness(self, found: Look) -> None:
        if not self.witnessing:
            return
        for number in range(self.partitions):
            positions = {self._topic_ids[name]: found.positions[name, number] for name in (ORDERS, ADJUSTMENTS)}
            self.witnesses.append(Witness(number, positions, found.at))

    def _recovered(self, found: Look, began: float) -> None:
        for hit in self.hits:
            if hit.target is None and began > hit.began + SETTLE_S:
                hit.target = {place: found.ends[place] for place in found.positions}
            if hit.took_s is None and hit.target is not None and _reached(found.positions, hit.target):
                hit.took_s = time.monotonic() - hit.began


def _reached(positions: Ends, target: Ends) -> bool:
    return all(positions[place] >= end for place, end in target.items())


def longest(hits: Sequence[Hit]) -> dict[str, float]:
    """Return the longest recovery of each kind, in seconds."""
    kinds = {hit.kind for hit in hits}
    return {kind: round(max((hit.took_s or 0.0) for hit in hits if hit.kind == kind), 1) for kind in sorted(kinds)}
