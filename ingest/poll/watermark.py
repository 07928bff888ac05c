"""
Up to where a channel's orders are in Kafka, in the channel's own time.

The watermark moves only after Kafka has acknowledged everything before it, and never past `now - SETTLE_MS`: a channel
stamps an order before it shows it, and orders of one moment appear in any order.  "Now" is the earlier of our clock and
the `Date` of the channel's answer, so a clock of ours that runs ahead does no harm; one that runs behind only makes
more orders be read twice.  A channel whose own clock jumps back by more than `SETTLE_MS` may hide orders that it stamps
below the watermark; they come with their webhooks, or with `--since`.

Where no orders come, a reading that reached the end moves the watermark to the channel's `search_lag_ms` before its
beginning: publishers wait for it before they write off a sale that no order explains, and a quiet shop must not keep
them waiting for ever.  Without an order that was seen nothing else proves that a search is up to date.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

SETTLE_MS = 10_000


def begin(stored: int | None, connected: int, back_to: int | None) -> int:
    """
    Return from when to read, milliseconds.

    Args:
        stored: the watermark that Kafka holds, None at the first start.
        connected: the channel's `since`.
        back_to: from when the operator wants orders read again; it never skips what was not read.

    """
    start = connected if stored is None else stored
    return start if back_to is None else min(start, back_to)


def moved(old: int, through: int | None, asked_at: int, headers: Mapping[str, str]) -> int:
    """
    Return the watermark after a page is in Kafka; it never goes back.

    Args:
        old: the watermark so far.
        through: up to where the page proves that everything was read.
        asked_at: when the page was asked for, by our clock.
        headers: the answer's, names in lower case.

    """
    return old if through is None else max(old, min(through, channel_now(asked_at, headers) - SETTLE_MS))


def channel_now(asked_at: int, headers: Mapping[str, str]) -> int:
    """Return the time of a page, the earlier of our clock and the answer's `Date`."""
    try:
        return min(asked_at, int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000))
    except (ValueError, OverflowError):
        return asked_at
