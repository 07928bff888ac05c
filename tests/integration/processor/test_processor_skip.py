"""`python -m processor skip` on a real Kafka: the only way on for a partition whose positions stopped it."""

import contextlib
import io
import json
import subprocess
import sys
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from compose.runner.deployment import create_topics
from processor import skip_cli
from schemas.cluster import topic_ids
from schemas.topics import ORDER_CONFIRMED, ORDER_OUTCOME, STOCK_LEVEL

SKUS = [f"SKU-{number}" for number in range(40)]
Answer = tuple[int, dict[str, Any]]


@pytest.fixture
def command(shop: Any) -> Any:
    """Return what runs one of the processor's commands; it answers its exit code and its JSON line."""

    def run(name: str, *more: str) -> Answer:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = skip_cli.main([name, "--config", str(shop.path), "--json", *more])
        return code, json.loads(said.getvalue() or '{"refused": true}')

    return run


def wedged(shop: Any, worker: Any) -> dict[str, str]:
    """Return the partitions that a worker has stopped, with their reasons."""
    found: dict[str, str] = json.loads(shop.get(worker, "/readyz")[1] or "{}").get("wedged", {})
    return found


def truncate(shop: Any, partition: int, before: int) -> None:
    """Delete a partition's records below an offset."""
    admin = AdminClient(shop.config.kafka.client())
    place = TopicPartition(shop.config.kafka.topic(ORDER_CONFIRMED), partition, before)
    for future in admin.delete_records([place]).values():
        future.result(20)


def recreate(shop: Any, *names: str) -> None:
    """Delete topics and make them anew."""
    admin = AdminClient(shop.config.kafka.client())
    topics = {shop.config.kafka.topic(name) for name in names}
    for future in admin.delete_topics([*topics]).values():
        future.result(20)
    shop.eventually(lambda: not topics & admin.list_topics(timeout=10).topics.keys())
    create_topics(shop.path)


def test_a_partition_whose_records_were_deleted_goes_on_where_the_operator_says(
    shop: Any, command: Any, kill: Any
) -> None:
    """The running worker takes it up by itself; who, why and from where to where stand in the dead letters, once."""
    for sku in SKUS:
        shop.adjust(sku, "set", 40, f"count-{sku}")
    worker = shop.worker()
    shop.settle()
    kill(worker)
    for number in range(3):
        shop.order("SKU-0", number)
    shop.flush()
    (partition,) = {message.partition() for message in shop.read(ORDER_CONFIRMED)}
    truncate(shop, partition, 2)
    worker = shop.worker()
    shop.eventually(lambda: wedged(shop, worker))

    argv = [sys.executable, "-m", "processor", "skip", "--config", str(shop.path), "--partition", str(partition)]
    shown = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 1
    assert f"--topic {ORDER_CONFIRMED} --to 2 --reason" in shown.stdout
    code, seen = command("skip", "--partition", str(partition))
    assert code == 1
    found = seen["sources"][ORDER_CONFIRMED]
    assert (found["committed"], found["start"], found["end"], found["place"]) == (0, 2, 3, 2)
    assert "deleted before they were read" in found["stopped"]
    assert command("skip", "--partition", str(partition), "--to", "1", "--reason", "x")[0] == 2
    assert command("skip", "--partition", str(partition), "--to", "2")[0] == 2
    assert wedged(shop, worker)

    code, done = command("skip", "--partition", str(partition), "--to", "2", "--reason", "gone", "--actor", "ann")
    assert code == 0, done
    shop.ready(worker)
    shop.settle()
    (letter,) = shop.dead()
    assert (letter["reason"], letter["deadLetterId"]) == ("skipped", done["done"]["deadLetterId"])
    assert letter["origin"] == {
        "topic": ORDER_CONFIRMED,
        "topicId": topic_ids(shop.config, [ORDER_CONFIRMED])[ORDER_CONFIRMED],
        "partition": partition,
        "offset": 2,
    }
    assert "skipped from 2 to 2" in letter["err"]
    assert "by ann: gone" in letter["err"]
    assert shop.levels()["SKU-0"]["quantity"] == 39
    assert command("skip", "--partition", str(partition))[0] == 0


def test_a_topic_made_anew_goes_on_partition_by_partition(shop: Any, command: Any, kill: Any) -> None:
    """Neither the group's positions nor the tables' ids of the old topic stop it again, after any restart."""
    for sku in SKUS:
        shop.adjust(sku, "set", 40, f"count-{sku}")
    for number in range(80):
        shop.order(SKUS[number % 40], number)
    worker = shop.worker()
    shop.settle()
    recreate(shop, ORDER_CONFIRMED)
    for number in range(80, 120):
        shop.order(SKUS[number % 40], number)
    shop.flush()
    shop.eventually(lambda: len(wedged(shop, worker)) == shop.count)
    for partition in range(shop.count):
        code, _ = command("skip", "--partition", str(partition), "--to", "0", "--reason", "made anew")
        assert code == 0
    shop.ready(worker)
    shop.settle()
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    assert {level["quantity"] for level in shop.levels().values()} == {37}
    assert len(shop.dead()) == shop.count


def test_tables_whose_topics_lack_what_was_committed_stop_until_an_operator_takes_the_loss(
    shop: Any, command: Any, kill: Any
) -> None:
    """A worker without tables of its own would start from empty ones; what counts then is what is counted anew."""
    for number, sku in enumerate(SKUS):
        shop.adjust(sku, "set", 40, f"count-{sku}")
        shop.order(sku, number)
    worker = shop.worker()
    shop.settle()
    kill(worker)
    recreate(shop, STOCK_LEVEL, ORDER_OUTCOME)
    worker = shop.worker()
    shop.eventually(lambda: len(wedged(shop, worker)) == shop.count)
    assert all("were committed, but the tables' topics have nothing" in why for why in wedged(shop, worker).values())
    for partition in range(shop.count):
        for topic, found in command("skip", "--partition", str(partition))[1]["sources"].items():
            on = ("--topic", topic, "--to", str(found["place"]), "--reason", "their log is gone")
            assert not found["stopped"] or command("skip", "--partition", str(partition), *on)[0] == 0
    for number, sku in enumerate(SKUS):
        shop.adjust(sku, "set", 20, f"count-again-{sku}")
        shop.order(sku, 100 + number)
    shop.settle()
    assert {level["quantity"] for level in shop.levels().values()} == {19}
    kill(worker)
    shop.ready(shop.worker())


def test_a_log_that_was_cut_and_grows_again_stops_nobody_twice(shop: Any, command: Any, kill: Any) -> None:
    """Offsets in the tables that lie beyond the cut count no more, until the log has passed them."""
    shop.adjust("SKU-0", "set", 40, "count")
    worker = shop.worker()
    for number in range(5):
        shop.order("SKU-0", number)
    shop.settle()
    (partition,) = {message.partition() for message in shop.read(ORDER_CONFIRMED)}
    # As if the log had lost its end: the position goes back, the tables stay ahead. The owner is fenced by it.
    code, _ = command("skip", "--partition", str(partition), "--topic", ORDER_CONFIRMED, "--to", "3", "--reason", "x",
                      "--yes")  # fmt: skip
    assert code == 0
    shop.order("SKU-0", 5)
    shop.flush()
    assert worker.wait(20) == 80
    worker = shop.worker()
    shop.settle()
    kill(worker)
    worker = shop.worker()
    shop.ready(worker)
    shop.order("SKU-0", 6)
    shop.settle()
    assert shop.levels()["SKU-0"]["quantity"] == 33
