"""What a publisher is told once, and what one call is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from publishers.kind import Kind
from publishers.limiter import Window
from publishers.push import Account, Request, Row
from schemas.channel_records import ChannelLevel, Drift, Incident, Reconciliation, SyncLog
from schemas.records import DeadLetter
from schemas.settings import Order
from schemas.words import Command

NO_REQUEST = Request(path="", body=b"")
"""What stands in a call before its first request is known."""


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
    What a publisher is told once: its channel, its kind, its limits by bucket and its patience.

    `partitions` is the count of the topics keyed by SKU.  `draw` gives the jitter's chance (`publishers.retry.DRAWS`);
    circuit times are multiplied by `scale` over 1,000.  Every `reconcile_every_ms` all is read back (0: when asked).
    """

    channel: str
    kind: Kind
    account: Account
    limits: Mapping[str, tuple[Window, ...]]
    ladder: tuple[int, ...]
    call_timeout_ms: int
    gate: Gate
    partitions: int
    draw: Callable[[], int]
    scale: int = 1_000
    order: Order = Order.RISK
    reconcile_every_ms: int = 0


class Purpose(StrEnum):
    """
    What a call is for: to tell numbers (a few, or many in bulk), to read some that must be told, or all that it shows.

    A look reads some to compare them with what we believe; like a sweep it takes no lane.
    """

    TELL = "tell"
    BULK = "bulk"
    READ = "read"
    SWEEP = "sweep"
    LOOK = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One call: its rows, since when each SKU waits and which known sales its numbers reflect.

    `moved` says by SKU when what is told of it changed: the level, or (told of that already) the rules or the channel.
    `heard` says the same by SKU as an offset of `order.outcome`, for the record.  `at` is when its intents were written
    last.  A call may take several requests: `step` counts from 0, `request` is the one to make now, and `wrote` says
    that one before it may have changed something.

    `probe` tries a channel that was down; `again` is the same call for the second time, because the first was not
    answered.
    """

    request_id: str
    rows: tuple[Row, ...]
    at: int
    since: Mapping[str, int]
    purpose: Purpose = Purpose.TELL
    moved: Mapping[str, int] = field(default_factory=dict)
    sales: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    heard: Mapping[str, int] = field(default_factory=dict)
    probe: bool = False
    again: bool = False
    step: int = 0
    request: Request = NO_REQUEST
    wrote: bool = False

    @property
    def reads(self) -> bool:
        """Whether the call only asks."""
        return self.purpose in (Purpose.READ, Purpose.SWEEP, Purpose.LOOK)


ASIDE = (Purpose.SWEEP, Purpose.LOOK)
"""The purposes of calls that stand beside the work: they take no lane, and no SKU waits for them."""

Out = ChannelLevel | SyncLog | DeadLetter | Drift | Reconciliation | Incident
"""A record to be written in the next transaction."""
