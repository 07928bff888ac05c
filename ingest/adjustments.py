"""
What operators and other systems may ask of the stock, read and checked: `POST /stock/adjustments`.

All or nothing: one faulty row refuses the request with every fault in it, so that nobody has to work out which half of
a delivery was booked.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from ingest import fields
from ingest.limits import ADJUSTMENTS_MAX
from ingest.message import Message
from ingest.webhook import BadPayload, BadSignature, TooLarge
from schemas import codec, events
from schemas.records import StockAdjusted
from schemas.shapes import WireError, reader
from schemas.topics import STOCK_ADJUSTED
from schemas.words import AdjustmentKind

SOURCE = "/ingest/adjustments"
UNITS_MAX = 1_000_000_000
MOVES = frozenset({AdjustmentKind.SET, AdjustmentKind.ADD})
KNOWN = frozenset({"sku", "kind", "qty", "adjustmentId", "ifVersion", "reason", "actor"})
_read = reader(StockAdjusted)


class Faulty(Exception):  # noqa: N818 - named for the reaction it demands
    """Rows that cannot be booked: answer 400 with all of them."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def authorize(header: str, tokens: Sequence[str]) -> None:
    """Raise `BadSignature` unless the `Authorization` header bears one of the tokens; all are compared."""
    scheme, _, given = header.partition(" ")
    offered = given.strip().encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(offered, token.encode()) for token in tokens]
    if scheme.lower() != "bearer" or not any(matches):
        raise BadSignature("no valid token")


def read(body: bytes, now_ms: int) -> tuple[StockAdjusted, ...]:
    """
    Return the adjustments in `{"adjustments": [{sku, kind, qty, adjustmentId, ...}]}`.

    Raises `BadPayload`, `TooLarge`, or `Faulty` with one sentence a row.
    """
    rows = fields.parse_object(body).get("adjustments")
    if not isinstance(rows, list) or not rows:
        raise BadPayload("want an object with a list `adjustments`")
    if len(rows) > ADJUSTMENTS_MAX:
        raise TooLarge(f"{len(rows)} adjustments, at most {ADJUSTMENTS_MAX}")
    faults, found, seen = list[str](), list[StockAdjusted](), set[str]()
    for at, row in enumerate(rows):
        try:
            found.append(_row(row, now_ms, seen))
        except WireError as error:
            faults.append(f"adjustments[{at}]: {error}")
    if faults:
        raise Faulty(faults)
    return tuple(found)


def _row(row: object, now_ms: int, seen: set[str]) -> StockAdjusted:
    if not isinstance(row, Mapping):
        raise WireError("want an object")
    unknown = sorted(set(row) - KNOWN)
    if unknown:
        raise WireError(f"unknown field {unknown[0]!r:.40}")
    adjustment: StockAdjusted = _read(
        {"qty": 0, **row, "receivedAt": now_ms} if _is_pause(row) else {**row, "receivedAt": now_ms}
    )
    problem = _problem(adjustment)
    if problem:
        raise WireError(problem, "qty")
    if adjustment.adjustment_id in seen:
        raise WireError("given twice in this request", "adjustmentId")
    seen.add(adjustment.adjustment_id)
    return adjustment


def _is_pause(row: Mapping[str, Any]) -> bool:
    return row.get("kind") in (AdjustmentKind.PAUSE, AdjustmentKind.RESUME)


def _problem(adjustment: StockAdjusted) -> str:
    """Return what is wrong with a quantity, "" for nothing."""
    if adjustment.kind not in MOVES:
        return "" if adjustment.qty == 0 else f"`{adjustment.kind}` moves no units"
    if adjustment.kind is AdjustmentKind.SET and adjustment.qty < 0:
        return "a count is not below zero"
    return "" if abs(adjustment.qty) <= UNITS_MAX else f"more than {UNITS_MAX} units"


def message(adjustment: StockAdjusted, traceparent: str) -> Message:
    """Encode an adjustment."""
    name, at = adjustment.adjustment_id, adjustment.received_at
    headers = events.headers(STOCK_ADJUSTED, name, SOURCE, adjustment.sku, at, traceparent)
    return Message(topic=STOCK_ADJUSTED, key=adjustment.sku.encode(), value=codec.encode(adjustment), headers=headers)
