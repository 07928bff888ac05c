"""Records to rows, purely: what a record of each topic says in the tables."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from schemas import channel_records, records, topics
from schemas.codec import WireError, decode
from schemas.shapes import writer

Row = tuple[Any, ...]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS = 253_402_300_799_000
"""The end of year 9999, milliseconds: what Python and PostgreSQL can both hold.  Later times are written as this."""
ERR_MAX = 1_000


class UnstorableError(ValueError):
    """A record that PostgreSQL cannot hold; retrying would stop the ledger for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a record stands; `topic_id` tells a topic from an earlier one of the same name."""

    topic_id: str
    partition: int
    offset: int

    @property
    def row(self) -> Row:
        """Return the last three values of a row."""
        return (self.topic_id, self.partition, self.offset)


def at(ms: int) -> datetime:
    """Return a time in milliseconds since 1970 as PostgreSQL wants it."""
    return EPOCH + timedelta(milliseconds=min(ms, LATEST_MS))


def maybe_at(ms: int | None) -> datetime | None:
    """Return the same for a time that may be absent."""
    return None if ms is None else at(ms)


def _json(value: object) -> str:
    text = orjson.dumps(value).decode()
    if "\\u0000" in text.replace(r"\\", ""):  # an escaped backslash before u0000 is no NUL
        raise UnstorableError("a text with a NUL character")
    return text


_cause = writer(records.Cause)
_waiting = writer(tuple[records.Waiting, ...])


def product(level: records.StockLevel) -> Row:
    """Return the row of `products`."""
    return (
        level.sku,
        level.quantity,
        level.version,
        level.paused,
        level.policy,
        _json(_waiting(level.waiting)),
        level.waiting_more,
        level.velocity,
        _json(_cause(level.cause)),
        _json(dict(level.source)),
        at(level.updated_at),
    )


def order_event(outcome: records.OrderOutcome) -> Row:
    """Return the row of `order_events`."""
    return (
        outcome.sku,
        outcome.qty,
        outcome.channel,
        outcome.order_id,
        outcome.result,
        at(outcome.timestamp),
        outcome.held,
        outcome.shortfall,
        outcome.delta,
        outcome.new_qty,
        outcome.version,
        outcome.revision,
        at(outcome.seen_at),
        at(outcome.ordered_at),
        _json(dict(outcome.source)),
    )


def call(entry: channel_records.SyncLog) -> Row:
    """Return the row of `sync_log`."""
    return (
        entry.call_id,
        entry.channel,
        entry.sku,
        entry.listing_id,
        entry.quantity,
        entry.version,
        entry.response_code,
        entry.verdict,
        entry.err,
        at(entry.started_at),
        entry.duration_ms,
        entry.lag_ms,
    )


def listings(channel: str, level: channel_records.ChannelLevel) -> list[Row]:
    """Return the rows of `channel_state`: one a listing, or one with an empty id where the SKU has none there."""
    shared = (
        level.hidden,
        level.status,
        level.attempt,
        maybe_at(level.next_attempt_at),
        level.err,
        maybe_at(level.dirty_since),
        at(level.at),
    )
    shown = level.listings or {"": channel_records.Shown()}
    return [
        (level.sku, channel, listing_id, *_shown(listing), *shared, maybe_at(listing.accepted_at))
        for listing_id, listing in shown.items()
    ]


def listed(listing: channel_records.Listing) -> Row:
    """Return the row of `listings`, without its place."""
    parts = [{"sku": part.sku, "qty": part.qty} for part in listing.components]
    return (listing.channel, listing.listing_id, listing.sku, _json(parts), listing.retired)


def _shown(listing: channel_records.Shown) -> Row:
    return (
        listing.shown,
        maybe_at(listing.shown_at),
        listing.inferred,
        listing.sent,
        listing.sent_version,
        maybe_at(listing.sent_at),
        listing.request_id,
        listing.retired,
    )


def checked(rows: Iterable[Row]) -> list[Row]:
    """Return the rows; raises `UnstorableError` for a NUL in a text, which PostgreSQL has no form for."""
    kept = list(rows)
    for value in (value for row in kept for value in row):
        if isinstance(value, str) and "\0" in value:
            raise UnstorableError("a text with a NUL character")
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """
    What one topic is to the ledger.

    Args:
        table: the name of the table that its records fill.
        read: the rows in a record's value; raises `WireError` or `UnstorableError`.
        owner: what a record speaks for as a whole, from its key; None where rows are only ever added.
        placed: whether it speaks for its own partition only, and the partition belongs to what it owns.

    """

    table: str
    read: Callable[[bytes], list[Row]]
    owner: Callable[[str], tuple[str, ...]] | None = None
    placed: bool = False


def feeds(channels: Iterable[str]) -> Mapping[str, Feed]:
    """Return the topics that the ledger reads, by name without a deployment's prefix."""
    return {
        topics.STOCK_LEVEL: Feed(
            table="products", read=lambda raw: [product(decode(records.StockLevel, raw))], owner=lambda sku: (sku,)
        ),
        topics.ORDER_OUTCOME: Feed(
            table="order_events", read=lambda raw: [order_event(decode(records.OrderOutcome, raw))]
        ),
        topics.SYNC_LOG: Feed(table="sync_log", read=lambda raw: [call(decode(channel_records.SyncLog, raw))]),
        topics.LISTING: Feed(
            table="listings",
            read=lambda raw: [listed(decode(channel_records.Listing, raw))],
            owner=_listing_owner,
            placed=True,
        ),
        **{topics.channel_level(channel): _channel_feed(channel) for channel in channels},
    }


def _listing_owner(key: str) -> tuple[str, ...]:
    """Return channel and listing of a key; raises `WireError` for another key."""
    channel, sign, listing_id = key.partition("|")
    if not sign:
        raise WireError("the key is no channel|listingId")
    return (channel, listing_id)


def _channel_feed(channel: str) -> Feed:
    return Feed(
        table="channel_state",
        read=lambda raw: listings(channel, decode(channel_records.ChannelLevel, raw)),
        owner=lambda sku: (sku, channel),
    )


def fault(topic: str, kind: str, err: str, through: int) -> Row:
    """Return the row of `ledger_faults`; `err` is cut and freed of what PostgreSQL cannot hold."""
    return (topic, kind, err.replace("\0", "\ufffd")[:ERR_MAX], through)


def fault_kind(error: WireError | UnstorableError) -> str:
    """Return how `ledger_faults` names an error."""
    return "unreadable" if isinstance(error, WireError) else "unstorable"
