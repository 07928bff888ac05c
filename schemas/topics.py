"""
The topic registry: name, key, values, partitions, cleanup, retention and writers, as data.

`partitions` is "sku" for topics keyed by SKU, which all have the same count so that a SKU's records meet in one task,
or "one".  The figures and their reasons stand in the README under "Topics".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from schemas import channel_records, records

DAY_MS = 86_400_000
ORDER_CONFIRMED = "order.confirmed"
STOCK_ADJUSTED = "stock.adjusted"
STOCK_LEVEL = "stock.level"
ORDER_OUTCOME = "order.outcome"
SYNC_LOG = "sync.log"
SYNC_DRIFT = "sync.drift"
SYNC_RUN = "sync.run"
SYNC_INCIDENT = "sync.incident"
LISTING = "listing"
INGEST_WATERMARK = "ingest.watermark"
INGEST_WAKE = "ingest.wake"
STOCK_DEADLETTER = "stock.deadletter"

Cleanup = Literal["delete", "compact", "compact,delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """
    One topic as it must be.

    Args:
        name: its name, without a deployment's prefix.
        key: what the key is, in words.
        value: the dataclass of its records.
        writers: the only processes that write it.
        partitions: "sku" (the deployment's count) or "one".
        cleanup: Kafka's `cleanup.policy`.
        retention_ms: how long records are kept, null where compaction keeps the newest for ever.
        config: further topic settings.

    """

    name: str
    key: str
    value: type[Any]
    writers: str
    partitions: Literal["sku", "one"] = "sku"
    cleanup: Cleanup = "delete"
    retention_ms: int | None = None
    config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def settings(self) -> dict[str, str]:
        """Return the topic's settings as Kafka spells them."""
        settings = {"cleanup.policy": self.cleanup, "message.timestamp.type": "LogAppendTime", **self.config}
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
        if "compact" in self.cleanup:
            settings["min.compaction.lag.ms"] = str(7 * DAY_MS)
        return settings


def channel_level(channel: str) -> str:
    """Return the name of the topic that says what a channel shows."""
    return f"channel.level.{channel}"


def publisher_command(channel: str) -> str:
    """Return the name of the topic that carries commands to a channel's active publisher."""
    return f"publisher.command.{channel}"


COMMON = (
    Topic(
        name=ORDER_CONFIRMED,
        key="SKU",
        value=records.OrderConfirmed,
        writers="ingest",
        retention_ms=30 * DAY_MS,
    ),
    Topic(
        name=STOCK_ADJUSTED,
        key="SKU",
        value=records.StockAdjusted,
        writers="ingest",
        retention_ms=30 * DAY_MS,
    ),
    Topic(name=STOCK_LEVEL, key="SKU", value=records.StockLevel, writers="processor", cleanup="compact"),
    Topic(
        name=ORDER_OUTCOME,
        key="orderId|sku, in the SKU's partition",
        value=records.OrderOutcome,
        writers="processor",
        cleanup="compact,delete",
        retention_ms=90 * DAY_MS,
        config=MappingProxyType({"segment.ms": str(DAY_MS)}),
    ),
    Topic(name=SYNC_LOG, key="SKU", value=channel_records.SyncLog, writers="publishers", retention_ms=90 * DAY_MS),
    Topic(
        name=SYNC_DRIFT,
        key="SKU, or the listing's id where it has none",
        value=channel_records.Drift,
        writers="publishers",
        retention_ms=90 * DAY_MS,
    ),
    Topic(
        name=SYNC_RUN,
        key="channel",
        value=channel_records.Reconciliation,
        writers="publishers",
        partitions="one",
        retention_ms=90 * DAY_MS,
    ),
    Topic(
        name=SYNC_INCIDENT,
        key="channel|kind",
        value=channel_records.Incident,
        writers="the channel's active publisher",
        partitions="one",
        cleanup="compact",
    ),
    Topic(
        name=LISTING,
        key="channel|listingId, in the SKU's partition",
        value=channel_records.Listing,
        writers="ingest",
        cleanup="compact",
    ),
    Topic(
        name=INGEST_WATERMARK,
        key="channel",
        value=channel_records.Watermark,
        writers="the channel's poller",
        partitions="one",
        cleanup="compact",
    ),
    Topic(
        name=INGEST_WAKE,
        key="channel",
        value=channel_records.Wake,
        writers="ingest",
        partitions="one",
        retention_ms=7 * DAY_MS,
    ),
    Topic(
        name=STOCK_DEADLETTER,
        key="SKU, or the origin's key",
        value=records.DeadLetter,
        writers="whoever gave up",
        retention_ms=90 * DAY_MS,
    ),
)


def per_channel(channel: str) -> tuple[Topic, ...]:
    """Return the topics that a channel has for itself."""
    return (
        Topic(
            name=channel_level(channel),
            key="SKU",
            value=channel_records.ChannelLevel,
            writers="the channel's active publisher",
            cleanup="compact",
        ),
        Topic(
            name=publisher_command(channel),
            key="SKU or null",
            value=channel_records.PublisherCommand,
            writers="the command line and the console",
            partitions="one",
            retention_ms=7 * DAY_MS,
        ),
    )


def registry(channels: Iterable[str]) -> tuple[Topic, ...]:
    """Return every topic of a deployment with these channels."""
    return (*COMMON, *(topic for channel in channels for topic in per_channel(channel)))
