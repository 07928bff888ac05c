"""
The records on the topics.  These dataclasses are the contract; every document about it is derived from them.

On the wire the names are camelCase, times are milliseconds since 1970 (UTC), and each record carries `"v"`, its major
version.  Adding a field with a default is a minor change; anything else is a new major version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from schemas.shapes import Bytes, Pattern
from schemas.words import (
    AdjustmentKind,
    CauseKind,
    Change,
    ChannelName,
    Count,
    Id,
    Millis,
    OrderId,
    Pause,
    Policy,
    Reason,
    Result,
    Revision,
    Sku,
    Text,
    Units,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed:
    """
    The state of one order line: it now holds `qty` units of `sku`, as of `revision`.

    Never a delta: a cancel is the same record with `qty` 0, and of two records the one with the greater
    `(revision, seenAt)` is the truth, whatever the order of arrival.
    """

    VERSION: ClassVar[int] = 1
    sku: Sku
    listing_sku: Sku
    qty: Units
    channel: ChannelName
    order_id: OrderId
    revision: Revision
    seen_at: Millis
    ordered_at: Millis
    received_at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjusted:
    """An operator's or a receipt's change of a SKU; decided once per `adjustmentId`."""

    VERSION: ClassVar[int] = 1
    sku: Sku
    kind: AdjustmentKind
    qty: Change
    adjustment_id: Id
    if_version: Count | None = None
    reason: Text = ""
    actor: Text = ""
    received_at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A line that could not be served: the oldest is served first when units come."""

    order_id: OrderId
    shortfall: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What moved a level last.  `delta` is the units taken: positive lowers the level."""

    kind: CauseKind
    delta: Change
    received_at: Millis
    channel: ChannelName | None = None
    order_id: OrderId | None = None
    listing_sku: Sku | None = None
    ordered_at: Millis | None = None
    adjustment_id: Id | None = None
    actor: Text | None = None
    reason: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """
    The one true level of a SKU; at once the processor's table and what every other team reads.

    `quantity` is null until the SKU is first stocked.  `version` rises by one with every change of quantity or pause.
    `velocity` is the smoothed rate of sale in thousandths of a unit an hour.  `source` maps topic ids to the highest
    offset that moved this SKU.
    """

    VERSION: ClassVar[int] = 1
    sku: Sku
    quantity: Change | None
    version: Count
    paused: Pause | None
    policy: Policy
    waiting: tuple[Waiting, ...] = ()
    waiting_more: Count = 0
    velocity: Count = 0
    cause: Cause
    source: Mapping[str, Count]
    updated_at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOutcome:
    """
    A decision about a line (an adjustment is a line too, `adj_{adjustmentId}`).

    `held` is what the line has taken from the level in all, `delta` what this decision took, `shortfall` what it still
    waits for.  `version` is the level's version where this decision moved it, else null: per SKU the versions that
    are not null are 1, 2, 3, ... without a gap.
    """

    VERSION: ClassVar[int] = 1
    sku: Sku
    order_id: OrderId
    channel: ChannelName | None
    revision: Revision
    seen_at: Millis
    qty: Change
    held: Change
    shortfall: Count
    delta: Change
    result: Result
    new_qty: Change | None
    version: Count | None
    ordered_at: Millis
    timestamp: Millis
    source: Mapping[str, Count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the record that could not be used stands."""

    topic: Id
    topic_id: Id
    partition: Count
    offset: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    Something nobody could use, with what is needed to find and repair it.

    `original` (base64) holds the bytes of a record of our own topics only; of a webhook there are ids and the body's
    SHA-256, never the body: no customer data enters Kafka.  A record with `resolves` closes the one with that id.
    An `unmapped` line carries what it needs to be counted once its listing arrives: `listingId`, `revision`, `seenAt`,
    `orderedAt` and the time of receipt (`at`).
    """

    VERSION: ClassVar[int] = 1
    dead_letter_id: Id
    reason: Reason
    err: Text
    at: Millis
    sku: Sku | None = None
    channel: ChannelName | None = None
    order_id: OrderId | None = None
    qty: Change | None = None
    attempts: Count = 0
    origin: Origin | None = None
    original: Annotated[str, Bytes(0, 900_000)] | None = None
    body_sha256: Annotated[str, Pattern(r"[0-9a-f]{64}")] | None = None
    resolves: Id | None = None
    listing_id: Id | None = None
    revision: Revision | None = None
    seen_at: Millis | None = None
    ordered_at: Millis | None = None
