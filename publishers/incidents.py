"""
Incidents: what of a channel's state a person should know, once when it begins and once when it ends.  Pure.

Many SKUs that fail for one cause are one incident.  It opens when its cause has lasted for a grace, so that a short
outage is nobody's message, and ends after a quiet time, so that what comes and goes is one message and not many.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from schemas.channel_records import Incident
from schemas.words import IncidentKind

GRACE_MS: Mapping[IncidentKind, int] = {
    IncidentKind.CHANNEL_DOWN: 60_000,
    IncidentKind.CREDENTIALS: 5_000,
    IncidentKind.DEAD_LETTERS: 5_000,
    IncidentKind.BRAKE: 5_000,
    IncidentKind.RULES_REFUSED: 5_000,
}
"""How long a cause lasts before its incident opens."""
QUIET_MS = 60_000
"""How long a cause must be gone before its incident ends."""
UPDATE_MS = 10_000
"""Between two records of one incident that only say that more SKUs are affected."""
STALE_MS = 3_600_000
"""What ended longer ago than this and was never told is history, and no message."""
TEXT_MAX = 240
SURE = frozenset({IncidentKind.CHANNEL_DOWN, IncidentKind.CREDENTIALS})
"""What does not end before the channel has answered: a process that has just taken over has seen no failure either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    A publisher's state.

    Args:
        down: why the circuit is open, or null.
        refused: why the channel refuses us, or null.
        answered: whether the channel has answered since this process took over.
        rejected: SKUs that the channel will never take as they are.
        exhausted: SKUs that have failed on every rung of the ladder.
        zeros: listings that a held change would empty; 0 while nothing is held.
        rules: why the newest configuration is refused, or null.

    """

    down: str | None = None
    refused: str | None = None
    answered: bool = True
    rejected: int = 0
    exhausted: int = 0
    zeros: int = 0
    rules: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an incident is open, and how many SKUs it is about."""

    skus: int
    err: str


def causes(state: State, *, outage: bool) -> dict[IncidentKind, Cause]:
    """Return what is wrong; with `outage` (the channel's own incident is open) exhausted ladders belong to that one."""
    found: dict[IncidentKind, Cause] = {}
    outage = outage or state.down is not None
    dead = state.rejected + (0 if outage else state.exhausted)
    if state.down is not None:
        found[IncidentKind.CHANNEL_DOWN] = Cause(state.exhausted, state.down)
    if state.refused is not None:
        found[IncidentKind.CREDENTIALS] = Cause(0, state.refused)
    if dead:
        found[IncidentKind.DEAD_LETTERS] = Cause(dead, "")
    if state.zeros:
        found[IncidentKind.BRAKE] = Cause(state.zeros, "")
    if state.rules is not None:
        found[IncidentKind.RULES_REFUSED] = Cause(0, state.rules)
    return found


class Incidents:
    """A channel's incidents: at most one of each kind is open."""

    def __init__(self, channel: str, scale: int = 1_000) -> None:
        """Start with none; times are multiplied by `scale` over 1,000."""
        self._channel = channel
        self._scale = scale
        self._newest: dict[IncidentKind, Incident] = {}
        self._began: dict[IncidentKind, int] = {}
        self._quiet: dict[IncidentKind, int] = {}

    def load(self, record: Incident) -> None:
        """Take up what an owner before us wrote."""
        if record.channel == self._channel:
            self._newest[record.kind] = record

    def open(self, kind: IncidentKind) -> Incident | None:
        """Return the open incident of a kind."""
        newest = self._newest.get(kind)
        return newest if newest is not None and newest.until is None else None

    def look(self, state: State, now: int) -> list[Incident]:
        """Compare with a publisher's state; returns the records that have changed."""
        found = causes(state, outage=self.open(IncidentKind.CHANNEL_DOWN) is not None)
        changed = [self._look(kind, found.get(kind), state, now) for kind in IncidentKind]
        return [record for record in changed if record is not None]

    def _look(self, kind: IncidentKind, cause: Cause | None, state: State, now: int) -> Incident | None:
        newest = self._newest.get(kind)
        if cause is None:
            self._began.pop(kind, None)
            return self._end(kind, state, now)
        self._quiet.pop(kind, None)
        since = self._began.setdefault(kind, now)
        if newest is not None and (newest.until is None or (newest.told_at is not None and _end_untold(newest, now))):
            return self._go_on(newest, cause, now)
        early = kind is IncidentKind.CHANNEL_DOWN and cause.skus > 0
        if now - since < self._scaled(GRACE_MS[kind]) and not early:
            return None
        return self._keep(
            Incident(
                incident_id=f"{self._channel}-{kind}-{since}",
                channel=self._channel,
                kind=kind,
                since=since,
                skus=cause.skus,
                err=cause.err[:TEXT_MAX],
                at=now,
            )
        )

    def _go_on(self, incident: Incident, cause: Cause, now: int) -> Incident | None:
        """Note what has grown; an end that nobody was told of is taken back."""
        more = cause.skus > incident.skus and now - incident.at >= self._scaled(UPDATE_MS)
        if incident.until is None and not more:
            return None
        return self._keep(replace(incident, until=None, skus=max(cause.skus, incident.skus), at=now))

    def _end(self, kind: IncidentKind, state: State, now: int) -> Incident | None:
        incident = self.open(kind)
        if incident is None or (kind in SURE and not state.answered):
            return None
        quiet = self._quiet.setdefault(kind, now)
        if now - quiet < self._scaled(QUIET_MS):
            return None
        del self._quiet[kind]
        return self._keep(replace(incident, until=quiet, at=now))

    def untold(self, now: int) -> Iterator[Incident]:
        """Yield the incidents whose beginning or end is still to be told."""
        for incident in self._newest.values():
            if incident.told_at is None if incident.until is None else _end_untold(incident, now):
                yield incident

    def told(self, told: Incident, message: str | None, now: int) -> Incident | None:
        """
        Note that somebody was told of `told`, as it was then; returns the record, None where it is known already.

        An incident that had ended by then is told whole, in one message.
        """
        incident = self._newest.get(told.kind)
        if incident is None or incident.incident_id != told.incident_id:
            return None
        ended = told.until is not None
        if incident.told_at is not None and (not ended or incident.end_told_at is not None):
            return None
        return self._keep(
            replace(
                incident,
                told_at=incident.told_at or now,
                end_told_at=now if ended and incident.until is not None else None,
                message=message or incident.message,
                at=now,
            )
        )

    def _keep(self, incident: Incident) -> Incident:
        self._newest[incident.kind] = incident
        return incident

    def _scaled(self, ms: int) -> int:
        return ms * self._scale // 1_000


def _end_untold(incident: Incident, now: int) -> bool:
    return incident.end_told_at is None and (incident.until or 0) > now - STALE_MS
