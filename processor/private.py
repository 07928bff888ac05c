"""
The private names of Faust and aiokafka that the shell relies on, in one place.

Both are pinned.  `missing` is called at start-up, so that an upgrade which renames one of them fails with a sentence
instead of silently going back to the library's own behaviour.
"""

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import aiokafka
import faust
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.codec import has_gzip, has_lz4, has_snappy, has_zstd
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import MessageAccumulator
from faust.app.base import BootStrategy
from faust.tables import TableManager
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

PROVEN = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

OVERRIDDEN: tuple[tuple[Any, str], ...] = (
    (driver.Consumer, "_new_consumer_thread"),
    (driver.Consumer, "on_partitions_revoked"),
    (driver.Consumer, "on_buffer_full"),
    (driver.Consumer, "on_buffer_drop"),
    (driver.Consumer, "getmany"),
    (driver.Consumer, "_add_gap"),
    (driver.Consumer, "ack"),
    (driver.Consumer, "commit"),
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
    (driver.AIOKafkaConsumerThread, "getmany"),
    (faust.App, "_new_transport"),
    (faust.Table, "_changelog_topic_name"),
    (TableManager, "recovery"),
    (TableManager, "on_start"),
    (BootStrategy, "enable_kafka_producer"),
    (AIOKafkaAdminClient, "_send_request"),
    (sender.Sender, "_do_add_partitions_to_txn"),
    (sender.Sender, "_do_txn_commit"),
    (sender.EndTxnHandler, "do"),
    (sender.AddPartitionsToTxnHandler, "handle_response"),
)
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
)


def missing() -> list[str]:
    """Return what is not as the shell needs it, one sentence each."""
    return [*_versions(), *_names(), *_codecs()]


def _versions() -> Iterator[str]:
    for name, proven in PROVEN.items():
        if (found := version(name)) != proven:
            yield f"{name} is {found}, but the shell was proven with {proven}"


def _names() -> Iterator[str]:
    for owner, name in (*OVERRIDDEN, *CALLED):
        if not hasattr(owner, name):
            yield f"{_called(owner)}.{name} is gone"
    for owner, name in ASSIGNED:
        if not hasattr(owner, name) and f"self.{name}" not in inspect.getsource(owner):
            yield f"{_called(owner)} has no {name} any more"


def _codecs() -> Iterator[str]:
    """Say which codecs cannot be read: `ingest` writes lz4, and another team's producer may write any."""
    for name, found in (("lz4", has_lz4()), ("snappy", has_snappy()), ("zstd", has_zstd()), ("gzip", has_gzip())):
        if not found:
            yield f"records compressed with {name} cannot be read: install cramjam"


def _called(owner: Any) -> str:
    return str(getattr(owner, "__qualname__", owner.__name__))
