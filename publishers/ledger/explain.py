"""
Why a channel shows what it shows, purely: terms that add up to the number, and a verdict from a closed list.

The numbers come from the publisher's own rules, applied one after the other; what each takes is a term.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from publishers.ledger.facts import Facts
from publishers.rules import number, offered, target
from schemas.channel_records import ChannelLevel, Shown, SyncLog
from schemas.records import OrderOutcome, StockLevel
from schemas.settings import Channel, Mode, Rules
from schemas.words import Status

BEHIND_MS = 15_000
"""From this age on, what the tables say may be the past: a ledger that keeps up tells every 2 s."""
LATE_MS = 60_000
"""A number that has been on its way for so long is late: the channels' own limits explain seconds, not minutes."""


class Verdict(StrEnum):
    """The one reason for a number; the worst first, which is the answer for the whole SKU."""

    UNKNOWN_SKU = "unknown_sku"
    DEAD = "dead"
    LATE = "late"
    RETRYING = "retrying"
    LEDGER_BEHIND = "ledger_behind"
    ON_ITS_WAY = "on_its_way"
    HIDDEN_SALES = "hidden_sales"
    UNSTOCKED = "unstocked"
    NEVER_TOLD = "never_told"
    SHADOW = "shadow"
    PAUSED = "paused"
    RETIRED = "retired"
    RULE = "rule"
    IN_STEP = "in_step"


class Part(StrEnum):
    """What a term stands for."""

    MASTER = "master_quantity"
    BELOW_ZERO = "below_zero"
    BUFFER = "buffer"
    PERCENT = "percent"
    MAX = "max"
    FLOOR = "floor"
    RULE_PAUSE = "rule_pause"
    PAUSE = "pause"
    RETIRED = "retired"
    HIDDEN = "hidden_sales"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One summand of the number shown."""

    part: Part
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One listing at one channel, or (`listing_id` empty) a channel that knows none for the SKU.

    The units of `terms` add up to `shown`, or to `desired` where the channel has never been told.
    """

    channel: str
    listing_id: str
    shown: int | None
    shown_at: int | None
    inferred: bool
    desired: int | None
    verdict: Verdict
    terms: Sequence[Term]
    sent: int | None
    sent_at: int | None
    hidden: int
    attempt: int
    next_attempt_at: int | None
    err: str | None
    dirty_since: int | None
    last_call: SyncLog | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer; times in milliseconds since 1970."""

    sku: str
    verdict: Verdict
    now: int
    as_of: int | None
    level: StockLevel | None
    lines: Sequence[Line]
    decisions: Sequence[OrderOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What a verdict is found from."""

    facts: Facts
    channel: Channel
    state: ChannelLevel | None
    listing: Shown
    desired: int | None

    @property
    def behind(self) -> bool:
        return self.facts.as_of_ms is None or self.facts.now_ms - self.facts.as_of_ms > BEHIND_MS

    @property
    def agrees(self) -> bool:
        """Say whether the channel shows what it should; an unanswered call may have changed what it shows."""
        return self.listing.shown == self.desired and self.listing.request_id is None

    @property
    def late(self) -> bool:
        since = self.state.dirty_since if self.state else None
        return not self.agrees and since is not None and self.facts.now_ms - since > LATE_MS

    @property
    def untold(self) -> bool:
        return self.listing.shown is None and self.listing.sent is None

    @property
    def status(self) -> Status | None:
        return self.state.status if self.state else None

    @property
    def ruled(self) -> bool:
        level = self.facts.level
        return level is not None and self.desired != level.quantity


_VERDICTS: tuple[tuple[Verdict, Callable[[_Case], bool]], ...] = (
    (Verdict.DEAD, lambda case: case.status is Status.DEAD),
    (Verdict.LEDGER_BEHIND, lambda case: case.behind and not case.agrees),
    (Verdict.UNSTOCKED, lambda case: case.desired is None),
    (Verdict.SHADOW, lambda case: case.channel.mode is Mode.SHADOW and case.listing.sent is None and not case.agrees),
    (Verdict.NEVER_TOLD, lambda case: case.untold and case.status in (None, Status.IN_STEP)),
    (Verdict.RETRYING, lambda case: case.status is Status.RETRYING and not case.agrees),
    (Verdict.LATE, lambda case: case.late),
    (Verdict.ON_ITS_WAY, lambda case: not case.agrees),
    (Verdict.HIDDEN_SALES, lambda case: case.state is not None and case.state.hidden > 0),
    (Verdict.PAUSED, lambda case: case.facts.level is not None and case.facts.level.paused is not None),
    (Verdict.RETIRED, lambda case: case.listing.retired),
    (Verdict.RULE, lambda case: case.ruled),
    (Verdict.IN_STEP, lambda _case: True),
)
"""The first that holds is the verdict."""


