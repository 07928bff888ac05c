"""The contract on a real cluster: partitions of keys, topics, refusals."""

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from schemas.__main__ import main
from schemas.cluster import check, topic_ids
from schemas.config import Config, load, parse
from schemas.partition import partition_of

KEYS = 10_000
ConfigFile = Callable[..., Path]


def placed(config: Config) -> dict[bytes, int]:
    """Produce the keys with the project's producer settings, and read where they stand."""
    rng = random.Random(3)
    alphabet = "abcXYZ019-_ /äßжё漢字🙂"
    keys = {f"{n}{''.join(rng.choices(alphabet, k=rng.randint(0, 30)))}".encode() for n in range(KEYS)}
    topic = config.kafka.topic("order.confirmed")
    producer = Producer(config.kafka.producer())
    found: dict[bytes, int] = {}

    def acked(error: Any, message: Message) -> None:
        assert error is None
        key, partition = message.key(), message.partition()
        assert isinstance(key, bytes)
        assert partition is not None
        found[key] = partition

    for key in keys:
        producer.produce(topic, key=key, value=b"{}", on_delivery=acked)
        producer.poll(0)
    assert producer.flush(30) == 0
    assert set(found) == keys
    return found


def test_confluent_places_ten_thousand_keys_where_our_function_says(config_file: ConfigFile) -> None:
    """What ingest's client writes is found in the partition that the processor counts on, whatever the alphabet."""
    config = load(config_file(channels=[]))
    found = placed(config)

    assert found == {key: partition_of(key, config.kafka.partitions) for key in found}
    assert set(found.values()) == set(range(config.kafka.partitions))


def test_topics_are_as_the_registry_says_and_creating_again_changes_nothing(
    config_file: ConfigFile, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tool is idempotent and its check agrees."""
    path = config_file(channels=[{"name": "shop", "kind": "shopify", "since": 1}])

    assert main(["topics", "--create", "--config", str(path)]) == 0
    assert capsys.readouterr().out == ""
    assert check(load(path)) == []
    ids = topic_ids(load(path), ["stock.level", "order.confirmed"])
    assert len(set(ids.values())) == 2
    assert all(len(value) == 22 for value in ids.values())


def test_a_topic_that_differs_is_named(
    config_file: ConfigFile, eventually: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A service would refuse to start: unequal counts tear a SKU's records apart."""
    path = config_file(channels=[])
    config = load(path)
    name = config.kafka.topic("stock.level")
    admin = AdminClient(config.kafka.client())
    for future in admin.create_partitions([NewPartitions(name, config.kafka.partitions + 1)]).values():
        future.result(10)
    entry = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    wrong = ConfigResource(ResourceType.TOPIC, config.kafka.topic("order.outcome"), incremental_configs=[entry])
    for done in admin.incremental_alter_configs([wrong]).values():
        done.result(10)
    eventually(lambda: len(check(config)) == 2)  # the broker answers before every reader of its metadata knows

    assert main(["topics", "--check", "--config", str(path)]) == 1
    said = capsys.readouterr().err
    assert f"topic {name} has {config.kafka.partitions + 1} partitions, want {config.kafka.partitions}" in said
    assert "order.outcome: cleanup.policy is 'delete', want 'compact,delete'" in said


def test_a_missing_topic_and_a_missing_broker_are_said(
    config_file: ConfigFile, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says what to do next, or that nobody answers."""
    monkeypatch.setattr("schemas.cluster.ANSWER_S", 1.0)
    data = tomllib.loads(config_file(channels=[]).read_text())
    elsewhere = parse({**data, "kafka": {**data["kafka"], "prefix": "nowhere."}})

    assert any("nowhere.stock.level is missing: run `python -m schemas topics" in fault for fault in check(elsewhere))
    nobody = tmp_path / "nobody.toml"
    nobody.write_text('[kafka]\nbootstrap = "127.0.0.1:1"\noptions = {"socket.timeout.ms" = "500"}\n')
    assert main(["topics", "--check", "--config", str(nobody)]) == 2
    assert "no answer from Kafka at 127.0.0.1:1" in capsys.readouterr().err


def test_consumer_settings_hide_what_was_not_committed(config_file: ConfigFile) -> None:
    """A reader with the project's settings never sees an aborted transaction."""
    config = load(config_file(channels=[]))
    topic = config.kafka.topic("stock.level")
    producer = Producer(config.kafka.producer(transactional_id=config.kafka.group("test")))
    producer.init_transactions(30)
    for value, finish in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, key=b"A", value=value, partition=0)
        producer.flush(10)
        finish(10)
    consumer = Consumer(config.kafka.consumer("test"))
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(20)
    consumer.close()

    assert message is not None
    assert message.value() == b"committed"
