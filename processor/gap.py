"""Offsets that a consumer was not handed, and what may explain them (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets from `start` up to, and without, `end` that were not handed over."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Where a batch stands, and whether a reader of committed records is shown it."""

    start: int
    end: int
    shown: bool


def reason(gaps: Sequence[Gap], batches: Iterable[Batch]) -> str:
    """Return why `gaps` are not explained by the batches that stand there, "" when they are."""
    at = gaps[0].start
    for batch in batches:
        if batch.start > at and any(gap.start < batch.start and gap.end > at for gap in gaps):
            return f"offsets {at} to {batch.start - 1} are not in the log"
        if batch.shown and any(gap.start < batch.end and gap.end > batch.start for gap in gaps):
            return f"records from {batch.start} to {batch.end - 1} were not handed over"
        at = max(at, batch.end)
    return "" if at >= gaps[-1].end else f"the log ends at {at}"
