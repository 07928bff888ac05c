"""Bad input and foreign writers, against a real Kafka: nothing passes silently, nothing stops more than it must."""

import base64
import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from processor import skip_cli
from schemas.partition import partition_of
from schemas.topics import ORDER_CONFIRMED, STOCK_ADJUSTED

NOW = int(time.time() * 1000)
SKUS = [f"SKU-{number}" for number in range(8)]


def wedged(shop: Any, worker: Any) -> dict[str, str]:
    """Return the partitions that a worker has stopped, with their reasons."""
    found: dict[str, str] = json.loads(shop.get(worker, "/readyz")[1] or "{}").get("wedged", {})
    return found


def test_a_transactional_writers_markers_and_aborted_records_are_no_gaps(shop: Any, kill: Any) -> None:
    """Orders behind them are decided, adjustments that end in a marker hold no order up, a restart finds its place."""
    for topic in (STOCK_ADJUSTED, ORDER_CONFIRMED):
        writer = Producer(shop.config.kafka.producer(transactional_id=shop.config.kafka.group(f"foreign-{topic}")))
        writer.init_transactions(20)
        for end in (writer.commit_transaction, writer.abort_transaction, writer.commit_transaction):
            writer.begin_transaction()
            aborted = end == writer.abort_transaction
            for number, sku in enumerate(SKUS):
                value = order(sku, number, aborted=aborted) if topic == ORDER_CONFIRMED else delivery(sku, end)
                writer.produce(shop.config.kafka.topic(topic), key=sku.encode(), value=value)
            end(20)
        if topic == STOCK_ADJUSTED:
            worker = shop.worker()
    shop.eventually(lambda: {level["quantity"] for level in shop.levels().values()} == {19})
    assert shop.get(worker, "/readyz")[0] == 200
    lag = "lastunit_processor_lag_records"
    shop.eventually(
        lambda: (
            [line.split()[1] for line in shop.get(worker, "/metrics")[1].splitlines() if line.startswith(lag)]
            == ["0.0"] * 2 * shop.count
        )
    )
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    shop.order("SKU-0", 99)
    shop.flush()
    shop.eventually(lambda: shop.levels()["SKU-0"]["quantity"] == 18)
    assert wedged(shop, worker) == {}
    assert shop.dead() == []


def order(sku: str, number: int, *, aborted: bool) -> bytes:
    """Return an order line, with an impossible quantity where it must not be seen."""
    record = {
        "v": 1, "sku": sku, "listingSku": sku, "qty": 1_000 if aborted else 1, "channel": "shop",
        "orderId": f"shop_{number}_1", "revision": 9 if aborted else 1, "seenAt": 1, "orderedAt": NOW,
        "receivedAt": NOW,
    }  # fmt: skip
    return json.dumps(record).encode()


def delivery(sku: str, end: Any) -> bytes:
    """Return ten units, once for each transaction."""
    record = {"v": 1, "sku": sku, "kind": "add", "qty": 10, "adjustmentId": f"{sku}-{id(end)}", "receivedAt": 1}
    return json.dumps(record).encode()


def test_each_kind_of_bad_record_is_kept_once_and_nothing_else_waits_for_it(shop: Any, kill: Any) -> None:
    """Over a restart too: with its bytes where they fit, and with its place and reason in any case."""
    shop.adjust("SKU-0", "set", 10, "count")
    good = json.loads(order("SKU-0", 1, aborted=False))
    foreign = json.dumps(good | {"v": 2}).encode()
    huge = json.dumps(good | {"note": "x" * 1_020_000}).encode()
    astray = next(n for n in range(shop.count) if n != partition_of(b"SKU-0", shop.count))
    shop.send(ORDER_CONFIRMED, b"SKU-0", b"{not JSON")
    shop.send(ORDER_CONFIRMED, b"SKU-0", foreign)
    shop.flush()
    other = Producer(shop.config.kafka.producer(message_max_bytes=1_048_000))  # another team's, with its own limits
    other.produce(shop.config.kafka.topic(ORDER_CONFIRMED), key=b"SKU-0", value=huge)
    assert other.flush(20) == 0
    shop.send(ORDER_CONFIRMED, b"SKU-0", None)
    shop.send(ORDER_CONFIRMED, b"SKU-0", order("SKU-1", 2, aborted=False))
    shop.send(ORDER_CONFIRMED, b"SKU-0", order("SKU-0", 3, aborted=False), partition=astray)
    shop.send(ORDER_CONFIRMED, None, order("SKU-0", 4, aborted=False), partition=astray)
    shop.send(ORDER_CONFIRMED, b"SKU-0", json.dumps(good | {"newField": {"of": ["a", "newer", "ingest"]}}).encode())
    worker = shop.worker()
    shop.settle()
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    dead = shop.dead()
    expected = [
        "not JSON (unexpected character",
        "version 2, this reader knows 1",
        f"{len(huge)} bytes, at most 1000000",
        "not JSON (Input is a zero-length",
        "the key is not the SKU",
        "the key is not the SKU",
        "the key belongs into partition",
    ]
    reasons = [one["err"].removeprefix("OrderConfirmed: ")[:20] for one in dead]
    assert sorted(reasons) == sorted(sentence[:20] for sentence in expected)
    assert len({one["deadLetterId"] for one in dead}) == 7
    kept = [base64.b64decode(one["original"]) for one in dead if one["original"] is not None]
    assert {b"{not JSON", foreign, b""} < set(kept)
    assert len(kept) == 6
    assert shop.levels()["SKU-0"]["quantity"] == 9
    assert {outcome["orderId"] for outcome in shop.outcomes()} == {"adj_count", "shop_1_1"}


