"""What earlier processes used of a rolling day, read from a real Kafka."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import Producer

from publishers.push import READ, TELL
from publishers.spent_before import Spent, read
from schemas.channel_records import Reconciliation, SyncLog
from schemas.cluster import now_ms
from schemas.codec import encode
from schemas.config import load
from schemas.settings import Config
from schemas.topics import SYNC_LOG, SYNC_RUN

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class ConfigFile(Protocol):
    """See `tests/conftest.py`."""

    def __call__(
        self, channels: Sequence[Mapping[str, object]] = (), sections: Mapping[str, Mapping[str, object]] | None = None
    ) -> Path:
        """Make a file."""


@pytest.fixture(scope="module")
def config(config_file: ConfigFile) -> Config:
    """Return a deployment of its own."""
    return load(
        config_file([{"name": "etsy", "kind": "etsy", "since": 1}, {"name": "shop", "kind": "shopify", "since": 1}])
    )


def row(call: str, sku: str, listing: str, at: int, channel: str = "etsy", **more: Any) -> SyncLog:
    """Make a row of a call."""
    given: dict[str, Any] = {"verdict": "delivered", "requests": 2, **more}
    return SyncLog(
        call_id=call,
        channel=channel,
        sku=sku,
        listing_id=listing,
        quantity=1,
        version=1,
        response_code=200,
        err=None,
        started_at=at,
        duration_ms=7,
        lag_ms=0,
        **given,
    )


def write(config: Config, *records: SyncLog | Reconciliation, committed: bool = True) -> None:
    """Write records as a publisher does."""
    producer = Producer(config.kafka.producer(transactional_id=config.kafka.group("publisher-test")))
    producer.init_transactions(20)
    producer.begin_transaction()
    for one in records:
        topic, key = (SYNC_LOG, one.sku) if isinstance(one, SyncLog) else (SYNC_RUN, one.channel)
        producer.produce(config.kafka.topic(topic), key=key, value=encode(one))
    producer.flush(20)
    (producer.commit_transaction if committed else producer.abort_transaction)(20)


def test_the_calls_of_the_last_day_are_found_in_every_partition_and_no_others(config: Config) -> None:
    """Rows of a call lie in several partitions; other channels, older calls and what was not committed do not count."""
    now = now_ms()
    run = Reconciliation(
        run_id="run",
        channel="etsy",
        dry_run=True,
        started_at=now - 9_000,
        ended_at=now - 8_000,
        shown=2_000,
        left_out=0,
        requests=20,
    )
    write(
        config,
        *(row("wide", f"S{number}", f"L{number}", now - HOUR_MS) for number in range(9)),
        row("read", "S1", "L1", now - 5_000, verdict="read_back", requests=1),
        row("old", "S1", "L1", now - DAY_MS - 1),
        row("other", "S1", "L1", now, channel="shop"),
        run,
    )
    write(config, row("undone", "S1", "L1", now), committed=False)

    wide, swept, looked = read(config, "etsy", now - DAY_MS)

    assert (wide.call_id, wide.at, wide.bucket, wide.requests) == ("wide", now - HOUR_MS + 7, TELL, 2)
    assert set(wide.listings) == {f"L{number}" for number in range(9)}
    assert swept == Spent(at=now - 8_000, call_id="run", bucket=READ, listings=(), requests=20)
    assert looked == Spent(at=now - 4_993, call_id="read", bucket=READ, listings=(), requests=1)


def test_a_channel_that_was_never_told_has_used_nothing_and_is_read_at_once(config: Config) -> None:
    """A first start does not wait for a log that is not there."""
    begun = time.monotonic()
    assert read(config, "nobody", now_ms() - DAY_MS) == []
    assert read(config, "etsy", now_ms() + HOUR_MS) == []
    assert time.monotonic() - begun < 10
