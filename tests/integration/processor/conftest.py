"""A deployment for the processor's tests: produce, run workers, read back, and audit with a rule of our own."""

import contextlib
import json
import signal
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from schemas.cluster import topic_ids
from schemas.codec import encode
from schemas.config import Config, load
from schemas.records import OrderConfirmed, StockAdjusted
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_ADJUSTED, STOCK_DEADLETTER, STOCK_LEVEL
from schemas.words import AdjustmentKind
from tests.integration.outside import AT_ONCE

CHANNEL = {"name": "shop", "kind": "generic", "since": 0}
NOW = int(time.time() * 1000)


class Shop:
    """One deployment with topics of its own."""

    def __init__(self, path: Path, service: Any, eventually: Any) -> None:
        self.path = path
        self.config: Config = load(path)
        self.eventually = eventually
        self._service = service
        self._producer = Producer(self.config.kafka.producer(linger_ms=2))
        self._group = Consumer(self.config.kafka.consumer("processor"))  # asks for positions, is no member
        self._seen = 0

    def close(self) -> None:
        """Let go of the clients."""
        self._group.close()

    def order(self, sku: str, number: int, qty: int = 1, revision: int = 1) -> None:
        """Confirm an order line."""
        self._seen += 1
        record = OrderConfirmed(
            sku=sku,
            listing_sku=sku,
            qty=qty,
            channel="shop",
            order_id=f"shop_{number}_1",
            revision=revision,
            seen_at=NOW,
            ordered_at=NOW,
            received_at=NOW,
        )
        self.send(ORDER_CONFIRMED, sku.encode(), encode(record))

    def adjust(self, sku: str, kind: str, qty: int, name: str) -> None:
        """Adjust a SKU."""
        record = StockAdjusted(
            sku=sku, kind=AdjustmentKind(kind), qty=qty, adjustment_id=name, received_at=NOW, actor="test"
        )
        self.send(STOCK_ADJUSTED, sku.encode(), encode(record))

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        """Produce one record."""
        chosen = -1 if partition is None else partition
        self._producer.produce(self.config.kafka.topic(topic), key=key, value=value, partition=chosen)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the brokers have everything."""
        assert self._producer.flush(30) == 0

    def worker(self, instance: str = "w") -> Any:
        """Start a worker; it serves, but may still recover."""
        argv = (sys.executable, "-m", "processor", "--config", str(self.path), "--instance", instance)
        return self._service(f"processor-{instance}", *argv)

    def get(self, worker: Any, path: str) -> tuple[int, str]:
        """Ask a worker's endpoint; status 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{worker.address}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self, worker: Any) -> None:
        """Wait until a worker has recovered and all its lanes are open."""
        self.eventually(lambda: self.get(worker, "/readyz")[0] == 200)

    def read(self, topic: str) -> list[Any]:
        """Return all committed records of a topic, in order within each partition."""
        name, count = self.config.kafka.topic(topic), self.config.kafka.partitions
        found: list[Any] = []
        ended = 0
        with contextlib.closing(Consumer(self.config.kafka.consumer("reader", **AT_ONCE))) as consumer:
            consumer.assign([TopicPartition(name, partition, 0) for partition in range(count)])
            while ended < count:
                message = consumer.poll(10)
                assert message is not None
                if message.error():
                    ended += 1
                else:
                    found.append(message)
        return found

    def outcomes(self) -> list[dict[str, Any]]:
        """Return all outcomes."""
        return [json.loads(message.value()) for message in self.read(ORDER_OUTCOME)]

    def levels(self) -> dict[str, dict[str, Any]]:
        """Return the newest level of every SKU."""
        return {message.key().decode(): json.loads(message.value()) for message in self.read(STOCK_LEVEL)}

    def dead(self) -> list[dict[str, Any]]:
        """Return all dead letters."""
        return [json.loads(message.value()) for message in self.read(STOCK_DEADLETTER)]

    def positions(self) -> dict[tuple[str, int], int]:
        """Return the group's positions."""
        names = (ORDER_CONFIRMED, STOCK_ADJUSTED)
        parts = [TopicPartition(self.config.kafka.topic(n), p) for n in names for p in range(self.count)]
        return {(tp.topic, tp.partition): tp.offset for tp in self._group.committed(parts, timeout=20)}

    @property
    def count(self) -> int:
        """The partition count."""
        return self.config.kafka.partitions

    def settled(self) -> bool:
        """Whether everything that was produced is decided."""
        with contextlib.suppress(KafkaException):  # the coordinator of a young cluster may still be loading
            return all(
                self._group.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1] == max(position, 0)
                for (topic, partition), position in self.positions().items()
            )
        return False

    def settle(self, timeout_s: float = 60) -> None:
        """Wait until everything that was produced is decided."""
        self.flush()
        self.eventually(self.settled, timeout_s)


