"""The listings that lines wait for, as rows for people and for programs.  Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ingest.remap.waiting import Waiting
from schemas.records import DeadLetter

NEXT = (
    "map them: `python -m ingest discover CHANNEL`, or `python -m ingest import` with channel,listing_id,sku,<ids>;",
    "`python -m ingest remap` counts their lines as soon as the listing is there",
)
BY_HAND = "cannot be counted by themselves; once the listing is mapped, read the orders again: `python -m ingest poll`"
HEADS = ("channel", "listing", "lines", "units", "oldest", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    A listing that is not mapped, and what waits for it.

    `since` is when its oldest dead letter was written, milliseconds since 1970; `order_id` is one of its lines.  `why`
    says why its lines cannot be counted by themselves, "" where they can.
    """

    channel: str
    listing_id: str
    lines: int
    units: int
    since: int
    order_id: str
    why: str = ""

    def document(self) -> dict[str, object]:
        """Return the row as it stands in JSON."""
        told: dict[str, object] = {
            "channel": self.channel,
            "listingId": self.listing_id,
            "lines": self.lines,
            "units": self.units,
            "oldest": self.since,
            "orderId": self.order_id,
        }
        return {**told, "why": self.why} if self.why else told


def wanted(waiting: Waiting, channel: str | None) -> list[Wanted]:
    """Return the listings that lines wait for, of one channel or (None) of all, the oldest first."""
    rows = [*_mappable(waiting), *_by_hand(waiting.left())]
    return sorted((row for row in rows if channel in (None, row.channel)), key=lambda row: row.since)


def _mappable(waiting: Waiting) -> Iterator[Wanted]:
    for (channel, listing_id), lines in waiting.lines():
        oldest = min(lines.values(), key=lambda stuck: stuck.since)
        yield Wanted(
            channel=channel,
            listing_id=listing_id,
            lines=len(lines),
            units=sum(stuck.line.qty for stuck in lines.values()),
            since=oldest.since,
            order_id=str(oldest.letter.order_id),
        )


def _by_hand(letters: Iterable[DeadLetter]) -> Iterator[Wanted]:
    found: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault((str(letter.channel), letter.err), []).append(letter)
    for (channel, err), some in found.items():
        oldest = min(some, key=lambda letter: letter.at)
        yield Wanted(
            channel=channel,
            listing_id=oldest.listing_id or "",
            lines=len({letter.order_id for letter in some}),
            units=sum(max(0, letter.qty or 0) for letter in {one.order_id: one for one in some}.values()),
            since=oldest.at,
            order_id=oldest.order_id or "",
            why=err,
        )


def text(rows: Sequence[Wanted]) -> Iterator[str]:
    """Yield the lines that people read."""
    if not rows:
        yield "no line waits for its listing"
        return
    cells = [_cells(row) for row in rows if not row.why]
    widths = [max(len(row[at]) for row in [HEADS, *cells]) for at in range(len(HEADS))]
    for row in [HEADS, *cells] if cells else []:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from NEXT if cells else ()
    for one in rows:
        if one.why:
            example = one.order_id or "no order"
            yield f"{one.channel}: lines {one.lines}, units {one.units}, such as {example}: {one.why}"
    if len(cells) < len(rows):
        yield BY_HAND


def _cells(row: Wanted) -> tuple[str, ...]:
    since = datetime.fromtimestamp(row.since / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    return row.channel, row.listing_id, str(row.lines), str(row.units), since, row.order_id
