"""What a publisher is told once, and what one call is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from publishers.limiter import Window
from publishers.push import Account, Kind, Request, Row
from schemas.channel_records import ChannelLevel, SyncLog
from schemas.records import DeadLetter
from schemas.words import Command


class Gate(StrEnum):
    """Whether calls are made."""

    PUSH = "push"
    SHADOW = "shadow"
    STOPPED = "stopped"


GATES: Mapping[Command, Gate] = {
    Command.ENABLE: Gate.PUSH,
    Command.SHADOW: Gate.SHADOW,
    Command.STOP: Gate.STOPPED,
}
"""The commands that open or close the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """
    What a publisher is told once: its channel, its kind, its limits and its patience.

    `partitions` is the count of the topics keyed by SKU.  `draw` gives the jitter's chance (`publishers.retry.DRAWS`);
    circuit times are multiplied by `scale` over 1,000.
    """

    channel: str
    kind: Kind
    account: Account
    windows: tuple[Window, ...]
    ladder: tuple[int, ...]
    call_timeout_ms: int
    gate: Gate
    partitions: int
    draw: Callable[[], int]
    scale: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One call to make: its rows, since when each SKU waits and which known sales its numbers reflect.

    `heard` says the same by SKU as an offset of `order.outcome`, for the record.

    `reads` asks for numbers instead of telling them; `probe` tries a channel that was down; `again` is the same call
    for the second time, because the first was not answered.
    """

    request: Request
    request_id: str
    rows: tuple[Row, ...]
    at: int
    since: Mapping[str, int]
    sales: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    heard: Mapping[str, int] = field(default_factory=dict)
    reads: bool = False
    probe: bool = False
    again: bool = False


Out = ChannelLevel | SyncLog | DeadLetter
"""A record to be written in the next transaction."""
