"""
The generic channel: any sender that signs by Standard Webhooks and speaks our own small order format.

The signature is in `ingest.standard_webhooks`.  The body, whose contract is `generic.schema.json`, is

    {"type": "order.line", "timestamp": "2026-11-21T10:00:00Z",
     "data": {"orderId": "A-1", "revision": 3, "orderedAt": 1795255200000,
              "lines": [{"lineId": "1", "sku": "TEE-M", "qty": 2}]}}

where each line says what it holds now (0 when cancelled) and `revision` is raised by the sender with each change.
"""

import re
from collections.abc import Sequence

from ingest import fields, standard_webhooks
from ingest.fields import Object
from ingest.webhook import Headers, Line, NotUnderstood, Reading, Refused, unreadable

EVENT = "order.line"
_TIME = re.compile(
    r"(19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339, as `generic.schema.json` has it: one spelling, which every language writes."""


def account(headers: Headers, body: bytes) -> str:
    """Return nothing: each sender is given its own address."""
    del headers, body
    return ""


def ping(headers: Headers, body: bytes) -> bool:
    """Standard Webhooks has no unsigned test."""
    del headers, body
    return False


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """Raise `BadSignature` unless the body is signed, by HMAC or ed25519, and the timestamp within 5 minutes."""
    standard_webhooks.verify(headers, body, secrets, now_ms)


def topic(headers: Headers) -> str:
    """Return the only event there is; its name stands in the body, not in a header."""
    del headers
    return EVENT


def parse(headers: Headers, body: bytes, now_ms: int) -> Reading:
    """Return what the body says its order holds."""
    del headers
    event = fields.parse_object(body)
    if event.get("type") != EVENT:
        raise NotUnderstood(f"type: want {EVENT}")
    data = event.get("data")
    if not isinstance(data, dict):
        raise fields.wrong("data", "an object", data)
    return read_order(data, _seen_at(event, now_ms))


def _seen_at(event: Object, now_ms: int) -> int:
    """Return the event's own time, the same on every retry, never in the future; without one, that of receipt."""
    value = event.get("timestamp")
    if value is None:
        return now_ms
    if isinstance(value, str) and not _TIME.fullmatch(value):
        raise NotUnderstood("timestamp: want an RFC 3339 time with a zone")
    return min(fields.instant(value, "timestamp"), now_ms)


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what an order's `data` holds.

    Raises `NotUnderstood` when the order has no id, revision, time or lines; a faulty line is refused by itself.
    """
    number = fields.ident(order, "orderId")
    times = (fields.integer(order, "revision"), seen_at_ms, fields.integer(order, "orderedAt"))
    items = fields.objects(order, "lines")
    if not items:
        # It would change nothing, while its sender may have meant that the order holds nothing any more.
        raise NotUnderstood("lines: none; a line that holds nothing is named with qty 0")
    lines, refused, seen = list[Line](), list[Refused](), set[tuple[str, str]]()
    for at, item in enumerate(items):
        try:
            lines.append(_line(number, item, times, seen))
        except NotUnderstood as error:
            refused.append(unreadable(f"lines[{at}].{error}", number, fields.ident_if_any(item, "lineId")))
    return Reading(order=number, lines=tuple(lines), refused=tuple(refused))


def _line(order: str, item: Object, times: tuple[int, int, int], seen: set[tuple[str, str]]) -> Line:
    revision, seen_at_ms, ordered_at = times
    sku = fields.text(item, "sku")
    if not sku:
        raise NotUnderstood("sku: missing")
    line = Line(
        order=order,
        line=fields.ident(item, "lineId"),
        sku=sku,
        listing_id=sku,
        qty=fields.integer(item, "qty"),
        revision=revision,
        seen_at=seen_at_ms,
        ordered_at=ordered_at,
    )
    if (line.line, sku) in seen:
        # Two states of one line as of one revision: the second would be taken for a repeat and its units lost.
        raise NotUnderstood("lineId: given twice for one SKU")
    seen.add((line.line, sku))
    return line
