"""
What every call to Amazon's Selling Partner API has in common: its token, what its errors mean, how an answer is read.

Facts: amzn/selling-partner-api-models (`ErrorList`, `x-amzn-RateLimit-Limit`), developer-docs.amazon.com/sp-api (LWA,
usage plans).  An access token that has ended is answered 403, as is a right that is missing: only the words tell them
apart (amzn/selling-partner-api-models#4122, selling-partner-api-docs#2147).
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ingest import fields
from ingest.fields import Object
from ingest.poll.kind import Answer, Denied, Expired, Later, Request, object_in, retry_after
from ingest.poll.pace import ASKED_MAX_MS
from schemas.settings import Channel

TOKEN_WORDS = ("expired", "revoked", "malformed")
"""What the sentence of a 403 about the access token itself says."""
RATE = "x-amzn-ratelimit-limit"


def get(channel: Channel, secrets: Sequence[str], path: str, query: Mapping[str, str]) -> Request:
    """Return a call; the last of the secrets is the access token."""
    return Request(
        method="GET",
        url=f"{channel.base_url}{path}?{urlencode(query, safe=',:')}",
        headers={"x-amz-access-token": secrets[-1], "accept": "application/json"},
    )


def envelope(answer: Answer, per_s: float) -> Object | Later | Denied | Expired:
    """
    Return the object in an answer, or what its status says.

    Args:
        answer: what came back.
        per_s: the operation's rate, for a 429 that names none.

    """
    value = object_in(answer)
    if isinstance(value, Denied) and _of_the_token(answer):
        return Expired(why="Amazon refuses the access token")
    if answer.status == 429:
        return Later(why="throttled", after_ms=_wait_ms(answer.headers, per_s))
    return value


def _of_the_token(answer: Answer) -> bool:
    sentences = [str(row.get(name, "")) for row in errors(answer) for name in ("message", "details")]
    return any("token" in text.lower() and any(word in text.lower() for word in TOKEN_WORDS) for text in sentences)


def errors(answer: Answer) -> list[Mapping[str, Any]]:
    """Return the errors that an answer lists; none where it lists none."""
    rows = (fields.object_if_any(answer.body) or {}).get("errors")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _wait_ms(headers: Mapping[str, str], per_s: float) -> int:
    """Return how long one call takes to come back: `Retry-After`, else the rate in force, which is dynamic."""
    asked = retry_after(headers)
    if asked is not None:
        return asked
    try:
        rate = float(headers.get(RATE, ""))
    except ValueError:
        rate = per_s
    return min(ASKED_MAX_MS, round(1_000 / rate)) if rate > 0 else ASKED_MAX_MS
