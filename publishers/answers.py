"""What an answer tells about hidden sales, and its rows in `sync.log`.  Pure."""

from collections.abc import Iterator, Mapping

from publishers.book import Book
from publishers.fold import ERR_MAX
from publishers.push import NAMES, Accepted, Answer, Delivered, Response, Row, Shows, Verdict
from publishers.work import Call
from schemas.channel_records import SyncLog
from schemas.records import StockLevel

TAKEN = (Delivered, Accepted)
"""The verdicts whose lag is measured."""


def hidden_units(book: Book, row: Row, current: int) -> int:
    """
    Return how many units the channel has sold that we have not heard of: what we believed less what it shows.

    After a call without an answer there are two beliefs, by the number before it and by the number it told, each less
    the sales since; either is taken as it is, and below both the higher one counts, which is the safe side.
    """
    shown = book.shown(row.sku, row.listing.listing_id)
    beliefs = [book.expected(row.sku, row.listing.listing_id)]
    if shown.request_id is not None and shown.sent is not None:
        beliefs.append(shown.sent - book.sales.sold(row.sku, shown.sent_version or 0))
    known = [belief for belief in beliefs if belief is not None]
    if not known or current in known:
        return 0
    return max(0, max(known) - current)


def log_rows(
    channel: str, levels: Mapping[str, StockLevel], call: Call, answer: Answer, response: Response, now: int
) -> Iterator[SyncLog]:
    """Yield one record a row; the lag runs from the level's change to this answer."""
    for row, verdict in zip(call.rows, answer.verdicts, strict=True):
        level = levels.get(row.sku)
        yield SyncLog(
            call_id=call.request_id,
            channel=channel,
            sku=row.sku,
            listing_id=row.listing.listing_id,
            quantity=verdict.quantity if isinstance(verdict, Shows) else row.quantity,
            version=row.version,
            response_code=response.status,
            verdict=NAMES[type(verdict)],
            err=words(verdict),
            started_at=call.at,
            duration_ms=max(0, now - call.at),
            lag_ms=max(0, now - level.updated_at) if level else 0,
            requests=call.step + 1,
            reads=call.reads,
        )


def lags(levels: Mapping[str, StockLevel], call: Call, answer: Answer, now: int) -> list[int]:
    """Return for each row that was taken the ms since what it tells changed; a bundle that is no more has none."""
    taken = (row.sku for row, one in zip(call.rows, answer.verdicts, strict=True) if isinstance(one, TAKEN))
    return [max(0, now - call.moved[sku]) for sku in taken if sku in levels]


def words(verdict: Verdict) -> str | None:
    """Return a verdict's reason in the channel's own words, None where it has none."""
    reason = getattr(verdict, "reason", None)
    return None if reason is None else str(reason)[:ERR_MAX]
