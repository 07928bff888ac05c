"""
The records on the topics.  These dataclasses are the contract; every document about it is derived from them.

On the wire the names are camelCase, times are milliseconds since 1970 (UTC), and each record carries `"v"`, its major
version.  Adding a field with a default is a minor change; anything else is a new major version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar

from schemas.shapes import Bytes, Pattern, Range

Sku = Annotated[str, Bytes(1, 255)]
ChannelName = Annotated[str, Pattern(r"[a-z0-9-]{1,40}")]
OrderId = Annotated[str, Bytes(1, 1_000)]
Text = Annotated[str, Bytes(0, 1_000)]
Id = Annotated[str, Bytes(1, 255)]
Millis = Annotated[int, Range(0, 2**53)]
Revision = Annotated[int, Range(0, 2**63 - 1)]
Units = Annotated[int, Range(0, 1_000_000_000)]
Change = Annotated[int, Range(-(10**12), 10**12)]
Count = Annotated[int, Range(0, 2**63 - 1)]
WAITING_MAX = 1_000
"""How many waiting lines a `stock.level` record names; more are counted in `waitingMore`."""


class AdjustmentKind(StrEnum):
    """What an adjustment does to a SKU."""

    SET = "set"
    ADD = "add"
    PAUSE = "pause"
    RESUME = "resume"


class Policy(StrEnum):
    """What happens to a line that asks for more than there is."""

    REJECT = "reject"
    BACKORDER = "backorder"


class Pause(StrEnum):
    """Why a SKU is offered nowhere."""

    OVERSELL = "oversell"
    OPERATOR = "operator"


class Result(StrEnum):
    """What a decision did to a line."""

    ACCEPTED = "accepted"
    INSUFFICIENT = "insufficient"
    UNSTOCKED = "unstocked"
    SETTLED = "settled"
    CLOSED_BY_SET = "closed_by_set"
    UNCHANGED = "unchanged"
    TOO_OLD = "too_old"
    APPLIED = "applied"
    REFUSED = "refused"


class CauseKind(StrEnum):
    """What moved a level."""

    ORDER = "order"
    ADJUSTMENT = "adjustment"


class Status(StrEnum):
    """Where a SKU stands at one channel."""

    IN_STEP = "in_step"
    SENDING = "sending"
    RETRYING = "retrying"
    DEAD = "dead"


class Command(StrEnum):
    """What an operator tells a channel's active publisher."""

    REPLAY = "replay"
    DISCARD = "discard"
    RECONCILE = "reconcile"
    BRAKE_RELEASE = "brake_release"
    ENABLE = "enable"
    SHADOW = "shadow"
    STOP = "stop"


class Reason(StrEnum):
    """Why something was dead-lettered: a closed list, used as a metric label."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SHAPE = "unknown_shape"
    UNMAPPED = "unmapped"
    OUT_OF_RANGE = "out_of_range"
    REJECTED = "rejected"
    LADDER_EXHAUSTED = "ladder_exhausted"
    SKIPPED = "skipped"


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
class Shown:
    """
    What one listing of a channel shows, as far as we know.

    `shown` and `shownAt` are what the channel last confirmed (`inferred` where we worked it out from a sale there);
    `sent`, `sentVersion`, `sentAt` and `requestId` are the newest intent, written before the call.
    """

    shown: Change | None = None
    shown_at: Millis | None = None
    inferred: bool = False
    sent: Change | None = None
    sent_version: Count | None = None
    sent_at: Millis | None = None
    request_id: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLevel:
    """
    What a channel shows of a SKU and what is under way there: the publisher's observed state.

    `hidden` counts units that the channel has sold and whose orders have not reached us.  `dirtySince` is when the
    desired number first differed.  `undo` says how the channel's own way of pausing is taken back, where 0 was not
    enough.
    """

    VERSION: ClassVar[int] = 1
    sku: Sku
    listings: Mapping[str, Shown] = field(default_factory=dict)
    hidden: Count = 0
    status: Status
    attempt: Count = 0
    next_attempt_at: Millis | None = None
    err: Text | None = None
    dirty_since: Millis | None = None
    undo: Text | None = None
    at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLog:
    """
    One row of one call to a channel; the rows of a call share `callId`.

    `responseCode` is the HTTP status, 0 where no answer came.  `lagMs` runs from the level's `updatedAt` to the answer.
    """

    VERSION: ClassVar[int] = 1
    call_id: Id
    channel: ChannelName
    sku: Sku
    listing_id: Id
    quantity: Change
    version: Count
    response_code: Count
    verdict: Annotated[str, Pattern(r"[a-z_]{1,40}")]
    err: Text | None
    started_at: Millis
    duration_ms: Count
    lag_ms: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component of a bundle: how many units of `sku` one bundle takes."""

    sku: Sku
    qty: Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which of a channel's listings sells which SKU; `ids` are the channel's own (variant, inventory item, parent)."""

    VERSION: ClassVar[int] = 1
    channel: ChannelName
    listing_id: Id
    sku: Sku
    ids: Mapping[str, Id] = field(default_factory=dict)
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Up to which of the channel's own times its orders have been read and acknowledged by Kafka."""

    VERSION: ClassVar[int] = 1
    channel: ChannelName
    through: Millis
    at: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherCommand:
    """An operator's order to a channel's active publisher, for one SKU or (null) for all."""

    VERSION: ClassVar[int] = 1
    command: Command
    sku: Sku | None = None
    actor: Text = ""
    reason: Text = ""
    at: Millis


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
