"""The index of held lines on disk, against a real topic: a restart reads what is new, and never another log."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ingest.poll.follow import Following
from schemas.codec import encode
from schemas.config import Config, load
from schemas.ids import line_key
from schemas.records import OrderOutcome
from schemas.topics import ORDER_OUTCOME
from schemas.words import Result


def outcome(line: int, revision: int = 10, held: int = 2, timestamp: int | None = None) -> OrderOutcome:
    return OrderOutcome(
        sku=f"S{line}",
        order_id=f"shop_7_{line}",
        channel="shop",
        revision=revision,
        seen_at=revision,
        qty=held,
        held=held,
        shortfall=0,
        delta=held,
        result=Result.ACCEPTED,
        new_qty=1,
        version=1,
        ordered_at=5,
        timestamp=int(time.time() * 1000) if timestamp is None else timestamp,
        source={},
    )


class Index:
    """One deployment's topic, and an index that is opened again and again."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.topic = config.kafka.topic(ORDER_OUTCOME)

    def write(self, outcomes: Iterable[OrderOutcome] = (), tombstones: Iterable[tuple[str, str]] = ()) -> None:
        """Do as the processor does."""
        producer = Producer(self.config.kafka.producer())
        for one in outcomes:
            producer.produce(self.topic, encode(one), line_key(one.order_id, one.sku), partition=hash(one.sku) % 4)
        for order_id, sku in tombstones:
            producer.produce(self.topic, None, line_key(order_id, sku), partition=hash(sku) % 4)
        assert producer.flush(20) == 0

    def read(self) -> tuple[dict[str, int], int]:
        """Open the index; return the units of order 7's lines by SKU, and how many records were read for it."""
        following, read = Following(self.config, "shop"), list[bytes]()
        apply = following.apply

        def counted(key: bytes, value: bytes | None) -> None:
            read.append(key)
            apply(key, value)

        following.apply = counted  # type: ignore[method-assign]  # to count what is read
        following.start()
        following.wait()
        assert following.loaded
        found = {sku: known.qty for (_, sku), known in following.lines("7").items()}
        following.close()
        return found, len(read)


@pytest.fixture
def index(config_file: Callable[..., Path], tmp_path: Path) -> Index:
    shop = {"name": "shop", "kind": "woocommerce", "since": 0, "base_url": "http://127.0.0.1:1"}
    return Index(load(config_file([shop], {"ingest": {"state_dir": str(tmp_path / "state")}})))


def test_a_restart_reads_what_is_new_and_forgets_what_is_gone(index: Index) -> None:
    """Ten lines, then one more, one changed, one forgotten by the processor, one older than its horizon."""
    index.write([outcome(line) for line in range(10)] + [outcome(98, timestamp=1)])
    assert index.read() == ({f"S{line}": 2 for line in range(10)}, 11)
    index.write([outcome(10), outcome(3, revision=20, held=5)], [("shop_7_4", "S4")])
    expected = {f"S{line}": 2 for line in range(11)} | {"S3": 5}
    del expected["S4"]
    assert index.read() == (expected, 3)
    assert index.read() == (expected, 0)


def test_a_topic_that_was_made_anew_is_read_from_its_beginning(index: Index, eventually: Any) -> None:
    """Deleted and created again under its name: the old lines are not believed."""
    index.write([outcome(line) for line in range(10)])
    index.read()
    admin = AdminClient(index.config.kafka.client())
    admin.delete_topics([index.topic], operation_timeout=20)[index.topic].result(20)
    eventually(lambda: index.topic not in admin.list_topics(timeout=10).topics)
    admin.create_topics([NewTopic(index.topic, num_partitions=4)], operation_timeout=20)[index.topic].result(20)
    eventually(lambda: len(getattr(admin.list_topics(timeout=10).topics.get(index.topic), "partitions", ())) == 4)
    index.write([outcome(1)])
    assert index.read() == ({"S1": 2}, 1)


def test_offsets_that_the_topic_does_not_hold_make_the_index_anew(
    index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has lost its end: the file stands for records that are no more, and is put aside."""
    index.write([outcome(line) for line in range(10)])
    index.read()
    db = sqlite3.connect(tmp_path / "state" / "poll-shop.sqlite")
    db.execute("UPDATE offsets SET next = next + 1000")
    db.commit()
    db.close()
    with caplog.at_level(logging.WARNING):
        assert index.read() == ({f"S{line}": 2 for line in range(10)}, 10)
    assert "put aside" in caplog.text


def test_a_file_that_fails_while_it_is_used_ends_the_poller_and_is_made_anew_by_the_next(index: Index) -> None:
    """A disk that answers nonsense: nothing more is decided with it, and the next start has all lines again."""
    index.write([outcome(line) for line in range(10)])
    following = Following(index.config, "shop")
    following.start()
    following.wait()
    assert following._disk is not None
    following._disk._db.execute("DROP TABLE lines")
    with pytest.raises(Exception, match="no such table"):
        following.lines("7")
    following.close()
    assert index.read() == ({f"S{line}": 2 for line in range(10)}, 10)
