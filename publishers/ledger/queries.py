"""The SQL behind `explain` and the console: rows back to the records that they came from, in one snapshot."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import asyncpg
import orjson

from publishers.ledger.facts import Facts
from publishers.ledger.rows import EPOCH
from publishers.ledger.writer import require_current
from schemas import channel_records, records, words
from schemas.shapes import reader

_PRODUCT = "SELECT * FROM products WHERE sku = $1"
_STATES = "SELECT * FROM channel_state WHERE sku = $1 ORDER BY channel, listing_id"
_LISTINGS = "SELECT * FROM listings WHERE sku = $1 ORDER BY channel, listing_id"
_PRODUCTS = "SELECT * FROM products WHERE sku = ANY($1::text[])"
_CALLS = """
SELECT l.* FROM channel_state s CROSS JOIN LATERAL (
    SELECT * FROM sync_log l
    WHERE l.sku = s.sku AND l.channel = s.channel AND l.listing_id = s.listing_id
    ORDER BY l.started_at DESC, l.topic_offset DESC LIMIT 1
) l
WHERE s.sku = $1
"""
_DECISIONS = 'SELECT * FROM order_events WHERE sku = $1 ORDER BY "timestamp" DESC, topic_offset DESC LIMIT $2'
_AS_OF = """
SELECT clock_timestamp() AS now, CASE WHEN count(caught_up_at) >= cardinality($1::text[]) THEN min(caught_up_at) END
    AS as_of
FROM ledger_positions WHERE topic = ANY($1::text[]) AND topic_partition = $2
"""
_cause = reader(records.Cause)
_waiting = reader(tuple[records.Waiting, ...])
_components = reader(tuple[channel_records.Component, ...])


async def facts(connection: asyncpg.Connection, sku: str, topics: Iterable[str], partition: int, last: int) -> Facts:
    """
    Read what the tables know; raises `SchemaError` where they have another version than this program.

    Args:
        connection: to the ledger's database.
        sku: the SKU.
        topics: the topics that a complete answer needs.
        partition: the SKU's partition in each of them.
        last: how many decisions are wanted.

    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await require_current(connection)
        product = await connection.fetchrow(_PRODUCT, sku)
        states = await connection.fetch(_STATES, sku)
        listings = [_listing(row) for row in await connection.fetch(_LISTINGS, sku)]
        parts = list({part.sku for listing in listings for part in listing.components})
        products = await connection.fetch(_PRODUCTS, parts) if parts else []
        calls = await connection.fetch(_CALLS, sku)
        decisions = await connection.fetch(_DECISIONS, sku, last)
        clock = await connection.fetchrow(_AS_OF, list(topics), partition)
    assert clock is not None, "an aggregate without GROUP BY has one row"
    return Facts(
        level=None if product is None else _level(product),
        levels={row["sku"]: _level(row) for row in products},
        listings={name: list(rows) for name, rows in groupby(listings, key=lambda listing: listing.channel)},
        channels={name: _channel(list(rows)) for name, rows in groupby(states, key=lambda row: str(row["channel"]))},
        calls={(row["channel"], row["listing_id"]): _call(row) for row in calls},
        decisions=[_decision(row) for row in decisions],
        as_of_ms=_maybe_ms(clock["as_of"]),
        now_ms=_ms(clock["now"]),
    )


def _ms(when: datetime) -> int:
    return (when - EPOCH) // timedelta(milliseconds=1)


def _maybe_ms(when: datetime | None) -> int | None:
    return None if when is None else _ms(when)


def _level(row: asyncpg.Record) -> records.StockLevel:
    return records.StockLevel(
        sku=row["sku"],
        quantity=row["master_quantity"],
        version=row["version"],
        paused=None if row["paused"] is None else words.Pause(row["paused"]),
        policy=words.Policy(row["policy"]),
        waiting=_waiting(orjson.loads(row["waiting"])),
        waiting_more=row["waiting_more"],
        velocity=row["velocity"],
        cause=_cause(orjson.loads(row["cause"])),
        source=orjson.loads(row["source"]),
        updated_at=_ms(row["updated_at"]),
    )


def _channel(rows: Sequence[asyncpg.Record]) -> channel_records.ChannelLevel:
    shared = rows[0]
    return channel_records.ChannelLevel(
        sku=shared["sku"],
        listings={row["listing_id"]: _shown(row) for row in rows if row["listing_id"]},
        hidden=shared["hidden"],
        status=words.Status(shared["status"]),
        attempt=shared["attempt"],
        next_attempt_at=_maybe_ms(shared["next_attempt_at"]),
        err=shared["err"],
        dirty_since=_maybe_ms(shared["dirty_since"]),
        at=_ms(shared["at"]),
    )


def _shown(row: asyncpg.Record) -> channel_records.Shown:
    return channel_records.Shown(
        shown=row["shown"],
        shown_at=_maybe_ms(row["shown_at"]),
        inferred=row["inferred"],
        sent=row["sent"],
        sent_version=row["sent_version"],
        sent_at=_maybe_ms(row["sent_at"]),
        request_id=row["request_id"],
        retired=row["retired"],
        accepted_at=_maybe_ms(row["accepted_at"]),
    )


def _listing(row: asyncpg.Record) -> channel_records.Listing:
    return channel_records.Listing(
        channel=row["channel"],
        listing_id=row["listing_id"],
        sku=row["sku"],
        components=_components(orjson.loads(row["components"])),
        retired=row["retired"],
    )


def _call(row: asyncpg.Record) -> channel_records.SyncLog:
    same = ("call_id", "channel", "sku", "listing_id", "version", "response_code", "verdict", "duration_ms", "lag_ms")
    return channel_records.SyncLog(
        quantity=row["quantity_sent"],
        err=row["error"],
        started_at=_ms(row["started_at"]),
        **{name: row[name] for name in same},
    )


def _decision(row: asyncpg.Record) -> records.OrderOutcome:
    same = ("sku", "order_id", "channel", "revision", "qty", "held", "shortfall", "delta", "new_qty", "version")
    return records.OrderOutcome(
        seen_at=_ms(row["seen_at"]),
        result=words.Result(row["result"]),
        ordered_at=_ms(row["ordered_at"]),
        timestamp=_ms(row["timestamp"]),
        source=orjson.loads(row["source"]),
        **{name: row[name] for name in same},
    )
