"""
The vocabulary of the records: constrained types, and closed lists of words.

A word on the wire is one of these, so that a metric's label, a column and a sentence in `explain` say the same.
"""

from enum import StrEnum
from typing import Annotated

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


class DriftCause(StrEnum):
    """Why a channel shows another number than we last made sure of."""

    EDITED = "edited_by_hand"
    MISSED_ORDER = "missed_order"
    NOT_APPLIED = "not_applied"
    OVERWRITTEN = "overwritten"
    UNMAPPED = "unmapped"
    NOT_SHOWN = "not_shown"
    NOT_TOLD = "not_told"
    """It was not told what it should show: a channel in shadow, at its first contact above all."""


class DriftAction(StrEnum):
    """What is done about a drift: `waits` for the order poll and a second look, `none` where nothing can be done."""

    CORRECTED = "corrected"
    WAITS = "waits"
    NONE = "none"


class IncidentKind(StrEnum):
    """What people are told of: one incident a kind and channel at a time."""

    CHANNEL_DOWN = "channel_down"
    CREDENTIALS = "credentials"
    DEAD_LETTERS = "dead_letters"
    BRAKE = "brake"
    RULES_REFUSED = "rules_refused"
