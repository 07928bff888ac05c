"""
Amazon's usage plans: how fast each operation may be called, and what an answer says of it.

Facts: amzn/selling-partner-api-models `listingsItems_2021-08-01.json` and `feeds_2021-06-30.json` (each operation's
usage plan, a token bucket; `x-amzn-RateLimit-Limit` is the rate in force, calls a second, and not what is left), and
the Building Listings Management Workflows guide (5 feeds of listings in 5 minutes).
"""

import math
from collections.abc import Mapping

from publishers.limiter import Window
from publishers.push import READ, SILENCE_MAX_MS, TELL, Hint, Response, retry_after_ms

DOCUMENT, FEED, STATUS, REPORT, FILE = "document", "feed", "status", "report", "file"
"""The buckets of a feed's steps: `createFeedDocument`, `createFeed`, `getFeed`, `getFeedDocument`, and its files."""
RATE = "x-amzn-ratelimit-limit"
THROTTLE_MIN_MS = 1_000
"""The least wait after a refusal: one call's time at 5 a second is too short where somebody else calls too."""

LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (Window(amount=5_000, per_ms=1_000_000, burst=5),),
    READ: (Window(amount=5_000, per_ms=1_000_000, burst=5),),
    DOCUMENT: (Window(amount=500, per_ms=1_000_000, burst=15),),
    FEED: (
        Window(amount=83, per_ms=10_000_000, burst=15),
        Window(amount=5, per_ms=300_000, burst=5, rolling=True),
    ),
    STATUS: (Window(amount=2_000, per_ms=1_000_000, burst=15),),
    REPORT: (Window(amount=222, per_ms=10_000_000, burst=10),),
    # Amazon names no limit for the files' own addresses; this is our politeness.
    FILE: (Window(amount=10, per_ms=1_000, burst=10),),
}
"""A window's time is long where the rate is no whole number of calls a second, or may become such a one."""


def hints(response: Response, bucket: str) -> tuple[Hint, ...]:
    """Return the rate that an answer names, as calls in the time of the bucket's first window."""
    rate = _rate(response)
    if rate is None or bucket == FILE:
        return ()
    per_ms = LIMITS[bucket][0].per_ms
    return (Hint(bucket=bucket, per_ms=per_ms, limit=max(1, math.floor(rate * per_ms / 1_000))),)


def wait_ms(response: Response, bucket: str) -> int:
    """Return how long to wait after a refusal: what it asks for, else until one call's time has passed."""
    window = LIMITS[bucket][0]
    rate = _rate(response) or window.amount * 1_000 / window.per_ms
    return retry_after_ms(response, min(SILENCE_MAX_MS, max(THROTTLE_MIN_MS, math.ceil(1_000 / rate))))


def _rate(response: Response) -> float | None:
    try:
        rate = float(response.headers.get(RATE, ""))
    except ValueError:
        return None
    return rate if 0 < rate < 1_000_000 else None
