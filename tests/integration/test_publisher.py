"""The publisher against a real Kafka and the stand-in channels."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from compose.runner.child import Child
from compose.runner.processes import HOME
from schemas import channel_records, records, topics, words
from schemas.cluster import now_ms
from schemas.codec import Record, decode, encode
from schemas.config import load
from schemas.ids import listing_key
from schemas.settings import Config
from tests.conftest import StandInOf
from tests.integration.outside import AT_ONCE
from tests.standin import StandIn

LOCATION = "gid://shopify/Location/24826418"
WEBHOOKS = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
ENV = {
    "LASTUNIT_SHOP_ACCESS_TOKEN": "shpat_test",
    "LASTUNIT_SHOP_CONSUMER_KEY": "ck_test",
    "LASTUNIT_SHOP_CONSUMER_SECRET": "cs_test",
}
TOKENS = {"shopify": "shpat_test", "woocommerce": "ck_test:cs_test"}
KINDS = ("shopify", "woocommerce")


class ConfigFile(Protocol):
    """See `tests/conftest.py`."""

    def __call__(
        self, channels: Sequence[Mapping[str, object]] = (), sections: Mapping[str, Mapping[str, object]] | None = None
    ) -> Path:
        """Make a file."""


class Service(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, name: str, *argv: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a process."""


class Eventually(Protocol):
    """See `tests/conftest.py`."""

    def __call__(self, look: Callable[[], Any], timeout_s: float = ...) -> Any:
        """Poll."""


def http(url: str, body: object = None) -> Any:
    """Call a control endpoint or a page and return its JSON, or its text where it is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310 - our own URL
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        text = answer.read().decode()
    return json.loads(text) if text[:1] in "{[" else text


@dataclass
class Rig:
    """One channel: its stand-in, its configuration, and the means to write levels and read what came of them."""

    kind: str
    fake: StandIn
    path: Path
    config: Config
    service: Service
    producer: Producer
    versions: Counter[str] = field(default_factory=Counter)
    listings: dict[str, channel_records.Listing] = field(default_factory=dict)

    def control(self, word: str, body: object = None) -> Any:
        """Drive or read the stand-in."""
        return http(f"http://{self.fake.address}/_control/{word}", body)

    def start(self, *more: str) -> Child:
        """Start a publisher."""
        argv = (sys.executable, "-m", "publishers", "run", "shop", "--config", str(self.path), *more)
        return self.service(f"publisher-{self.kind}", *argv, env=ENV)

    def write(self, name: str, key: bytes, value: Record) -> None:
        """Produce one record as the parts before us would."""
        self.producer.produce(self.config.kafka.topic(name), key=key, value=encode(value))

    def catalogue(self, products: Sequence[Mapping[str, object]]) -> None:
        """Load products into the stand-in and write their listings."""
        for made in self.control("catalogue", {"products": products})["listings"]:
            ids = made["ids"]
            own = (
                {"variant": ids["variant_id"], "inventory_item": ids["inventory_item_id"]}
                if self.kind == "shopify"
                else {"product": ids["product_id"], "variation": ids["variation_id"]}
            )
            listing = channel_records.Listing(
                channel="shop",
                listing_id=made["listing"],
                sku=made["sku"],
                ids={name: str(value) for name, value in own.items() if value},
            )
            self.listings[listing.sku] = listing
            self.write(topics.LISTING, listing_key("shop", listing.listing_id), listing)
        self.producer.flush()

    def level(self, sku: str, quantity: int | None, cause: records.Cause | None = None) -> None:
        """Write a SKU's next level."""
        self.versions[sku] += 1
        adjusted = records.Cause(kind=words.CauseKind.ADJUSTMENT, delta=0, received_at=now_ms())
        record = records.StockLevel(
            sku=sku,
            quantity=quantity,
            version=self.versions[sku],
            paused=None,
            policy=words.Policy.REJECT,
            cause=cause or adjusted,
            source={},
            updated_at=now_ms(),
        )
        self.write(topics.STOCK_LEVEL, sku.encode(), record)

    def levels(self, wanted: Mapping[str, int | None]) -> None:
        """Write several levels and wait until Kafka has them."""
        for sku, quantity in wanted.items():
            self.level(sku, quantity)
        self.producer.flush()

    def ordered(self, sku: str, quantity: int, units: int, order_id: str, *, ordered_at: int) -> None:
        """Write the level and the outcome of an order of this channel."""
        cause = records.Cause(
            kind=words.CauseKind.ORDER,
            delta=units,
            received_at=now_ms(),
            channel="shop",
            order_id=order_id,
            listing_sku=sku,
            ordered_at=ordered_at,
        )
        self.level(sku, quantity, cause)
        outcome = records.OrderOutcome(
            sku=sku,
            order_id=order_id,
            channel="shop",
            revision=1,
            seen_at=ordered_at,
            qty=units,
            held=units,
            shortfall=0,
            delta=units,
            result=words.Result.ACCEPTED,
            new_qty=quantity,
            version=self.versions[sku],
            ordered_at=ordered_at,
            timestamp=now_ms(),
            source={},
        )
        self.write(topics.ORDER_OUTCOME, f"{order_id}|{sku}".encode(), outcome)
        self.producer.flush()

    def shows(self) -> dict[str, int]:
        """Return what the stand-in shows."""
        return dict(self.control("state")["levels"])

    def show(self, wanted: Mapping[str, int]) -> bool:
        """Return whether the stand-in shows exactly this."""
        return self.shows() == wanted

    def pushes(self) -> list[dict[str, Any]]:
        """Return the writes that the stand-in took, in order."""
        return list(self.control("pushes")["pushes"])

    def read(self, name: str, kind: type[Any]) -> list[Any]:
        """Return all committed records of a topic, partition by partition."""
        settings = self.config.kafka.consumer("test-reader", **AT_ONCE)
        consumer, found, ended = Consumer(settings), [], 0
        real = self.config.kafka.topic(name)
        partitions = consumer.list_topics(real, timeout=10).topics[real].partitions
        consumer.assign([TopicPartition(real, number, OFFSET_BEGINNING) for number in partitions])
        while ended < len(partitions):
            message = consumer.poll(10)
            assert message is not None
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                ended += 1
            else:
                found.append(decode(kind, message.value() or b""))
        consumer.close()
        return found

    def observed(self) -> dict[str, channel_records.ChannelLevel]:
        """Return the newest record of every SKU on the channel's own topic."""
        return {record.sku: record for record in self.read(topics.channel_level("shop"), channel_records.ChannelLevel)}

    def metric(self, publisher: Child, name: str) -> float:
        """Return one of the publisher's metrics, summed over its labels."""
        lines = http(f"http://{publisher.address}/metrics").splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))

    def ready(self, publisher: Child) -> bool:
        """Return whether a publisher has loaded its tables."""
        try:
            return bool(http(f"http://{publisher.address}/readyz") == "ready")
        except urllib.error.HTTPError:
            return False