@pytest.fixture
def strict(shop: Any, config_file: Any, service: Any, eventually: Any) -> Any:
    """Return a deployment that takes five dead letters on end and no more."""
    settings = {"session_timeout_ms": 6000, "batch_max": 100, "dead_letters_max": 5, "dead_letters_window": 100}
    path = config_file([{"name": "shop", "kind": "generic", "since": 0}], {"processor": settings})
    return type(shop)(path, service, eventually)


def command(shop: Any, name: str, *more: str) -> int:
    """Run one of the processor's commands; return its exit code."""
    return skip_cli.main([name, "--config", str(shop.path), "--reason", "a test", *more])


def test_a_broken_release_upstream_stops_its_partition_instead_of_draining_the_topic(strict: Any, kill: Any) -> None:
    """The limit holds over restarts and new tries; what stands behind is decided once the operator has accepted it."""
    strict.adjust("SKU-0", "set", 10, "count")
    strict.flush()
    for number in range(3):
        strict.order("SKU-0", number)
    for number in range(20):
        strict.send(ORDER_CONFIRMED, b"SKU-0", b'{"v": 2, "number": %d}' % number)
    for number in range(3, 6):
        strict.order("SKU-0", number)
    strict.flush()
    (partition,) = {message.partition() for message in strict.read(ORDER_CONFIRMED)}
    for attempt in range(2):
        worker = strict.worker()
        strict.eventually(lambda at=worker: wedged(strict, at))
        reason = str(wedged(strict, worker))
        assert "more than 5 of 100 records on end cannot be used; the next one stands at 8" in reason
        assert len(strict.dead()) == 5
        assert strict.levels()["SKU-0"]["quantity"] == 7
        if attempt == 0:
            kill(worker)
    assert command(strict, "resume", "--partition", str(partition)) == 0
    strict.eventually(lambda: [one for one in strict.dead() if one["reason"] == "skipped"])
    strict.eventually(lambda: str(partition) in wedged(strict, worker))
    assert command(strict, "resume", "--partition", str(partition), "--accept") == 0
    strict.settle()
    assert strict.levels()["SKU-0"]["quantity"] == 4
    assert len([one for one in strict.dead() if one["reason"] == "undecodable"]) == 20
    strict.ready(worker)


def test_batches_that_are_spoilt_on_the_disk_stop_their_partitions_alone(shop: Any, run_folder: Path) -> None:
    """Whether a checksum or a compression is wrong: what stands before is decided, and `skip` passes over the batch."""
    for sku in SKUS:
        shop.adjust(sku, "set", 10, f"count-{sku}")
    shop.flush()
    home = {message.key().decode(): message.partition() for message in shop.read(STOCK_ADJUSTED)}
    first, second, sound = list({partition: sku for sku, partition in home.items()}.values())[:3]
    for number in range(3):
        shop.order(first, number)
        shop.order(second, number)
        shop.flush()  # so that each is a batch of its own
    log = run_folder / "kafka" / "log"
    spoil(log / f"{shop.config.kafka.topic(ORDER_CONFIRMED)}-{home[first]}", whole=False)
    spoil(log / f"{shop.config.kafka.topic(ORDER_CONFIRMED)}-{home[second]}", whole=True)
    worker = shop.worker()
    shop.eventually(lambda: len(wedged(shop, worker)) == 2)
    reasons = wedged(shop, worker)
    assert reasons.keys() == {str(home[first]), str(home[second])}
    assert all("order.confirmed: the batch at offset 1 cannot be read" in reason for reason in reasons.values())
    shop.order(sound, 7)
    shop.flush()
    shop.eventually(lambda: shop.levels()[sound]["quantity"] == 9)
    assert [shop.levels()[sku]["quantity"] for sku in (first, second)] == [9, 9]
    assert shop.get(worker, "/healthz")[0] == 200
    where = ("--topic", ORDER_CONFIRMED, "--to", "2")
    assert command(shop, "skip", "--partition", str(home[first]), *where) == 2
    for sku in (first, second):
        assert command(shop, "skip", "--partition", str(home[sku]), *where, "--yes") == 0
    shop.settle()
    assert [shop.levels()[sku]["quantity"] for sku in (first, second)] == [8, 8]


def spoil(folder: Path, *, whole: bool) -> None:
    """Change the last byte of the second batch in a partition's log; `whole` makes its checksum right again."""
    (log,) = folder.glob("*.log")
    data = bytearray(log.read_bytes())
    start = 12 + struct.unpack_from(">i", data, 8)[0]
    end = start + 12 + struct.unpack_from(">i", data, start + 8)[0]
    data[end - 1] ^= 0xFF
    if whole:
        struct.pack_into(">I", data, start + 17, calc_crc32c(bytes(data[start + 21 : end])))
    with log.open("r+b") as file:
        file.write(data)
