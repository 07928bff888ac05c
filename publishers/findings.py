"""What one run of a reconciliation has found: its counts and its records.  Pure."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from publishers.readback import Known, Look, Suspect
from publishers.told import Place
from schemas.channel_records import Drift, Listing, PublisherCommand, Reconciliation
from schemas.words import DriftAction, DriftCause

DRIFTS_MAX = 10_000
"""Most drifts that a run writes; the rest are counted."""
NAMED_MAX = 100_000
"""Of how many findings it is remembered that they were written."""
ID_BYTES = 255
Judge = Callable[[int], None]
"""Judges one listing, given the time."""
DRY_RUN = "dry-run"
"""What a command's `reason` says to have nothing changed."""
STANDING = (DriftCause.UNMAPPED, DriftCause.NOT_SHOWN, DriftCause.NOT_TOLD)
"""What stays as it is until a person does something: a run by the clock writes it once in a publisher's life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A run that is to be made: by a person, or (`asked` false) by the clock; a dry one changes nothing."""

    run_id: str
    dry: bool = False
    asked: bool = True


def run_id(channel: str, at: int) -> str:
    """Return how the run is called that a command of this time asks for."""
    return f"{channel}-{at}"


def asked(channel: str, command: PublisherCommand) -> Ask:
    """Return the run that a command asks for."""
    return Ask(run_id=run_id(channel, command.at), dry=command.reason == DRY_RUN)


@dataclass(slots=True, kw_only=True)
class Run:
    """
    One run under way.

    `shadow` says that the channel is not told anything; `keys` are the listings that were known when it began.  `open`
    holds what is looked at once more before it ends, at `ends_at` at the latest (None: it is still reading, or judging
    what is `left`).
    """

    ask: Ask
    started_at: int
    shadow: bool
    keys: frozenset[str]
    shown: int = 0
    left_out: int = 0
    requests: int = 0
    err: str | None = None
    ends_at: int | None = None
    left: Iterator[Judge] | None = None
    open: set[Place] = field(default_factory=set)
    drifts: Counter[str] = field(default_factory=Counter)

    @property
    def dry(self) -> bool:
        """Whether what it finds is only shown."""
        return self.ask.dry or self.shadow

    def record(self, channel: str, now: int) -> Reconciliation:
        """Return the record of its end."""
        return Reconciliation(
            run_id=self.ask.run_id,
            channel=channel,
            dry_run=self.dry,
            started_at=self.started_at,
            ended_at=now,
            shown=self.shown,
            left_out=self.left_out,
            requests=self.requests,
            drifts={str(cause): count for cause, count in self.drifts.items()},
            err=self.err,
        )


def refusal(channel: str, ask: Ask, why: str, now: int) -> Reconciliation:
    """Return the record of a run that cannot be made."""
    run = Run(ask=ask, started_at=now, shadow=False, keys=frozenset(), err=why)
    return run.record(channel, now)


def fitting(text: str) -> str:
    """Return as much of a channel's own id as fits into a record."""
    return text.encode()[:ID_BYTES].decode(errors="ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    A drift: what a look showed of a listing (or of what the channel calls so), what was known, and what is done.

    `run_id` names the run that saw it first, None for a single read-back; `called` is the channel's SKU of what is not
    mapped.
    """

    place: Listing | str
    look: Look
    cause: DriftCause
    action: DriftAction = DriftAction.NONE
    known: Known | None = None
    run_id: str | None = None
    called: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A listing that showed less: the first look at it, what it looks like, and whether a record says so already."""

    first: Suspect
    look: Look
    cause: DriftCause
    told: bool = False
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeing:
    """A look with all that belongs to it."""

    listing: Listing
    place: Place
    look: Look
    known: Known
    case: Case | None
    run: Run | None
    now: int

    def found(self, cause: DriftCause) -> Found:
        """Return the drift that it shows."""
        run_id = self.case.run_id if self.case else None
        return Found(place=self.listing, look=self.look, cause=cause, known=self.known, run_id=run_id)


class Findings:
    """Makes the drifts' records and counts them."""

    def __init__(self, channel: str) -> None:
        """Start with none."""
        self.channel = channel
        self.total: Counter[str] = Counter()
        self._named: set[tuple[DriftCause, str]] = set()

    def drift(self, found: Found, run: Run | None, now: int) -> Drift | None:
        """Count a drift, for its run where that is still open, and return its record; None where it is only counted."""
        mapped = found.place if isinstance(found.place, Listing) else None
        name = mapped.listing_id if mapped else fitting(str(found.place))
        self.total[found.cause] += 1
        if run is not None and not self._written(run, found.cause, name):
            return None
        return Drift(
            channel=self.channel,
            listing_id=name or "?",
            sku=mapped.sku if mapped else None,
            shown=found.look.quantity,
            expected=found.known.expected if found.known else None,
            desired=found.known.wanted if found.known else None,
            cause=found.cause,
            action=found.action,
            seen_at=found.look.at,
            at=now,
            run_id=run.ask.run_id if run else found.run_id,
            channel_sku=fitting(found.called) or None,
        )

    def _written(self, run: Run, cause: DriftCause, name: str) -> bool:
        """Count a drift of a run; returns whether it is written too."""
        run.drifts[cause] += 1
        if cause in STANDING:
            if not run.ask.asked and (cause, name) in self._named:
                return False
            if len(self._named) < NAMED_MAX:
                self._named.add((cause, name))
        return run.drifts.total() <= DRIFTS_MAX