def explain(sku: str, facts: Facts, channels: Iterable[Channel]) -> Report:
    """Return why every channel shows what it shows of `sku`."""
    lines = [line for channel in channels for line in _lines(sku, facts, channel)]
    known = facts.level is not None or facts.channels or facts.decisions
    order = list(Verdict)
    worst = min((line.verdict for line in lines), key=order.index, default=Verdict.IN_STEP)
    return Report(
        sku=sku,
        verdict=worst if known else Verdict.UNKNOWN_SKU,
        now=facts.now_ms,
        as_of=facts.as_of_ms,
        level=facts.level,
        lines=lines if known else [],
        decisions=facts.decisions,
    )


def _lines(sku: str, facts: Facts, channel: Channel) -> Iterator[Line]:
    state = facts.channels.get(channel.name)
    listings = state.listings if state and state.listings else {"": Shown()}
    steps = [*_steps(facts.level, channel.rules_for(sku))]
    for listing_id, listing in listings.items():
        hidden = state.hidden if state else 0
        ruled = sum(term.units for term in steps) if steps else None
        open_to = offered(ruled, retired=listing.retired)
        desired = target(open_to, hidden, listing.shown)
        terms = [*steps, *_tail((ruled, open_to, desired), listing.shown)]
        case = _Case(facts=facts, channel=channel, state=state, listing=listing, desired=desired)
        yield Line(
            channel=channel.name,
            listing_id=listing_id,
            shown=listing.shown,
            shown_at=listing.shown_at,
            inferred=listing.inferred,
            desired=desired,
            verdict=next(verdict for verdict, holds in _VERDICTS if holds(case)),
            terms=[term for term in terms if term.units or term.part is Part.MASTER],
            sent=listing.sent,
            sent_at=listing.sent_at,
            hidden=hidden,
            attempt=state.attempt if state else 0,
            next_attempt_at=state.next_attempt_at if state else None,
            err=state.err if state else None,
            dirty_since=state.dirty_since if state else None,
            last_call=facts.calls.get((channel.name, listing_id)),
        )


def _steps(level: StockLevel | None, rules: Rules) -> Iterator[Term]:
    """Yield what each rule takes, by applying one more of them each time; nothing for a SKU without a level."""
    if level is None or level.quantity is None:
        return
    yield Term(part=Part.MASTER, units=level.quantity)
    open_level, before = replace(level, paused=None), level.quantity
    for part, step_level, step_rules in (
        (Part.BELOW_ZERO, open_level, Rules()),
        (Part.BUFFER, open_level, Rules(buffer=rules.buffer)),
        (Part.PERCENT, open_level, Rules(buffer=rules.buffer, percent=rules.percent)),
        (Part.MAX, open_level, replace(rules, floor=0, paused=False)),
        (Part.FLOOR, open_level, replace(rules, paused=False)),
        (Part.RULE_PAUSE, open_level, rules),
        (Part.PAUSE, level, rules),
    ):
        after = number(step_level, step_rules)
        assert after is not None, "only a SKU without a quantity has no number"
        yield Term(part=part, units=after - before)
        before = after


def _tail(numbers: tuple[int | None, int | None, int | None], shown: int | None) -> Iterator[Term]:
    """Yield what lies between the rules' number, what the listing offers of it, and what it is told."""
    ruled, open_to, desired = numbers
    if ruled is not None and open_to is not None and desired is not None:
        yield Term(part=Part.RETIRED, units=open_to - ruled)
        yield Term(part=Part.HIDDEN, units=desired - open_to)
    if shown is not None:
        yield Term(part=Part.DIFFERENCE, units=shown - (desired or 0))
