"""
What every call to Etsy's Open API carries, and what every answer says of the budget.

Facts: developers.etsy.com "Requests" and "Rate limits": `x-api-key` is `keystring:shared_secret` (without the secret:
403), the access token already begins with the user's id.  The budget belongs to the app, not to the shop: so many calls
a second, and so many in 24 hours that slide.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from ingest.poll.kind import Request
from schemas.settings import Channel, Window
from schemas.topics import DAY_MS

SECOND_MS = 1_000
SECRETS = ("API_KEY", "SHARED_SECRET")
"""The app's keystring and its shared secret; the access token follows them."""
LIMIT = (Window(calls=3, per_ms=1_000, burst=1), Window(calls=2_000, per_ms=DAY_MS, burst=1_000))
"""
Of a new app's 10 in any second and 10,000 in any day: orders never take more than 4 and 3,000, the rest is for telling
levels.  A burst would be more than that second's share.
"""
SLOWEST_MS = 60_000
"""However little is left of the day, a page is asked for once a minute."""
SHARE = 3
"""Of ten calls that are left for the day, so many are for orders once half of the day's calls are spent."""


def get(channel: Channel, secrets: Sequence[str], path: str, query: Mapping[str, str]) -> Request:
    """Return a call of the application's API."""
    keystring, shared, token = secrets
    return Request(
        method="GET",
        url=f"{channel.base_url}/v3/application/{path}" + (f"?{urlencode(query)}" if query else ""),
        headers={
            "x-api-key": f"{keystring}:{shared}",
            "authorization": f"Bearer {token}",
            "accept": "application/json",
        },
    )


def pause_ms(headers: Mapping[str, str]) -> int:
    """
    Return how long to wait before the next call, milliseconds, as the answer's budget has it.

    Nothing while more than half of the day's calls are left.  Below that, orders take three in ten of what is left,
    spread over a day, so that levels can still be told.
    """
    second = SECOND_MS if _number(headers, "x-remaining-this-second") == 0 else 0
    limit, left = _number(headers, "x-limit-per-day"), _number(headers, "x-remaining-today")
    if limit is None or left is None or left * 2 >= limit:
        return second
    return max(second, min(SLOWEST_MS, DAY_MS * 10 // max(1, left * SHARE)))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
