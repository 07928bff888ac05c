"""
The records about channels: what they list, what they show, what was said to them.  See `schemas.records`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from schemas.shapes import Pattern, Range
from schemas.words import (
    Change,
    ChannelName,
    Command,
    Count,
    DriftAction,
    DriftCause,
    Id,
    IncidentKind,
    Millis,
    Sku,
    Status,
    Text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    What one listing of a channel shows, as far as we know.

    `shown` and `shownAt` are what the channel last confirmed (`inferred` where we worked it out from a sale there);
    `sent`, `sentVersion`, `sentAt` and `requestId` are the newest intent, written before the call; `acceptedAt` is when
    a channel that applies later took it, until a read-back shows it applied.  `retired` says that the listing was sold
    no more by then, `paused` that the SKU was.  `undo` says how the channel's own way of pausing is taken back, where 0
    was not enough.  `attempt` counts this listing's failures in a row, `nextAttemptAt` is when it is tried again: its
    siblings are told meanwhile.
    """

    shown: Change | None = None
    shown_at: Millis | None = None
    inferred: bool = False
    sent: Change | None = None
    sent_version: Count | None = None
    sent_at: Millis | None = None
    request_id: Id | None = None
    retired: bool = False
    accepted_at: Millis | None = None
    paused: bool = False
    undo: Text | None = None
    attempt: Count = 0
    next_attempt_at: Millis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLevel:
    """
    What a channel shows of a SKU and what is under way there: the publisher's observed state.

    `hidden` counts units that the channel has sold and whose orders have not reached us.  `heard` is the offset of
    `order.outcome`, in this SKU's partition, below which the channel's own sales are in `shown` and `hidden`: who takes
    the channel over reads on from there.  `dirtySince` is when the desired number first differed.  `attempt` and
    `nextAttemptAt` are the highest and the earliest of its listings'.  `undo` stays null: each listing has its own.
    """

    VERSION: ClassVar[int] = 1
    sku: Sku
    listings: Mapping[str, Shown] = field(default_factory=dict)
    hidden: Count = 0
    heard: Count = 0
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
    `requests` is how many requests the call took: what it used of the channel's limits.  `reads` says that it only
    asked (None: written before that was said); a call that tells may end in what it found instead.
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
    requests: Count = 1
    reads: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component of a bundle: how many units of `sku` one bundle takes."""

    sku: Sku
    qty: Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """
    Which of a channel's listings sells which SKU; `ids` are the channel's own (variant, inventory item, parent).

    A `retired` listing is sold no more: its channel is told 0, while what was ordered, is cancelled or comes back still
    counts.
    """

    VERSION: ClassVar[int] = 1
    channel: ChannelName
    listing_id: Id
    sku: Sku
    ids: Mapping[str, Id] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """
    Up to which of the channel's own times its orders have been read and acknowledged by Kafka.

    `woken` is the offset of `ingest.wake` below which every order that was named has been read too.
    """

    VERSION: ClassVar[int] = 1
    channel: ChannelName
    through: Millis
    at: Millis
    woken: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """
    A webhook that said that something changed, and not what: the channel's poller reads it now.

    `order` is the channel's own number of the order, "" where the webhook named none.
    """

    VERSION: ClassVar[int] = 1
    channel: ChannelName
    order: Text
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
class Drift:
    """
    A read-back found a listing that shows another number than it should: what, why, and what is done about it.

    `shown` is what the channel showed at `seenAt`, `expected` what we were sure of, `desired` what it should show.
    `runId` is the reconciliation that found it, null where a single read-back did.  `channelSku` is the SKU that the
    channel itself writes beside a listing that is not mapped.
    """

    VERSION: ClassVar[int] = 1
    channel: ChannelName
    listing_id: Id
    sku: Sku | None
    shown: Change | None
    expected: Change | None
    desired: Change | None
    cause: DriftCause
    action: DriftAction
    seen_at: Millis
    at: Millis
    run_id: Id | None = None
    channel_sku: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """
    One bulk read-back of a channel: how many listings it showed, how many were left out, what was found.

    Left out is what was written too recently to be judged, or is under way.  `requests` is how many requests it took.
    `err` says why a run came to no end.
    """

    VERSION: ClassVar[int] = 1
    run_id: Id
    channel: ChannelName
    dry_run: bool
    started_at: Millis
    ended_at: Millis
    shown: Count
    left_out: Count
    requests: Count = 0
    drifts: Mapping[str, Count] = field(default_factory=dict)
    err: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """
    Something at a channel that a person should know: one message when it begins, and its end.

    `until` is null while it lasts.  `toldAt` and `endToldAt` are when the messages were sent (null: not yet);
    `message` is how the messenger calls the first one, where it says.
    """

    VERSION: ClassVar[int] = 1
    incident_id: Id
    channel: ChannelName
    kind: IncidentKind
    since: Millis
    until: Millis | None = None
    skus: Count = 0
    err: Text = ""
    told_at: Millis | None = None
    end_told_at: Millis | None = None
    message: Id | None = None
    at: Millis
