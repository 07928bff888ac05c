"""A worker's deaths, pauses and returns: nothing lost, nothing doubled, nothing written by who lost the right to."""

import json
import random
import signal
import time
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from compose.runner.deployment import create_topics
from schemas.topics import ORDER_CONFIRMED, STOCK_LEVEL

SKUS = [f"SKU-{number}" for number in range(40)]


def stock(shop: Any) -> None:
    """Give every SKU its first count."""
    for sku in SKUS:
        shop.adjust(sku, "set", 40, f"count-{sku}")


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_worker_killed_in_the_middle_of_its_work_loses_and_doubles_nothing(
    shop: Any, audit: Any, day: Any, kill: Any
) -> None:
    """SIGKILL four times at seeded moments under load; the one that comes after takes over where the log ends."""
    chance = random.Random(7)
    stock(shop)
    stream = day(chance, 6_000, SKUS)
    worker = shop.worker()
    for _ in range(4):
        for _ in range(1_200):
            next(stream)
        shop.flush()
        if chance.random() < 0.5:
            shop.ready(worker)
        time.sleep(chance.uniform(0, 0.6))  # the moment of the kill is the experiment
        kill(worker)
        worker = shop.worker()
    for _ in stream:
        pass
    shop.settle()
    audit(shop)


def test_a_worker_that_wakes_up_after_its_session_cannot_write(shop: Any, audit: Any, day: Any) -> None:
    """SIGSTOP for longer than the session: the other takes over; after SIGCONT no level or outcome is overwritten."""
    stock(shop)
    first, second = shop.worker("a"), shop.worker("b")
    shop.ready(first)
    shop.ready(second)
    stream = day(random.Random(3), 4_000, SKUS)
    for _ in range(1_000):
        next(stream)
    shop.flush()
    first.kill(signal.SIGSTOP)
    for _ in range(2_000):
        next(stream)
    shop.settle()
    for _ in range(500):
        next(stream)
    first.kill(signal.SIGCONT)
    for _ in stream:
        pass
    shop.settle()
    audit(shop)
    assert shop.get(second, "/healthz")[0] == 200


def test_a_restart_has_the_tables_that_stand_in_the_topics(shop: Any, audit: Any, kill: Any) -> None:
    """Everything delivered again after a restart changes nothing, not even when the group's positions are gone."""
    stock(shop)
    for number in range(400):
        shop.order(SKUS[number % 40], number)
    worker = shop.worker()
    shop.settle()
    before = shop.outcomes()
    kill(worker)
    admin = AdminClient(shop.config.kafka.client())
    group = shop.config.kafka.group("processor")

    def forgotten() -> bool:
        return all(not f.exception() for f in admin.delete_consumer_groups([group]).values())

    shop.eventually(forgotten)  # possible once the dead worker's session is over
    for number in range(400):
        shop.order(SKUS[number % 40], number)
    shop.order("SKU-0", 1_000)
    shop.worker()
    shop.settle()
    after = shop.outcomes()
    assert len(after) == len(before) + 1
    level = shop.levels()["SKU-0"]
    assert (level["quantity"], level["version"]) == (29, 12)
    audit(shop)


def test_the_positions_in_the_records_are_those_of_the_group(shop: Any) -> None:
    """No level or outcome names an offset that the committed position has not passed: both are one transaction."""
    stock(shop)
    for number in range(200):
        shop.order(SKUS[number % 40], number)
    shop.worker()
    shop.settle()
    positions = shop.positions()
    highest = max(max(json.loads(m.value())["source"].values()) for m in shop.read(STOCK_LEVEL))
    assert highest < max(positions.values())
    assert sum(positions.values()) == 240


def test_a_worker_drains_on_sigterm(shop: Any, audit: Any, day: Any) -> None:
    """Asked to end under load it finishes its transactions, leaves within 10 s with code 0, and nothing is lost."""
    stock(shop)
    worker = shop.worker()
    shop.ready(worker)
    for _ in day(random.Random(5), 3_000, SKUS):
        pass
    started = time.monotonic()
    worker.kill(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert time.monotonic() - started < 10
    shop.worker()
    shop.settle()
    audit(shop)


def test_a_log_that_was_truncated_stops_its_partition_with_a_reason(shop: Any, kill: Any) -> None:
    """A position beyond the log's end is no place to go on from: named in /healthz, unready, the others go on."""
    stock(shop)
    worker = shop.worker()
    shop.settle()
    kill(worker)
    admin = AdminClient(shop.config.kafka.client())
    from confluent_kafka import TopicPartition

    topic = shop.config.kafka.topic("order.confirmed")
    shop.order("SKU-0", 1)
    shop.flush()
    partition = next(m.partition() for m in shop.read("order.confirmed"))
    for future in admin.delete_records([TopicPartition(topic, partition, 1)]).values():
        future.result(20)
    worker = shop.worker()
    shop.eventually(
        lambda: "wedged" in json.dumps(json.loads(shop.get(worker, "/healthz")[1] or "{}").get("lanes", {}))
    )
    status, body = shop.get(worker, "/readyz")
    assert status == 503
    assert "deleted before they were read" in json.loads(body)["wedged"][str(partition)]


def test_a_topic_made_anew_under_a_running_worker_stops_its_partitions(shop: Any, kill: Any) -> None:
    """Even one whose log has grown beyond the old positions: named, unready, and no restart passes over it."""
    stock(shop)
    for number in range(40):
        shop.order(SKUS[number], number)
    worker = shop.worker()
    shop.settle()
    admin = AdminClient(shop.config.kafka.client())
    topic = shop.config.kafka.topic(ORDER_CONFIRMED)
    for future in admin.delete_topics([topic]).values():
        future.result(20)

    def wedged() -> list[str]:
        return list(json.loads(shop.get(worker, "/readyz")[1] or "{}").get("wedged", {}).values())

    shop.eventually(lambda: topic not in admin.list_topics(timeout=10).topics)
    create_topics(shop.path)
    shop.eventually(lambda: len(wedged()) == shop.count)
    assert all("made anew" in reason or "should come next" in reason for reason in wedged())
    for number in range(400, 800):
        shop.order(SKUS[number % 40], number)
    shop.flush()
    kill(worker)
    worker = shop.worker()
    shop.eventually(lambda: len(wedged()) == shop.count)
    assert all("made anew" in reason for reason in wedged())
    assert shop.get(worker, "/readyz")[0] == 503
    assert len(shop.outcomes()) == 80
