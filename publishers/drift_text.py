"""
A reconciliation in words: one line about the run, and a table of its drifts.  Pure.

What is not mapped stands there with the channel's own SKU, in brackets.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from publishers.table import table
from schemas.channel_records import Drift, Reconciliation
from schemas.words import DriftCause

ROWS_MAX = 200
"""Most drifts in a table for people."""
NEXT: Mapping[DriftCause, str] = {
    DriftCause.UNMAPPED: "unmapped: `python -m ingest discover {channel} --apply` maps what has a SKU there, and with "
    "`--csv FILE` writes the rest into a file to fill in and import",
    DriftCause.NOT_SHOWN: "not_shown: `python -m ingest discover {channel}` shows what is gone there, and with "
    "`--apply --prune` ends it",
}
"""What a person does about a cause that no call mends."""
HEAD = ("SKU", "LISTING", "SHOWS", "EXPECTED", "SHOULD SHOW", "CAUSE", "DONE")


def text(run: Reconciliation, drifts: Sequence[Drift]) -> Iterator[str]:
    """Yield the lines."""
    yield _summary(run)
    if drifts:
        yield ""
        yield from table([HEAD, *(_cells(drift) for drift in drifts[:ROWS_MAX])])
    total = sum(run.drifts.values())
    if total > len(drifts[:ROWS_MAX]):
        yield f"and {total - len(drifts[:ROWS_MAX])} more; --json prints up to 10,000"


def advice(run: Reconciliation) -> Iterator[str]:
    """Yield what to run about what stays as it is until a person does something."""
    yield from (told.format(channel=run.channel) for cause, told in NEXT.items() if run.drifts.get(cause))


def _summary(run: Reconciliation) -> str:
    seconds = (run.ended_at - run.started_at) / 1_000
    kind = "dry run" if run.dry_run else "run"
    if run.err is not None:
        return f"{run.channel}: {kind} {run.run_id} came to no end after {seconds:.1f} s: {run.err}"
    causes = ", ".join(f"{count} {cause}" for cause, count in sorted(run.drifts.items()))
    found = f"{sum(run.drifts.values())} drifts ({causes})" if causes else "no drift"
    left = f", {run.left_out} left out (told or sold too recently)" if run.left_out else ""
    return f"{run.channel}: {kind} {run.run_id}, {run.shown} listings in {seconds:.1f} s{left}: {found}"


def _cells(drift: Drift) -> tuple[str, ...]:
    numbers = (_number(drift.shown), _number(drift.expected), _number(drift.desired))
    theirs = f"({drift.channel_sku})" if drift.channel_sku else "-"
    return (drift.sku or theirs, drift.listing_id, *numbers, drift.cause, drift.action)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def order(drift: Drift) -> tuple[Any, ...]:
    """Return where a drift stands in a report: by cause, then by SKU."""
    return drift.cause, drift.sku or "", drift.listing_id