@pytest.fixture
def store() -> str:
    """Return where the tables are: a test is parametrised over both where that can make a difference."""
    return "memory"


@pytest.fixture
def processor(store: str, tmp_path: Path) -> dict[str, object]:
    """Return the deployment's settings of the processor; tests may add to them before they ask for `shop`."""
    return {"session_timeout_ms": 6000, "batch_max": 100, "store": store, "state_dir": str(tmp_path / "state")}


@pytest.fixture
def shop(config_file: Any, service: Any, eventually: Any, processor: dict[str, object]) -> Iterator[Shop]:
    """Yield a deployment with topics of its own and short sessions."""
    path = config_file([CHANNEL], {"processor": processor})
    with contextlib.closing(Shop(path, service, eventually)) as made:
        yield made


@pytest.fixture
def kill() -> Callable[[Any], None]:
    """Return what ends a worker as the kernel does when it is out of memory."""

    def end(worker: Any) -> None:
        worker.kill(signal.SIGKILL)
        worker.wait(10)

    return end


class Auditor:
    """
    Follows the decisions in the order in which they were written and decides each again from its input.

    Written from the rule's description, without the product's code: quantities, lines and waiting lists of its own.
    """

    def __init__(self, shop: Shop) -> None:
        ids = topic_ids(shop.config, [ORDER_CONFIRMED, STOCK_ADJUSTED])
        self.topic = {ids[name]: name for name in ids}
        self.inputs = {
            name: {(m.partition(), m.offset()): json.loads(m.value()) for m in shop.read(name)} for name in ids
        }
        self.outcomes = [(m.partition(), json.loads(m.value())) for m in shop.read(ORDER_OUTCOME)]
        self.levels = shop.read(STOCK_LEVEL)
        self.quantity: dict[str, int] = {}
        self.lines: dict[tuple[str, str], dict[str, Any]] = {}
        self.waiting: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self.versions: dict[str, int] = defaultdict(int)
        self.at: dict[tuple[str, int], int] = defaultdict(lambda: -1)

    def check(self) -> None:
        """Fail on the first decision that is missing, doubled, out of order or wrong."""
        for partition, outcome in self.outcomes:
            self._follow(partition, outcome)
        for name, records in self.inputs.items():
            for partition in {partition for partition, _ in records}:
                end = max(offset for p, offset in records if p == partition)
                self._skipped(name, partition, end + 1)
        self._check_levels()

    def _follow(self, partition: int, outcome: dict[str, Any]) -> None:
        ((topic_id, offset),) = outcome["source"].items()
        name, sku = self.topic[topic_id], outcome["sku"]
        record = self.inputs[name][partition, offset]
        own = "adj_" + record["adjustmentId"] if "adjustmentId" in record else record["orderId"]
        if outcome["orderId"] == own:
            assert offset > self.at[name, partition], f"decided twice: {name} {partition} {offset}"
            self._skipped(name, partition, offset)
            self.at[name, partition] = offset
            self._decide(record, own, sku, outcome)
        else:
            assert offset == self.at[name, partition], "a settled line belongs to the decision that settled it"
            self._settle(sku, outcome)
        self._version(sku, outcome)

    def _skipped(self, name: str, partition: int, upto: int) -> None:
        for offset in range(self.at[name, partition] + 1, upto):
            record = self.inputs[name][partition, offset]
            own = "adj_" + record["adjustmentId"] if "adjustmentId" in record else record["orderId"]
            line = self.lines.get((record["sku"], own))
            assert line is not None, f"skipped: {name} {partition} {offset}"
            assert (record.get("revision", 0), record.get("seenAt", 0)) <= line["rank"]

    def _decide(self, record: dict[str, Any], own: str, sku: str, outcome: dict[str, Any]) -> None:
        if "adjustmentId" in record:
            before = self.quantity.get(sku, 0)
            self.quantity[sku] = record["qty"] + (before if record["kind"] == "add" else 0)
            expected: dict[str, Any] = {"result": "applied"}
            self.lines[sku, own] = {"rank": (0, 0), "held": 0, "qty": record["qty"]}
        else:
            expected = self._order(record, own, sku)
        expected |= {"newQty": self.quantity.get(sku)}
        assert {key: outcome[key] for key in expected} == expected, outcome

    def _order(self, record: dict[str, Any], own: str, sku: str) -> dict[str, Any]:
        line = self.lines.get((sku, own), {"held": 0, "qty": None})
        assert "rank" not in line or (record["revision"], record["seenAt"]) > line["rank"]
        delta = record["qty"] - line["held"]
        fits = sku in self.quantity and delta <= self.quantity[sku]
        same = record["qty"] == line["qty"]
        rank = {"rank": (record["revision"], record["seenAt"]), "qty": record["qty"]}
        if same:
            self.lines[sku, own] = line | rank
            return {"result": "unchanged", "held": line["held"], "delta": 0}
        if fits or delta <= 0:
            self.waiting[sku] = [one for one in self.waiting[sku] if one[0] != own]
            if sku in self.quantity:
                self.quantity[sku] -= delta
            self.lines[sku, own] = rank | {"held": record["qty"]}
            return {"result": "accepted", "held": record["qty"], "delta": delta}
        self.waiting[sku].append((own, delta))
        self.lines[sku, own] = rank | {"held": line["held"]}
        result = "insufficient" if sku in self.quantity else "unstocked"
        return {"result": result, "held": line["held"], "shortfall": delta}

    def _settle(self, sku: str, outcome: dict[str, Any]) -> None:
        own, shortfall = self.waiting[sku].pop(0)
        self.quantity[sku] -= shortfall
        self.lines[sku, own]["held"] += shortfall
        assert (outcome["orderId"], outcome["result"]) == (own, "settled")
        assert (outcome["newQty"], outcome["held"]) == (self.quantity[sku], self.lines[sku, own]["held"])
        assert self.quantity[sku] >= 0

    def _version(self, sku: str, outcome: dict[str, Any]) -> None:
        if outcome["version"] is not None:
            assert outcome["version"] == self.versions[sku] + 1, f"{sku}: a version is missing or doubled"
            self.versions[sku] += 1

    def _check_levels(self) -> None:
        newest: dict[str, dict[str, Any]] = {}
        for message in self.levels:
            level = json.loads(message.value())
            assert level["version"] >= newest.get(level["sku"], {"version": 0})["version"], "a level went back"
            newest[level["sku"]] = level
        assert {sku: level["quantity"] for sku, level in newest.items()} == self.quantity
        assert {sku: level["version"] for sku, level in newest.items()} == dict(self.versions)
        for sku, level in newest.items():
            assert [(one["orderId"], one["shortfall"]) for one in level["waiting"]] == self.waiting[sku]
            assert (level["paused"] == "oversell") == bool(self.waiting[sku])
            first = self.waiting[sku][0][1] if self.waiting[sku] else level["quantity"] + 1
            assert first > level["quantity"], f"{sku}: the oldest waiting line fits"


@pytest.fixture
def audit() -> Callable[[Shop], Auditor]:
    """Return the audit of everything a deployment has decided."""

    def check(shop: Shop) -> Auditor:
        auditor = Auditor(shop)
        auditor.check()
        return auditor

    return check


@pytest.fixture
def day(shop: Shop) -> Callable[[Any, int, Sequence[str]], Iterator[int]]:
    """Return a seeded stream of orders, duplicates, cancels and deliveries; it yields after each record."""

    def produce(random: Any, records: int, skus: Sequence[str]) -> Iterator[int]:
        sent: list[tuple[str, int, int, int]] = []
        for number in range(records):
            draw = random.random()
            with contextlib.suppress(IndexError):
                if draw < 0.05:
                    shop.order(*random.choice(sent))  # delivered again
                elif draw < 0.12:
                    sku, order, _, revision = random.choice(sent)
                    sent.append((sku, order, 0, revision + 1))
                    shop.order(*sent[-1])
                elif draw < 0.17:
                    shop.adjust(random.choice(skus), "add", random.randint(1, 20), f"add-{number}")
                else:
                    sent.append((random.choice(skus), number, random.randint(1, 3), 1))
                    shop.order(*sent[-1])
            yield number

    return produce
