"""
Why a channel shows what it shows, purely: terms that add up to the number, and a verdict from a closed list.

The numbers come from the publisher's own rules, applied one after the other; what each takes is a term.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from publishers.bundles import Bundles, limiting
from publishers.ledger.explain_case import BEHIND_MS, LATE_MS, VERDICTS, Case, Verdict
from publishers.ledger.facts import Facts
from publishers.rules import number, offered, target
from schemas.channel_records import Shown, SyncLog
from schemas.records import OrderOutcome, StockLevel
from schemas.settings import Channel, Rules

__all__ = ["BEHIND_MS", "LATE_MS", "Line", "Part", "Report", "Term", "Verdict", "explain"]


class Part(StrEnum):
    """What a term stands for."""

    MASTER = "master_quantity"
    BUNDLE = "bundle"
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

    The units of `terms` add up to `shown`, or to `desired` where the channel has never been told.  `limited_by` is the
    component that allows a bundle least.
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
    limited_by: str | None = None


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


def explain(sku: str, facts: Facts, channels: Iterable[Channel]) -> Report:
    """Return why every channel shows what it shows of `sku`."""
    lines = [line for channel in channels for line in _lines(sku, facts, channel)]
    known = facts.level is not None or facts.channels or facts.decisions or facts.listings
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
    listed = {one.listing_id: one for one in facts.listings.get(channel.name, ())}
    told = state.listings if state else {}
    listings = {**dict.fromkeys(listed, Shown()), **told} or {"": Shown()}
    bundles = Bundles()
    bundles.put(sku, listed.values())
    level = bundles.level(sku, facts.levels) if sku in bundles else facts.level
    first = Part.BUNDLE if sku in bundles else Part.MASTER
    least = min((part for made in bundles.made(sku) if (part := limiting(made, facts.levels))), default=None)
    steps = [*_steps(level, channel.rules_for(sku), first)]
    for listing_id, listing in listings.items():
        retired = listed[listing_id].retired if listing_id in listed else listing.retired
        hidden = state.hidden if state else 0
        ruled = sum(term.units for term in steps) if steps else None
        open_to = offered(ruled, retired=retired)
        desired = target(open_to, hidden, listing.shown)
        terms = [*steps, *_tail((ruled, open_to, desired), listing.shown)]
        case = Case(
            facts=facts,
            level=level,
            channel=channel,
            state=state,
            listing=listing,
            retired=retired,
            desired=desired,
            call=facts.calls.get((channel.name, listing_id)),
        )
        yield Line(
            channel=channel.name,
            listing_id=listing_id,
            shown=listing.shown,
            shown_at=listing.shown_at,
            inferred=listing.inferred,
            desired=desired,
            verdict=next(verdict for verdict, holds in VERDICTS if holds(case)),
            terms=[term for term in terms if term.units or term.part is first],
            sent=listing.sent,
            sent_at=listing.sent_at,
            hidden=hidden,
            attempt=state.attempt if state else 0,
            next_attempt_at=state.next_attempt_at if state else None,
            err=state.err if state else None,
            dirty_since=state.dirty_since if state else None,
            last_call=case.call,
            limited_by=least,
        )


def _steps(level: StockLevel | None, rules: Rules, first: Part) -> Iterator[Term]:
    """Yield what each rule takes, by applying one more of them each time; nothing for a SKU without a level."""
    if level is None or level.quantity is None:
        return
    yield Term(part=first, units=level.quantity)
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
