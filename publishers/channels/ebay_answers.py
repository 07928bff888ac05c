"""
What eBay's answers mean, of whole calls and of the entries in their `responses`.

Facts: "handling errors" (`errors` with `errorId`, `category` REQUEST, APPLICATION, BUSINESS or SYSTEM, and words);
Inventory API 1.18: the calls for several items answer 200 or 207 with `responses`, each with a `statusCode` and
`errors` of its own.  25001 is a system error, 1100 a missing scope.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from publishers.push import (
    Answer,
    ChannelDown,
    Credentials,
    Rejected,
    Response,
    Retry,
    Row,
    Split,
    Throttled,
    Verdict,
    all_rows,
    retry_after_ms,
    split,
)

THROTTLE_MS = 60_000
"""The wait where a throttling answer names none: a day's calls are used up, or too many came at once."""
REASON_MAX = 300
REVISED = re.compile(
    r"revis.*(limit|maximum|exceed|times|too many)|(limit|maximum|exceed|too many).*revis", re.IGNORECASE | re.DOTALL
)
"""The words of an error about a listing that was revised too often; its number is not published (UNCONFIRMED)."""
NO_ZERO = frozenset({25004})
"""Invalid quantity: what a 0 meets where the account lacks the out-of-stock option."""

Object = dict[str, Any]


def document(response: Response) -> Object:
    """Return the answer's object, an empty one where there is none."""
    try:
        told = orjson.loads(response.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def objects(value: object) -> list[Object]:
    """Return the objects of a list, whatever else it holds; nothing of what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def entries(response: Response, name: str) -> list[Object] | Verdict:
    """Return the objects that a call's answer lists under `name`, or what stands in their way."""
    refused = refusal(response)
    if refused is not None:
        return refused
    told = document(response)
    if not isinstance(told.get(name), list):
        # A page of a proxy in place of the answer: the call may have been carried out.
        return ChannelDown(f"unreadable answer: it holds no {name}", unsure=True)
    return objects(told[name])


def refusal(response: Response) -> Verdict | None:
    """Return what an answer means for the whole call, None where its rows have their own."""
    if response.status in (200, 207):
        return None
    judge = STATUSES.get(response.status)
    if judge is not None:
        return judge(response)
    if 300 <= response.status < 400:
        return Credentials(f"HTTP {response.status}: eBay redirects, its base URL is another")
    if 400 <= response.status < 500:
        return Split(reason(response.status, document(response)))
    return ChannelDown(f"HTTP {response.status}", unsure=True)


def to_all(verdict: Verdict, rows: Sequence[Row]) -> Answer:
    """Return an answer that says the same of every row; what a single row cannot be parted from is its own fault."""
    return split(verdict.reason, rows) if isinstance(verdict, Split) else all_rows(verdict, rows)


def row_error(entry: Object) -> Verdict | None:
    """Return what is wrong with one entry, None where its status says that all is well."""
    status = entry.get("statusCode")
    if type(status) is not int:
        return Retry("the answer's row has no status", unsure=True)
    said = reason(status, entry)
    if 200 <= status < 300:
        return Retry(said, unsure=True) if objects(entry.get("errors")) else None
    if status >= 500:
        return Retry(said, unsure=True)
    if status in (409, 429) or REVISED.search(said):
        return Retry(said)
    hint = " (a 0 wants the account's out-of-stock option)" if NO_ZERO & {*_numbers(entry)} else ""
    return Rejected(said + hint)


def reason(status: int, told: Object) -> str:
    """Return eBay's words, the first error's."""
    first = next(iter(objects(told.get("errors"))), {})
    words = first.get("longMessage") or first.get("message") or ""
    return f"HTTP {status} {first.get('errorId', '')}: {words}"[:REASON_MAX]


def _numbers(entry: Object) -> list[int]:
    return [one["errorId"] for one in objects(entry.get("errors")) if type(one.get("errorId")) is int]


def _no_answer(response: Response) -> Verdict:
    return ChannelDown(response.err, unsure=not response.unsent)


def _unauthorised(response: Response) -> Verdict:
    return Credentials(reason(response.status, document(response)))


def _own(response: Response) -> bool:
    """Say whether the API itself has answered, and not what stands before it."""
    return bool(objects(document(response).get("errors")))


def _forbidden(response: Response) -> Verdict:
    return _unauthorised(response) if _own(response) else ChannelDown("HTTP 403 from a firewall")


def _not_found(response: Response) -> Verdict:
    return Split(reason(404, document(response))) if _own(response) else Credentials("HTTP 404: no such address")


def _conflict(response: Response) -> Verdict:
    return Retry(reason(response.status, document(response)))


def _throttled(response: Response) -> Verdict:
    return Throttled(retry_after_ms(response, THROTTLE_MS))


STATUSES: Mapping[int, Callable[[Response], Verdict]] = {
    0: _no_answer,
    401: _unauthorised,
    403: _forbidden,
    404: _not_found,
    409: _conflict,
    429: _throttled,
}
