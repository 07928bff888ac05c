"""The publisher against a real Kafka and the stand-in channels."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from compose.runner.child import Child
from schemas import records, topics
from schemas.cluster import now_ms
from schemas.codec import Record, decode, encode
from schemas.config import load
from schemas.ids import listing_key
from schemas.settings import Config

LOCATION = "gid://shopify/Location/24826418"
ENV = {
    "FAKE_WEBHOOK_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
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
    fake: Child
    path: Path
    config: Config
    service: Service
    producer: Producer
    versions: Counter[str] = field(default_factory=Counter)
    listings: dict[str, records.Listing] = field(default_factory=dict)

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
            listing = records.Listing(
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
        adjusted = records.Cause(kind=records.CauseKind.ADJUSTMENT, delta=0, received_at=now_ms())
        record = records.StockLevel(
            sku=sku,
            quantity=quantity,
            version=self.versions[sku],
            paused=None,
            policy=records.Policy.REJECT,
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
            kind=records.CauseKind.ORDER,
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
            result=records.Result.ACCEPTED,
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

    def pushes(self) -> list[dict[str, Any]]:
        """Return the writes that the stand-in took, in order."""
        return list(self.control("pushes")["pushes"])

    def read(self, name: str, kind: type[Any]) -> list[Any]:
        """Return all committed records of a topic, partition by partition."""
        settings = self.config.kafka.consumer("test-reader", enable_partition_eof="true")
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

    def observed(self) -> dict[str, records.ChannelLevel]:
        """Return the newest record of every SKU on the channel's own topic."""
        return {record.sku: record for record in self.read(topics.channel_level("shop"), records.ChannelLevel)}

    def metric(self, publisher: Child, name: str) -> float:
        """Return one of the publisher's metrics, summed over its labels."""
        lines = http(f"http://{publisher.address}/metrics").splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))


RigOf = Callable[..., Rig]


@pytest.fixture
def rig_of(config_file: ConfigFile, service: Service) -> RigOf:
    """Return a maker of rigs: a stand-in of a kind and a configuration that points at it."""

    def make(kind: str, **settings: object) -> Rig:
        argv = (sys.executable, "-m", "compose.fakes", "--kind", kind, "--name", "shop")
        fake = service(f"fake-{kind}", *argv, env={**ENV, "FAKE_TOKEN": TOKENS[kind]})
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
    eventually(lambda: {r.status for r in rig.observed().values()} == {records.Status.IN_STEP})
    observed = rig.observed()
    assert {sku: next(iter(r.listings.values())).shown for sku, r in observed.items()} == wanted
    assert all(shown.request_id is None for r in observed.values() for shown in r.listings.values())
    rows = [row for row in rig.read(topics.SYNC_LOG, records.SyncLog) if row.verdict == "delivered"]
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
    for quantity in range(99, 89, -1):
        rig.levels({"HOT": quantity})
        eventually(lambda quantity=quantity: rig.shows() == {"HOT": quantity})
    eventually(lambda: len(rig.read(topics.SYNC_LOG, records.SyncLog)) >= 11)
    delivered = [row for row in rig.read(topics.SYNC_LOG, records.SyncLog) if row.verdict == "delivered"]
    lags = sorted(row.lag_ms for row in delivered if row.quantity < 100)
    print(kind, "lag ms", lags)
    assert lags[len(lags) // 2] < 500
