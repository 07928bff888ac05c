"""
The generic channel: any sender that signs by Standard Webhooks and speaks our own small order format.

Facts: standardwebhooks.com, `spec/standard-webhooks.md` (headers, signature, secrets).  The body is

    {"type": "order.line", "timestamp": "2026-11-21T10:00:00Z",
     "data": {"orderId": "A-1", "revision": 3, "orderedAt": 1795255200000,
              "lines": [{"lineId": "1", "sku": "TEE-M", "qty": 2}]}}

where each line says what it holds now (0 when cancelled) and `revision` is raised by the sender with each change.
"""

import re
from base64 import b64decode
from collections.abc import Sequence

from ingest import fields
from ingest.fields import Object
from ingest.signature import hmac_base64, require
from ingest.webhook import BadSignature, Headers, Line, NotUnderstood, Reading, Refused
from schemas.words import Reason

TOLERANCE_MS = 300_000
"""How far the sender's clock may be from ours, to either side: what the reference libraries use."""
EVENT = "order.line"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks a secret, not a secret
_SECONDS = re.compile(r"[0-9]{1,12}")


def account(headers: Headers, body: bytes) -> str:
    """Return nothing: each sender is given its own address."""
    del headers, body
    return ""


def ping(headers: Headers, body: bytes) -> bool:
    """Standard Webhooks has no unsigned test."""
    del headers, body
    return False


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
    """Raise `BadSignature` unless `id.timestamp.body` is signed (`v1`) and the timestamp is within 5 minutes."""
    number, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not number or not _SECONDS.fullmatch(sent) or abs(int(sent) * 1_000 - now_ms) > TOLERANCE_MS:
        raise BadSignature
    signed = f"{number}.{sent}.".encode("utf-8", "surrogateescape") + body
    # An entry without a comma, or of another version (`v1a` is asymmetric), is no signature for us.
    entries = [entry.partition(",") for entry in headers.get("webhook-signature", "").split(" ")]
    offered = [signature for version, _, signature in entries if version == "v1"]
    require(offered, [hmac_base64(key, signed) for key in map(_key, secrets) if key])


def _key(secret: str) -> bytes:
    """Return a secret's bytes, none for one that is not base64: it can have signed nothing."""
    try:
        return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        return b""


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
    if event.get("timestamp") is None:
        return now_ms
    return min(fields.instant(event["timestamp"], "timestamp"), now_ms)


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what an order's `data` holds.

    Raises `NotUnderstood` when the order has no id, revision or time; a faulty line is refused by itself.
    """
    number = fields.ident(order, "orderId")
    times = (fields.integer(order, "revision"), seen_at_ms, fields.integer(order, "orderedAt"))
    lines, refused, seen = list[Line](), list[Refused](), set[tuple[str, str]]()
    for at, item in enumerate(fields.objects(order, "lines")):
        try:
            lines.append(_line(number, item, times, seen))
        except NotUnderstood as error:
            refused.append(
                Refused(
                    reason=Reason.UNKNOWN_SHAPE,
                    err=f"lines[{at}].{error}",
                    order=number,
                    line=fields.ident_if_any(item, "lineId"),
                )
            )
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
