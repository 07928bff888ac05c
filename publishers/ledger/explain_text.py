"""The answer as text, purely: short, and readable at two in the morning."""

from collections.abc import Iterator

from publishers.ledger.explain import BEHIND_MS, Line, Part, Report, Verdict
from publishers.ledger.explain_case import READ_BACK
from publishers.ledger.rows import at
from schemas.channel_records import SyncLog
from schemas.records import OrderOutcome, StockLevel

SENTENCES = {
    Verdict.UNKNOWN_SKU: "no table knows this SKU: was it ever imported, is it spelled like this?",
    Verdict.DEAD: "the number was given up: see the error, repair, then `dlq replay`",
    Verdict.LATE: "the number should have arrived long ago: see its publisher's /healthz, incidents and limits",
    Verdict.BRAKE: "the brake holds the 0: one change would empty much of the shop; see `command brake_release`",
    Verdict.ACCEPTED: "the channel has taken the number and does not show it yet: it is read back",
    Verdict.RETRYING: "the last call failed and will be made again, with the newest number",
    Verdict.LEDGER_BEHIND: "the tables are old, so this may be the past: look at the ledger, not at the channel",
    Verdict.ON_ITS_WAY: "the hub has moved; the channel is told next, unless it is down, stopped or refuses us",
    Verdict.SEEN_OTHERWISE: "the last look saw another number, perhaps a sale on its way: `reconcile` says what it is",
    Verdict.HIDDEN_SALES: "the channel has sold units whose orders have not come yet; it is not raised before they do",
    Verdict.UNSTOCKED: "the SKU was never stocked: set or add a quantity",
    Verdict.NEVER_TOLD: "the channel was never told: is there a listing with this SKU, does its publisher run?",
    Verdict.SHADOW: "the channel is in shadow mode: nothing is pushed until `enable`",
    Verdict.PAUSED: "the SKU is paused: every channel shows 0",
    Verdict.RETIRED: "the listing is retired: it shows 0 until its flag is taken back, its orders count",
    Verdict.RULE: "right, by the channel's rules",
    Verdict.IN_STEP: "right",
}
PARTS = {
    Part.MASTER: "in the hub",
    Part.BUNDLE: "what its components allow",
    Part.BELOW_ZERO: "below zero shows as 0",
    Part.BUFFER: "kept back by the buffer",
    Part.PERCENT: "kept back by the percentage",
    Part.MAX: "above the channel's maximum",
    Part.FLOOR: "below the channel's floor",
    Part.RULE_PAUSE: "the channel's rules pause it",
    Part.PAUSE: "the SKU is paused",
    Part.RETIRED: "the listing is retired",
    Part.HIDDEN: "sold there, orders still to come",
    Part.DIFFERENCE: "what the channel still differs by",
}
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def text(report: Report) -> str:
    """Return the whole answer."""
    return "\n".join(_all(report))


def _all(report: Report) -> Iterator[str]:
    yield f"{report.sku}: {report.verdict} - {SENTENCES[report.verdict]}"
    if report.level is not None:
        yield _hub(report.level, report.now)
    if report.as_of is None:
        yield "The tables are incomplete: the ledger has not seen the end of every topic yet."
    elif report.now - report.as_of > BEHIND_MS:
        yield f"The tables are as of {age(report.now - report.as_of)} ago."
    for line in report.lines:
        yield ""
        yield from _line(line, report.now)
    if report.decisions:
        yield ""
        yield f"Last {len(report.decisions)} decisions, newest first:"
        yield from (_decision(decision) for decision in report.decisions)


def _hub(level: StockLevel, now: int) -> str:
    quantity = "no quantity yet" if level.quantity is None else f"{level.quantity}"
    paused = f", paused ({level.paused})" if level.paused else ""
    waiting = len(level.waiting) + level.waiting_more
    waits = f", {waiting} lines wait" if waiting else ""
    cause = level.cause.order_id or f"adjustment {level.cause.adjustment_id or ''} by {level.cause.actor or 'unknown'}"
    return f"Hub: {quantity}, version {level.version}, {_ago(level.updated_at, now)} by {cause}{paused}{waits}"


def _line(line: Line, now: int) -> Iterator[str]:
    shows = "shows nothing that we know of" if line.shown is None else f"shows {line.shown}"
    since = f" since {_ago(line.shown_at, now)}" if line.shown_at is not None else ""
    inferred = " (worked out from a sale there)" if line.inferred else ""
    yield f"{line.channel} {line.listing_id}".rstrip() + f": {shows}{since}{inferred}"
    yield f"  {line.verdict}: {SENTENCES[line.verdict]}"
    for term in line.terms:
        least = f" ({line.limited_by} allows least)" if term.part is Part.BUNDLE and line.limited_by else ""
        yield f"  {term.units:>+6} {PARTS[term.part]}{least}"
    if line.terms:
        yield f"  {sum(term.units for term in line.terms):>6} {'to show' if line.shown is None else 'shown'}"
    if line.last_call is not None:
        yield f"  {_call(line.last_call, now)}"
    if line.err:
        retry = f", attempt {line.attempt}" if line.attempt else ""
        soon = f", next in {age(line.next_attempt_at - now)}" if line.next_attempt_at else ""
        yield f"  error: {line.err}{retry}{soon}"


def _call(call: SyncLog, now: int) -> str:
    answer = f"HTTP {call.response_code}" if call.response_code else "no answer"
    err = f", {call.err}" if call.err else ""
    when, did = _ago(call.started_at, now), "seen" if call.verdict == READ_BACK else "sent"
    return f"last call {when}: {call.quantity} {did}, {answer}, {call.verdict} in {call.duration_ms} ms{err}"


def _decision(decision: OrderOutcome) -> str:
    after = "-" if decision.new_qty is None else str(decision.new_qty)
    short = f" (short of {decision.shortfall})" if decision.shortfall else ""
    when = f"{at(decision.timestamp):%Y-%m-%d %H:%M:%S}"
    return f"  {when} {decision.result:<13} {-decision.delta:>+6} -> {after:>6}  {decision.order_id}{short}"


def _ago(when: int, now: int) -> str:
    return f"{at(when):%Y-%m-%d %H:%M:%S} UTC ({age(now - when)} ago)"


def age(ms: int) -> str:
    """Return a duration with the one unit that a reader wants."""
    for size, unit in _UNITS:
        if abs(ms) >= size:
            return f"{ms // size} {unit}"
    return "0 s"