RigOf = Callable[..., Rig]


@pytest.fixture
def rig_of(config_file: ConfigFile, stand_in: StandInOf, service: Service) -> RigOf:
    """Return a maker of rigs: a stand-in of a kind and a configuration that points at it."""

    def make(kind: str, **settings: object) -> Rig:
        fake = stand_in(kind, webhook=WEBHOOKS, token=TOKENS[kind])
        channel = {
            "name": "shop",
            "kind": kind,
            "since": 0,
            "base_url": f"http://{fake.address}",
            "location": LOCATION,
            "api_version": "2026-10",
            "mode": "push",
            **settings,
        }
        path = config_file([channel])
        config = load(path)
        producer = Producer(config.kafka.producer(linger_ms=0))
        return Rig(kind=kind, fake=fake, path=path, config=config, service=service, producer=producer)

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_levels_reach_the_channel_and_the_log_says_so(kind: str, rig_of: RigOf, eventually: Eventually) -> None:
    """Every level is shown; the channel's topic says in step, the sync log has one delivered row a listing."""
    rig = rig_of(kind)
    skus = [f"SKU-{n}" for n in range(60)]
    rig.catalogue([{"sku": sku, **({"parent": "P"} if n % 3 == 0 else {})} for n, sku in enumerate(skus)])
    wanted = {sku: 5 + n for n, sku in enumerate(skus)}
    rig.levels(wanted)
    publisher = rig.start()
    eventually(lambda: rig.shows() == wanted)
    eventually(lambda: {r.status for r in rig.observed().values()} == {words.Status.IN_STEP})
    observed = rig.observed()
    assert {sku: next(iter(r.listings.values())).shown for sku, r in observed.items()} == wanted
    assert all(shown.request_id is None for r in observed.values() for shown in r.listings.values())
    rows = [row for row in rig.read(topics.SYNC_LOG, channel_records.SyncLog) if row.verdict == "delivered"]
    assert Counter(row.sku for row in rows) == Counter(skus)
    assert all(row.response_code == 200 and row.quantity == wanted[row.sku] for row in rows)
    assert rig.metric(publisher, "lastunit_publisher_dirty_skus") == 0
    assert rig.metric(publisher, "lastunit_publisher_active") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_told_within_a_second(kind: str, rig_of: RigOf, eventually: Eventually) -> None:
    """From the level's record to the channel's acceptance of it the median is far below a second."""
    rig = rig_of(kind)
    rig.catalogue([{"sku": "HOT"}])
    rig.levels({"HOT": 100})
    rig.start()
    eventually(lambda: rig.shows() == {"HOT": 100})
    steps = []
    for quantity in range(99, 89, -1):
        began = time.monotonic()
        rig.levels({"HOT": quantity})
        rig.shows()
        steps.append(1_000 * (time.monotonic() - began))
        eventually(partial(rig.show, {"HOT": quantity}))
    eventually(lambda: len(rig.read(topics.SYNC_LOG, channel_records.SyncLog)) >= 11)
    delivered = [row for row in rig.read(topics.SYNC_LOG, channel_records.SyncLog) if row.verdict == "delivered"]
    lags = sorted(row.lag_ms for row in delivered if row.quantity < 100)
    step = sorted(steps)[len(steps) // 2]  # a write to Kafka and a look at the shop: 10 ms, or a busy machine's
    assert lags[len(lags) // 2] < max(500, 10 * step)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_in_the_middle_of_a_thousand_skus_forgets_none(kind: str, rig_of: RigOf, eventually: Eventually) -> None:
    """After SIGKILL and a restart every SKU is told; at most the rows of the call open at the kill are told twice."""
    rig = rig_of(kind, call_timeout_ms=2_000)
    skus = [f"SKU-{n}" for n in range(1_000)]
    rig.catalogue([{"sku": sku} for sku in skus])
    wanted = {sku: 1 + n for n, sku in enumerate(skus)}
    rig.levels(wanted)
    rig.control("faults", {"latency_ms": 400})
    publisher = rig.start("--instance", "a")
    eventually(lambda: len(rig.pushes()) >= 200)
    publisher.kill()
    before = rig.pushes()
    assert len(before) < len(skus)
    rig.control("faults", {"clear": True})
    rig.start("--instance", "a")
    eventually(lambda: rig.shows() == wanted, timeout_s=40)
    eventually(lambda: {r.status for r in rig.observed().values()} == {words.Status.IN_STEP})
    repeated = [sku for sku, times in Counter(push["sku"] for push in rig.pushes()).items() if times > 1]
    assert len(repeated) <= (250 if kind == "shopify" else 100)
    assert len(rig.observed()) == len(skus)


def test_an_outage_opens_the_circuit_and_heals_without_dead_letters(rig_of: RigOf, eventually: Eventually) -> None:
    """While the channel is down only probes reach it; when it is back everything is told, nothing is dead-lettered."""
    rig = rig_of("woocommerce")
    rig.catalogue([{"sku": f"S{n}"} for n in range(20)])
    rig.levels({f"S{n}": 10 for n in range(20)})
    publisher = rig.start()
    eventually(lambda: set(rig.shows().values()) == {10})
    rig.control("faults", {"outage_s": 60})
    for n in range(20):
        rig.levels({f"S{n}": 9})
        time.sleep(0.02)
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_circuit_open") == 1)
    calls = rig.control("state")["calls"]["calls"]
    rig.levels({f"S{n}": 8 for n in range(20)})
    time.sleep(1)
    assert rig.control("state")["calls"]["calls"] <= calls + 1
    rig.control("faults", {"clear": True})
    eventually(lambda: set(rig.shows().values()) == {8}, timeout_s=30)
    eventually(lambda: {r.status for r in rig.observed().values()} == {words.Status.IN_STEP})
    assert rig.read(topics.STOCK_DEADLETTER, records.DeadLetter) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_the_channel_refuses_fails_alone_and_can_be_replayed(
    kind: str, rig_of: RigOf, eventually: Eventually
) -> None:
    """The other rows of its call are told at once; the refused one is a dead letter until a replay heals it."""
    rig = rig_of(kind)
    rig.catalogue([{"sku": "GOOD"}, {"sku": "BAD"}, {"sku": "FINE"}])
    codes = {"shopify": "NON_MUTABLE_INVENTORY_ITEM", "woocommerce": "woocommerce_rest_invalid_something"}
    rig.control("faults", {"row_errors": {"BAD": {"code": codes[kind], "message": "not like this"}}})
    rig.levels({"GOOD": 3, "BAD": 4, "FINE": 5})
    publisher = rig.start()
    eventually(lambda: rig.shows() == {"GOOD": 3, "BAD": 0, "FINE": 5})
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_dead_skus") == 1)
    (letter,) = eventually(lambda: rig.read(topics.STOCK_DEADLETTER, records.DeadLetter))
    assert (letter.sku, letter.channel, letter.reason) == ("BAD", "shop", words.Reason.REJECTED)
    assert "not like this" in letter.err
    rig.control("faults", {"clear": True})
    argv = (sys.executable, "-m", "publishers", "command", "shop", "replay", "--config", str(rig.path), "--sku", "BAD")
    assert subprocess.run(argv, check=False, cwd=HOME, env={**os.environ, **ENV}).returncode == 0
    eventually(lambda: rig.shows()["BAD"] == 4)
    eventually(lambda: rig.observed()["BAD"].status is words.Status.IN_STEP)
    resolved = [one for one in rig.read(topics.STOCK_DEADLETTER, records.DeadLetter) if one.resolves]
    assert [one.resolves for one in resolved] == [letter.dead_letter_id]


def test_a_sale_that_has_not_reached_us_is_never_overwritten(rig_of: RigOf, eventually: Eventually) -> None:
    """
    Shopify sells 3 that we do not know of; a change elsewhere then lowers, and never raises, what it shows.

    When the order arrives nothing is hidden any more and the number is the level again.
    """
    rig = rig_of("shopify")
    rig.catalogue([{"sku": "HOT"}])
    rig.levels({"HOT": 10})
    publisher = rig.start()
    eventually(lambda: rig.shows() == {"HOT": 10})
    sold_at = now_ms()
    rig.control("sell", {"sku": "HOT", "qty": 3, "order_id": "1"})
    rig.levels({"HOT": 9})
    eventually(lambda: rig.shows() == {"HOT": 6})
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_hidden_units") == 3)
    rig.levels({"HOT": 20})
    time.sleep(0.5)
    assert rig.shows() == {"HOT": 6}
    rig.ordered("HOT", 17, 3, "shop_1_1", ordered_at=sold_at)
    eventually(lambda: rig.shows() == {"HOT": 17})
    assert rig.metric(publisher, "lastunit_publisher_hidden_units") == 0
    levels = [push["quantity"] for push in rig.pushes()]
    assert levels == [10, 6, 17]


def test_hidden_sales_end_when_the_order_poll_has_passed_them(rig_of: RigOf, eventually: Eventually) -> None:
    """A number that was lowered by hand looks like a hidden sale until the watermark has passed it."""
    rig = rig_of("shopify")
    rig.catalogue([{"sku": "HOT"}])
    rig.levels({"HOT": 10})
    rig.start()
    eventually(lambda: rig.shows() == {"HOT": 10})
    rig.control("level", {"sku": "HOT", "qty": 4})
    rig.levels({"HOT": 9})
    eventually(lambda: rig.observed()["HOT"].hidden == 6)
    time.sleep(0.3)
    assert rig.shows() == {"HOT": 3}
    passed = channel_records.Watermark(channel="shop", through=now_ms() + 60_000, at=now_ms())
    rig.write(topics.INGEST_WATERMARK, b"shop", passed)
    rig.producer.flush()
    eventually(lambda: rig.shows() == {"HOT": 9})


def test_the_source_channel_is_left_alone_only_when_nothing_else_can_have_moved_it(
    rig_of: RigOf, eventually: Eventually
) -> None:
    """An order placed long after our last write brings the channel to its number by itself; a younger one is told."""
    rig = rig_of("shopify")
    rig.catalogue([{"sku": "HOT"}])
    rig.levels({"HOT": 10})
    rig.start()
    eventually(lambda: rig.shows() == {"HOT": 10})
    eventually(lambda: rig.observed()["HOT"].status is words.Status.IN_STEP)
    rig.control("sell", {"sku": "HOT", "qty": 1, "order_id": "1"})
    rig.ordered("HOT", 9, 1, "shop_1_1", ordered_at=now_ms() + 6_000)
    eventually(lambda: next(iter(rig.observed()["HOT"].listings.values())).inferred)
    assert len(rig.pushes()) == 1
    rig.control("sell", {"sku": "HOT", "qty": 2, "order_id": "2"})
    rig.ordered("HOT", 7, 2, "shop_2_1", ordered_at=now_ms())
    eventually(lambda: len(rig.pushes()) == 2)
    assert rig.shows() == {"HOT": 7}
    assert rig.observed()["HOT"].hidden == 0


def test_a_lost_answer_is_asked_for_with_the_same_key(rig_of: RigOf, eventually: Eventually) -> None:
    """The channel did what we never heard of; the same body once more finds that out and changes nothing."""
    rig = rig_of("shopify")
    rig.catalogue([{"sku": "A"}])
    rig.levels({"A": 10})
    rig.start()
    eventually(lambda: rig.shows() == {"A": 10})
    rig.control("faults", {"lost_answers": 1})
    rig.levels({"A": 5})
    eventually(lambda: rig.shows() == {"A": 5})
    eventually(lambda: rig.observed()["A"].status is words.Status.IN_STEP)
    assert [push["quantity"] for push in rig.pushes()] == [10, 5]
    assert rig.control("state")["calls"]["idempotent_replays"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_shadow_tells_nothing_until_it_is_enabled(kind: str, rig_of: RigOf, eventually: Eventually) -> None:
    """In shadow the difference is measured, nothing is called or written; `enable` opens the gate, `stop` shuts it."""
    rig = rig_of(kind, mode="shadow")
    rig.catalogue([{"sku": "A"}, {"sku": "B"}])
    rig.levels({"A": 5, "B": 6, "NOWHERE": 1})
    publisher = rig.start()
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_dirty_skus") == 2)
    assert rig.control("state")["calls"].get("calls", 0) == 0
    assert rig.observed() == {}
    for word, level in (("enable", 5), ("stop", 5)):
        record = channel_records.PublisherCommand(command=words.Command(word), at=now_ms())
        rig.write(topics.publisher_command("shop"), b"", record)
        rig.producer.flush()
        eventually(partial(rig.show, {"A": level, "B": level + 1}))
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_pushing") == 0)
    rig.levels({"A": 1})
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_dirty_skus") == 1)
    assert rig.shows()["A"] == 5


def test_refused_credentials_stop_the_channel(rig_of: RigOf, eventually: Eventually) -> None:
    """A 401 stops all calls without costing an attempt; the metric says so, `enable` tries again."""
    rig = rig_of("shopify")
    rig.catalogue([{"sku": "A"}])
    rig.control("faults", {"status": {"code": 401, "count": 1}})
    rig.levels({"A": 5})
    publisher = rig.start()
    eventually(lambda: rig.metric(publisher, "lastunit_publisher_refused") == 1)
    calls = rig.control("state")["calls"]["calls"]
    rig.levels({"A": 6})
    time.sleep(0.5)
    assert rig.control("state")["calls"]["calls"] == calls
    rig.write(
        topics.publisher_command("shop"), b"", channel_records.PublisherCommand(command=words.Command.ENABLE, at=1)
    )
    rig.producer.flush()
    eventually(lambda: rig.shows() == {"A": 6})


def test_a_standby_takes_over_and_the_old_one_makes_no_call(rig_of: RigOf, eventually: Eventually) -> None:
    """A paused publisher is replaced; when it goes on it finds itself fenced, calls nobody and stands by."""
    rig = rig_of("woocommerce", call_timeout_ms=2_000)
    rig.catalogue([{"sku": "A"}])
    rig.levels({"A": 5})
    first = rig.start()
    eventually(lambda: rig.shows() == {"A": 5})
    second = rig.start()
    eventually(lambda: rig.ready(second))
    assert rig.metric(second, "lastunit_publisher_active") == 0
    first.kill(signal.SIGSTOP)
    eventually(lambda: rig.metric(second, "lastunit_publisher_active") == 1, timeout_s=30)
    rig.levels({"A": 4})
    eventually(lambda: rig.shows() == {"A": 4})
    first.kill(signal.SIGCONT)
    rig.levels({"A": 3})
    eventually(lambda: rig.shows() == {"A": 3})
    eventually(lambda: rig.metric(first, "lastunit_publisher_active") == 0)
    assert [push["quantity"] for push in rig.pushes()] == [5, 4, 3]


def test_a_drain_leaves_no_open_intent(rig_of: RigOf, eventually: Eventually) -> None:
    """On SIGTERM the open call is finished and its result written before the process ends."""
    rig = rig_of("woocommerce")
    rig.catalogue([{"sku": f"S{n}"} for n in range(300)])
    rig.control("faults", {"latency_ms": 300})
    rig.levels({f"S{n}": 7 for n in range(300)})
    publisher = rig.start()
    eventually(lambda: len(rig.pushes()) >= 100)
    publisher.stop()
    shown = [one for record in rig.observed().values() for one in record.listings.values()]
    assert shown
    assert all(one.request_id is None for one in shown)
    assert Counter(one.shown for one in shown) == {7: len(rig.pushes())}
