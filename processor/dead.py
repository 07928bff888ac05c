"""What is kept of a record that nobody can use (pure)."""

from base64 import b64encode

from processor.sources import Fetched
from schemas.records import DeadLetter, Origin
from schemas.words import Reason

ORIGINAL_MAX = 675_000
"""Bytes of an original that fit into a dead letter as base64; a larger one is named by its place only."""
TEXT_MAX = 900


def letter(record: Fetched, origin: Origin, reason: Reason, error: str, now: int) -> DeadLetter:
    """Return the dead letter of `record`, which stands at `origin`, with its original bytes where they fit."""
    value = record.value or b""
    kept = len(value) <= ORIGINAL_MAX
    text = error if kept else f"{error} (the original's {len(value)} bytes are only in the source topic)"
    return DeadLetter(
        dead_letter_id=f"{origin.topic_id}-{origin.partition}-{origin.offset}",
        reason=reason,
        err=_short(text),
        at=now,
        sku=_sku(record.key),
        origin=origin,
        original=b64encode(value).decode() if kept else None,
    )


def _short(text: str) -> str:
    return text.encode("utf-8", "replace")[:TEXT_MAX].decode("utf-8", "ignore")


def _sku(key: bytes | None) -> str | None:
    """Return the key as a SKU where it can be one."""
    try:
        return key.decode() if key and len(key) <= 255 else None
    except UnicodeDecodeError:
        return None
