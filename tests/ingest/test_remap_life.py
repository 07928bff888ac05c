"""The service around the unmapped lines: what is written first, what a failure leaves, what may be forgotten."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from ingest.listings import Listings
from ingest.message import Message
from ingest.producer import Producer, Unavailable
from ingest.remap import life, metrics
from ingest.remap.letters import Letters
from ingest.remap.life import Remap
from schemas.channel_records import Listing
from schemas.codec import decode, encode
from schemas.config import parse
from schemas.ids import listing_key
from schemas.records import DeadLetter, OrderConfirmed
from schemas.topics import ORDER_CONFIRMED, STOCK_DEADLETTER
from schemas.words import Reason

CONFIG = parse({"kafka": {"bootstrap": "127.0.0.1:9"}, "channels": [{"name": "uk", "kind": "shopify", "since": 1}]})


def letter(number: int, revision: int = 1, qty: int = 2, listing: str = "11") -> DeadLetter:
    return DeadLetter(
        dead_letter_id=f"l{number}-{revision}",
        reason=Reason.UNMAPPED,
        err="no SKU",
        at=300,
        channel="uk",
        order_id=f"uk_{number}_1",
        qty=qty,
        listing_id=listing,
        revision=revision,
        seen_at=200,
        ordered_at=50,
    )


class Kafka:
    """What a producer is told; it acknowledges unless it is away, and something may happen before it does."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Message]] = []
        self.away = 0
        self.meanwhile: Any = None
        self.alive = True

    async def send(self, messages: Sequence[Message]) -> None:
        """Take a batch."""
        if self.meanwhile:
            self.meanwhile()
        if self.away and len(self.batches) + 1 >= self.away:
            raise Unavailable("no broker")
        self.batches.append(messages)


class Bench:
    """The service without Kafka: records go in as its threads would hand them over."""

    def __init__(self, most: int = 1_000) -> None:
        self.kafka = Kafka()
        self.listings, self.letters = Listings(CONFIG), Letters(CONFIG, most)
        self.remap = Remap(self.listings, self.letters, cast("Producer", self.kafka), CONFIG.channel_names)

    def told(self, *letters: DeadLetter) -> None:
        """Let dead letters come."""
        for one in letters:
            self.letters.apply(encode(one))

    def map(self, listing_id: str = "11", sku: str = "TEE") -> None:
        """Let a listing come."""
        listing = Listing(channel="uk", listing_id=listing_id, sku=sku)
        self.listings.apply(0, listing_key("uk", listing_id), encode(listing))

    def look(self) -> bool:
        """Look once."""
        return asyncio.run(self.remap.look())

    def records(self, topic: str) -> list[Any]:
        """Return what was written to a topic."""
        kind: Any = {ORDER_CONFIRMED: OrderConfirmed, STOCK_DEADLETTER: DeadLetter}[topic]
        return [
            decode(kind, message.value) for batch in self.kafka.batches for message in batch if message.topic == topic
        ]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "AGAIN_S", 0.0)


def test_nothing_is_written_before_the_listing_is_there() -> None:
    """Then the state, and after its acknowledgement the end of the letter; then nothing more."""
    bench = Bench()
    bench.told(letter(1))
    assert bench.look() is True
    assert [message for batch in bench.kafka.batches for message in batch] == []

    bench.map()
    assert bench.look() is False
    first, after = bench.kafka.batches[-2:]

    assert [message.topic for message in first] == [ORDER_CONFIRMED]
    assert [message.topic for message in after] == [STOCK_DEADLETTER]
    assert bench.look() is True


@pytest.mark.parametrize("away", [1, 2])
def test_what_kafka_has_not_acknowledged_is_said_again(away: int) -> None:
    """The state or the letter's end: both come again, and the end never without the state."""
    bench = Bench()
    bench.told(letter(1))
    bench.map()
    bench.kafka.away = away
    assert bench.look() is False
    assert bench.records(STOCK_DEADLETTER) == []

    bench.kafka.away = 0
    bench.look()

    assert [record.sku for record in bench.records(ORDER_CONFIRMED)] == ["TEE"] * away
    assert [record.resolves for record in bench.records(STOCK_DEADLETTER)] == ["l1-1"]


def test_a_newer_state_that_comes_while_the_older_is_written_is_not_forgotten() -> None:
    """Its letter is not ended with the others: it was not in what Kafka acknowledged."""
    bench = Bench()
    bench.told(letter(1))
    bench.map()

    def meanwhile() -> None:
        bench.kafka.meanwhile = None
        bench.told(letter(1, revision=2, qty=0))

    bench.kafka.meanwhile = meanwhile
    bench.look()
    bench.look()

    assert [(record.revision, record.qty) for record in bench.records(ORDER_CONFIRMED)] == [(1, 2), (2, 0)]
    assert [record.resolves for record in bench.records(STOCK_DEADLETTER)] == ["l1-1", "l1-2"]


def test_many_lines_are_counted_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded, and none is left."""
    monkeypatch.setattr(life, "AT_ONCE", 3)
    bench = Bench()
    bench.told(*[letter(number) for number in range(8)], letter(99, listing="12"))
    bench.map()
    looks = 1
    while not bench.look():
        looks += 1

    assert looks == 4
    assert sorted(record.order_id for record in bench.records(ORDER_CONFIRMED)) == [f"uk_{n}_1" for n in range(8)]
    assert bench.letters.counts()[0] == {"uk": 1}


def test_letters_beyond_the_bound_are_read_again_once_there_is_room() -> None:
    """None is lost: the topic keeps them, ends of letters included, and is read on from the first that did not fit."""
    bench = Bench(most=4)
    topic = [letter(number) for number in range(11)]
    bench.map()
    at, reads = 0, 0
    while at < len(topic):
        for offset in range(at, len(topic)):
            bench.letters.apply(encode(topic[offset]), 0, offset)
        if reads == 0:
            assert (bench.letters.counts()[1], bench.letters.back_to()) == (7, {})
        while not bench.look():
            pass
        topic += bench.records(STOCK_DEADLETTER)[sum(one.resolves is not None for one in topic) :]
        at, reads = bench.letters.back_to().get(0, len(topic)), reads + 1
        assert reads < 10

    assert {record.order_id for record in bench.records(ORDER_CONFIRMED)} == {f"uk_{n}_1" for n in range(11)}
    assert bench.letters.counts() == ({}, 0)


def test_the_metrics_say_how_many_lines_wait_and_0_again() -> None:
    """By channel; a channel that nothing waits for is there with 0."""
    bench = Bench()
    bench.remap._tell()
    assert metrics.WAITING.labels("uk")._value.get() == 0

    bench.told(letter(1), letter(2))
    bench.remap._tell()

    assert metrics.WAITING.labels("uk")._value.get() == 2


def test_a_letter_that_cannot_be_read_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is said, and the next ones are taken."""
    bench = Bench()
    bench.letters.apply(b"{}")
    bench.letters.apply(None)
    bench.told(letter(1))

    assert "cannot be read" in caplog.text
    assert bench.letters.counts()[0] == {"uk": 1}
