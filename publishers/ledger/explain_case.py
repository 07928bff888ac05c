"""
What a number at a channel means, purely: one verdict from a closed list, the first that holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from publishers.brake import HELD
from publishers.ledger.facts import Facts
from publishers.push import NAMES, Shows
from schemas.channel_records import ChannelLevel, Shown, SyncLog
from schemas.records import StockLevel
from schemas.settings import Channel, Mode
from schemas.words import Status

BEHIND_MS = 15_000
"""From this age on, what the tables say may be the past: a ledger that keeps up tells every 2 s."""
LATE_MS = 60_000
"""A number that has been on its way for so long is late: the channels' own limits explain seconds, not minutes."""


READ_BACK = NAMES[Shows]
"""What `sync.log` says of a call that asked, and was shown a number."""


class Verdict(StrEnum):
    """The one reason for a number; the worst first, which is the answer for the whole SKU."""

    UNKNOWN_SKU = "unknown_sku"
    DEAD = "dead"
    LATE = "late"
    BRAKE = "brake"
    ACCEPTED = "accepted"
    RETRYING = "retrying"
    LEDGER_BEHIND = "ledger_behind"
    ON_ITS_WAY = "on_its_way"
    SEEN_OTHERWISE = "seen_otherwise"
    HIDDEN_SALES = "hidden_sales"
    UNSTOCKED = "unstocked"
    NEVER_TOLD = "never_told"
    SHADOW = "shadow"
    PAUSED = "paused"
    RETIRED = "retired"
    RULE = "rule"
    IN_STEP = "in_step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a verdict is found from."""

    facts: Facts
    level: StockLevel | None
    channel: Channel
    state: ChannelLevel | None
    listing: Shown
    retired: bool
    desired: int | None
    call: SyncLog | None = None

    @property
    def behind(self) -> bool:
        """Say whether the tables may be the past."""
        return self.facts.as_of_ms is None or self.facts.now_ms - self.facts.as_of_ms > BEHIND_MS

    @property
    def agrees(self) -> bool:
        """Say whether the channel shows what it should; an unanswered call may have changed what it shows."""
        return self.listing.shown == self.desired and self.listing.request_id is None

    @property
    def late(self) -> bool:
        """Say whether the number has been on its way for too long."""
        since = self.state.dirty_since if self.state else None
        return not self.agrees and since is not None and self.facts.now_ms - since > LATE_MS

    @property
    def untold(self) -> bool:
        """Say whether the channel was never told."""
        return self.listing.shown is None and self.listing.sent is None

    @property
    def seen_otherwise(self) -> bool:
        """Say whether a look, younger than all that we know, saw another number: nothing is done before it is sure."""
        if self.call is None or self.call.verdict != READ_BACK or self.listing.inferred:
            return False
        known_at = max(self.listing.shown_at or 0, self.level.updated_at if self.level else 0)
        return self.call.started_at > known_at and self.call.quantity != self.listing.shown

    @property
    def status(self) -> Status | None:
        """Return where the SKU stands at the channel."""
        return self.state.status if self.state else None

    @property
    def ruled(self) -> bool:
        """Say whether the rules show another number than there is."""
        return self.level is not None and self.desired != self.level.quantity

    @property
    def accepted(self) -> bool:
        """Say whether the channel has taken what it should show, and does not show it yet."""
        taken = self.listing.accepted_at is not None and self.listing.request_id is None
        return taken and self.listing.sent == self.desired and not self.agrees


VERDICTS: tuple[tuple[Verdict, Callable[[Case], bool]], ...] = (
    (Verdict.DEAD, lambda case: case.status is Status.DEAD),
    (Verdict.LEDGER_BEHIND, lambda case: case.behind and not case.agrees),
    (Verdict.UNSTOCKED, lambda case: case.desired is None),
    (Verdict.SHADOW, lambda case: case.channel.mode is Mode.SHADOW and case.listing.sent is None and not case.agrees),
    (Verdict.NEVER_TOLD, lambda case: case.untold and case.status in (None, Status.IN_STEP)),
    (Verdict.BRAKE, lambda case: case.state is not None and case.state.err == HELD and not case.agrees),
    (Verdict.ACCEPTED, lambda case: case.accepted),
    (Verdict.RETRYING, lambda case: case.status is Status.RETRYING and not case.agrees),
    (Verdict.LATE, lambda case: case.late),
    (Verdict.ON_ITS_WAY, lambda case: not case.agrees),
    (Verdict.HIDDEN_SALES, lambda case: case.state is not None and case.state.hidden > 0),
    (Verdict.SEEN_OTHERWISE, lambda case: case.seen_otherwise),
    (Verdict.PAUSED, lambda case: case.level is not None and case.level.paused is not None),
    (Verdict.RETIRED, lambda case: case.retired),
    (Verdict.RULE, lambda case: case.ruled),
    (Verdict.IN_STEP, lambda _case: True),
)
"""The first that holds is the verdict."""
