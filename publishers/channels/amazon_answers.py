"""
What Amazon's answers mean, and how a step of a longer conversation is made again.

Facts: amzn/selling-partner-api-models `ErrorList` and `listingsItems_2021-08-01.json` (`ACCEPTED` means queued, and
`INVALID` comes with HTTP 200); #2544 and #4603 there (issue 4000000 is an internal error that passes), #2771
and #2851 (what a wrong account is told).
"""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import orjson

from publishers.channels.amazon_limits import hints, wait_ms
from publishers.push import (
    Accepted,
    ChannelDown,
    Credentials,
    Hint,
    Rejected,
    Request,
    Response,
    Retry,
    Throttled,
    Verdict,
)

PAUSES_MS = (5_000, 15_000, 60_000)
"""How long a step waits before it is made again, where Amazon is busy or does not answer."""
INTERNAL = "4000000"
"""The issue that says "An internal error has occurred. Please try again."."""
REFUSED = frozenset({401, 403})
_ACCOUNT = re.compile(r"Invalid\s+'(?:sellerId|accountId|marketplaceIds?)\b")
"""What is said of every SKU where the configured seller or marketplace is wrong."""
_NAMED = 3
"""How many of an answer's errors a reason names."""
Object = Mapping[str, object]


def document(body: bytes) -> Object:
    """Return the object in a body; an empty one where there is none."""
    try:
        told = orjson.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def objects(value: object) -> list[Object]:
    """Return the objects in a list; none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(holder: Object, name: str) -> str:
    """Return a text, "" where it is missing or none."""
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def words(faults: Sequence[Object]) -> str:
    """Return the first faults (errors or issues) in Amazon's words."""
    return "; ".join(f"{text(one, 'code')}: {text(one, 'message')[:300]}" for one in faults[:_NAMED])


def fault(reason: str, faults: Sequence[Object]) -> Verdict:
    """Return what Amazon's refusal of one listing's number asks for."""
    if any(_ACCOUNT.search(text(one, name)) for one in faults for name in ("message", "details")):
        return Credentials(reason)
    if faults and all(text(one, "code") == INTERNAL for one in faults):
        return Retry(reason)
    return Rejected(reason)


def trouble(response: Response, bucket: str) -> Verdict | None:
    """Return what an answer that is no success asks for; None for a success."""
    if 200 <= response.status < 300:
        return None
    if response.status == 0:
        return ChannelDown(response.err or "no answer", unsure=not response.unsent)
    if response.status == 429:
        return Throttled(wait_ms(response, bucket))
    return _refusal(response.status, objects(document(response.body).get("errors")))


def _refusal(status: int, errors: Sequence[Object]) -> Verdict:
    reason = f"HTTP {status} {words(errors)}".rstrip()
    if 300 <= status < 400:
        return Credentials(f"{reason}: Amazon redirects, the base URL is another")
    if status in REFUSED:
        # An answer that is not in Amazon's own form comes from a firewall before it.
        return Credentials(reason) if errors else ChannelDown(f"{reason}: not Amazon's own refusal")
    if status == 408 or not 400 <= status < 500:
        return ChannelDown(reason, unsure=True)
    if status == 404 and not errors:
        return Credentials(f"{reason}: not Amazon's own answer, the base URL is another")
    return fault(reason, errors)


def submission(response: Response) -> Verdict:
    """Return what the answer to a `patchListingsItem` means."""
    told = document(response.body)
    status, issues = text(told, "status"), objects(told.get("issues"))
    if status == "ACCEPTED":
        return Accepted()
    if status == "INVALID":
        serious = [one for one in issues if text(one, "severity") == "ERROR"] or issues
        return fault(f"INVALID {words(serious)}".rstrip(), serious)
    return ChannelDown(f"unreadable answer: status {status[:40]!r}", unsure=True)


def asked(request: Request, heard: list[Hint], *, twice: bool = True) -> Generator[Request, Response, Response]:
    """
    Make a step of a conversation, again where Amazon is busy; returns the last answer.

    Args:
        request: the step.
        heard: takes up what the answers say of our budget.
        twice: whether it may be made twice; if not, it is made again only where the first one did nothing.

    """
    for pause in PAUSES_MS:
        response = yield request
        heard.extend(hints(response, request.bucket))
        throttled = response.status == 429
        idle = throttled or (response.status == 0 and response.unsent)
        if not idle and not (twice and (response.status == 0 or response.status >= 500)):
            return response
        after = max(pause, wait_ms(response, request.bucket)) if throttled else pause
        request = replace(request, after_ms=after, throttled=throttled)
    response = yield request
    heard.extend(hints(response, request.bucket))
    return response
