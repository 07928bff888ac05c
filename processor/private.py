"""
The private names of Faust and aiokafka that the shell relies on, in one place.

Both are pinned.  `missing` is called at start-up, so that an upgrade which renames one of them fails with a sentence
instead of silently going back to the library's own behaviour.
"""

import inspect
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from types import CodeType
from typing import Any

import aiokafka
import faust
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment, SubscriptionState, TopicPartitionState
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.record.control_record import ControlRecord
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from faust.app.base import BootStrategy
from faust.assignor import PartitionAssignor
from faust.serializers.schemas import Schema
from faust.tables import TableManager
from faust.transport.consumer import Consumer, Fetcher
from faust.transport.drivers import aiokafka as driver

PROVEN = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

OVERRIDDEN: tuple[tuple[Any, str], ...] = (
    (driver.Consumer, "_new_consumer_thread"),
    (driver.Consumer, "on_partitions_revoked"),
    (driver.Consumer, "on_partitions_assigned"),
    (driver.Consumer, "on_buffer_full"),
    (driver.Consumer, "on_buffer_drop"),
    (driver.Consumer, "getmany"),
    (driver.Consumer, "_add_gap"),
    (driver.Consumer, "ack"),
    (driver.Consumer, "commit"),
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
    (driver.AIOKafkaConsumerThread, "getmany"),
    (driver.AIOKafkaConsumerThread, "on_thread_stop"),
    (PartitionAssignor, "changelog_distribution"),
    (faust.App, "_new_transport"),
    (faust.Table, "_changelog_topic_name"),
    (TableManager, "recovery"),
    (TableManager, "on_start"),
    (BootStrategy, "enable_kafka_producer"),
    (BootStrategy, "enable_web"),
    (faust.App, "BootStrategy"),
    (faust.App, "on_first_start"),
    (driver.Transport, "Consumer"),
    (Schema, "loads_key"),
    (Schema, "loads_value"),
    (AIOKafkaAdminClient, "_send_request"),
    (sender.Sender, "_do_add_partitions_to_txn"),
    (sender.Sender, "_do_txn_commit"),
    (sender.EndTxnHandler, "do"),
    (sender.AddPartitionsToTxnHandler, "handle_response"),
)
BATCH = ("base_offset", "next_offset", "producer_id", "is_control_batch", "is_transactional")
CALLED: tuple[tuple[Any, str], ...] = (
    (driver.Consumer, "_getmany"),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer"),
    (driver.AIOKafkaConsumerThread, "call_thread"),
    (TableManager, "_update_channels"),
    (faust.App, "on_rebalance_end"),
    (sender.Sender, "_find_coordinator"),
    (sender.Sender, "sender_task"),
    (sender, "BACKOFF_OVERRIDE"),
    (MessageAccumulator, "flush_for_commit"),
    (Consumer, "stop_flow"),
    (Consumer, "resume_flow"),
    (faust.App, "flow_control"),
    (faust.App, "on_rebalance_complete"),
    (faust.App, "consumer_generation_id"),
    (TableManager, "on_actives_ready"),
    (TableManager, "on_standbys_ready"),
    (TableManager, "changelog_topics"),
    (Fetcher, "maybe_start"),
    (SubscriptionState, "subscription"),
    (Assignment, "state_value"),
    (TopicPartitionState, "has_valid_position"),
    (TopicPartitionState, "position"),
    (AIOKafkaClient, "bootstrap"),
    (AIOKafkaClient, "add_topic"),
    (AIOKafkaClient, "send"),
    (AIOKafkaClient, "force_metadata_update"),
    (ControlRecord, "parse"),
    (MemoryRecords, "has_next"),
    (MemoryRecords, "next_batch"),
    *((DefaultRecordBatch, name) for name in BATCH),
)
ASSIGNED: tuple[tuple[Any, str], ...] = (
    (Consumer, "_read_offset"),
    (Consumer, "_unacked_messages"),
    (driver.AIOKafkaConsumerThread, "_assignor"),
    (TableManager, "_recovery"),
    (faust.App, "_fetcher"),
    (aiokafka.AIOKafkaProducer, "_sender"),
    (aiokafka.AIOKafkaProducer, "_txn_manager"),
    (aiokafka.AIOKafkaProducer, "_message_accumulator"),
    (aiokafka.AIOKafkaProducer, "_request_timeout_ms"),
    (aiokafka.AIOKafkaProducer, "_closed"),
    (sender.Sender, "_retry_backoff"),
    (aiokafka.AIOKafkaConsumer, "_coordinator"),
    (aiokafka.AIOKafkaConsumer, "_subscription"),
    (AIOKafkaClient, "cluster"),
    (Consumer, "flow_active"),
    (Consumer, "can_resume_flow"),
    (GroupCoordinator, "_group_instance_id"),
    (GroupCoordinator, "member_id"),
    (GroupCoordinator, "_coordination_task"),
    (driver.AIOKafkaConsumerThread, "_consumer"),
)


KNOWN = frozenset(name for _, name in (*OVERRIDDEN, *CALLED, *ASSIGNED))


def missing() -> list[str]:
    """Return what is not as the shell needs it, one sentence each."""
    return [*_versions(), *_names(), *_codecs()]


@cache
def _source(owner: Any) -> str:
    """
    Return what a class's own functions look up or set, as it would be written of `self`.

    The compiled functions say it: reading the text of seven classes would take a quarter of a second of every start,
    and a worker that was killed holds its partitions until it is up again.
    """
    return "\n".join(f"self.{name}" for value in vars(owner).values() for name in _used(_code(value)))


def _code(value: Any) -> CodeType | None:
    """Return the code of a class's function or property."""
    found = inspect.unwrap(getattr(value, "fget", None) or getattr(value, "__func__", value))
    return getattr(found, "__code__", None)


def _used(code: CodeType | None) -> Iterator[str]:
    if code is not None:
        yield from code.co_names
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                yield from _used(inner)


def _versions() -> Iterator[str]:
    for name, proven in PROVEN.items():
        if (found := version(name)) != proven:
            yield f"{name} is {found}, but the shell was proven with {proven}"


def _names() -> Iterator[str]:
    for owner, name in (*OVERRIDDEN, *CALLED):
        if not hasattr(owner, name):
            yield f"{_called(owner)}.{name} is gone"
    for owner, name in ASSIGNED:
        if not hasattr(owner, name) and f"self.{name}" not in _source(owner):
            yield f"{_called(owner)} has no {name} any more"


def _codecs() -> Iterator[str]:
    """Say which codecs cannot be read: `ingest` writes lz4, and another team's producer may write any."""
    for name, found in (("lz4", has_lz4()), ("snappy", has_snappy()), ("zstd", has_zstd()), ("gzip", has_gzip())):
        if not found:
            yield f"records compressed with {name} cannot be read: install cramjam"


def _called(owner: Any) -> str:
    return str(getattr(owner, "__qualname__", owner.__name__))
