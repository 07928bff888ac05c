"""
The requests of Etsy's Open API that levels need, and what its answers mean for a whole call.

Facts: developers.etsy.com "Requests" and "Rate limits" (application/json in, `{"error": "..."}` out; four headers say
what is left of the app's budget in this second and in the last 24 hours, which slide; a 429 names `retry-after`), Open
API v3 `getListingInventory`, `updateListingInventory`, `updateListing` (a form).
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from publishers.push import (
    READ,
    TELL,
    Account,
    ChannelDown,
    Credentials,
    Delivered,
    Hint,
    Rejected,
    Request,
    Response,
    Retry,
    Throttled,
    Verdict,
    retry_after_ms,
)

ROOT = "/v3/application"
SECOND_MS, DAY_MS = 1_000, 86_400_000
WITHIN_MS = 5_000
"""How old what was read may be when it is written back: what was sold in between is given back by the write."""
THROTTLE_MS = 1_000
"""The wait where a throttling answer names none."""
SPENT_MS = 60_000
"""The same where nothing is left of the day."""
IDS_MAX = 100
"""Most listings in one question."""
TRIES = 5
"""How often a question that was throttled or not answered is asked in all."""
AGAIN_MS = 2_000
OUR_KEYS = ("api key", "api-key", "shared secret", "scope", "token", "oauth")
"""Words of a 403 that is about the app or its token; any other is about the one listing."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading an answer of an unknown shape raises."""
Object = dict[str, Any]
Asking = Generator[Request, Response, tuple[Object | Verdict, Response]]


def shown(listing: str, bucket: str) -> Request:
    """Return the question for one listing's inventory and state."""
    return Request(
        method="GET",
        path=f"{ROOT}/listings/{quote(listing, safe='')}/inventory?includes=Listing",
        body=b"",
        bucket=bucket,
    )


def written(listing: str, body: bytes, *, three_properties: bool) -> Request:
    """Return the call that replaces a listing's inventory; a third variation must be announced."""
    query = "?max_variations_supported=3" if three_properties else ""
    path = f"{ROOT}/listings/{quote(listing, safe='')}/inventory{query}"
    return Request(method="PUT", path=path, body=body, within_ms=WITHIN_MS)


def switched(account: Account, listing: str, state: str) -> Request:
    """Return the call that switches a listing on or off."""
    return Request(
        method="PATCH",
        path=f"{ROOT}/shops/{quote(account.alias, safe='')}/listings/{quote(listing, safe='')}",
        body=urlencode({"state": state}).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        within_ms=WITHIN_MS,
    )


def states(listings: Sequence[str]) -> Request:
    """Return the question which of up to 100 listings there are, and in what state."""
    return _batch("listings/batch", listings)


def inventories(listings: Sequence[str]) -> Request:
    """Return the question for the inventory of up to 100 listings, in whatever state; all of them must exist."""
    return _batch("listings/batch/inventory", listings)


def _batch(path: str, listings: Sequence[str]) -> Request:
    query = urlencode({"listing_ids": ",".join(listings)}, safe=",")
    return Request(method="GET", path=f"{ROOT}/{path}?{query}", body=b"", bucket=READ)


def page(account: Account, state: str, offset: int, limit: int) -> Request:
    """Return the question for a page of the shop's listings in one state, the oldest first."""
    query = {"state": state, "sort_on": "created", "sort_order": "asc", "includes": "Inventory"}
    words = urlencode({**query, "limit": limit, "offset": offset})
    return Request(
        method="GET", path=f"{ROOT}/shops/{quote(account.alias, safe='')}/listings?{words}", body=b"", bucket=READ
    )


def answered(response: Response, *, wrote: bool) -> Object | Verdict:
    """Return the answer's object, or what it means for the call; `wrote` says that the call could change something."""
    if response.status == 200:
        try:
            document = orjson.loads(response.body)
        except ValueError as error:
            return ChannelDown(f"unreadable answer: {error!r:.200}", unsure=wrote)
        if isinstance(document, dict):
            return document
        return ChannelDown(f"unreadable answer: {type(document).__name__}", unsure=wrote)
    if response.status == 0:
        return ChannelDown(response.err or "no answer", unsure=wrote and not response.unsent)
    return _refused(response, wrote=wrote)


def _refused(response: Response, *, wrote: bool) -> Verdict:
    said = _said(response)
    reason = f"HTTP {response.status}: {said or 'not an answer of Etsy'}"
    if response.status == 429:
        return Throttled(
            retry_after_ms(response, SPENT_MS if number(response, "x-remaining-today") == 0 else THROTTLE_MS)
        )
    if response.status >= 500 or response.status == 408:
        return ChannelDown(reason, unsure=wrote)
    if response.status == 401 or response.status < 400:
        return Credentials(reason)
    if said is None:
        # A firewall's page, or an address that is not Etsy's.
        return Credentials(reason) if response.status == 404 else ChannelDown(reason)
    if response.status == 403 and any(word in said.lower() for word in OUR_KEYS):
        return Credentials(reason)
    return Retry(reason) if response.status == 409 else Rejected(reason)


def _said(response: Response) -> str | None:
    """Return Etsy's own words, None where the answer is not Etsy's."""
    try:
        said = orjson.loads(response.body)["error"]
    except UNREADABLE:
        return None
    return said[:300] if isinstance(said, str) else None


def asked(request: Request) -> Asking:
    """Ask, again where it was throttled or not answered: a question changes nothing."""
    verdict: Object | Verdict = Delivered()
    response = Response(status=0)
    for _ in range(TRIES):
        response = yield request
        verdict = answered(response, wrote=False)
        if isinstance(verdict, Throttled):
            request = replace(request, after_ms=verdict.after_ms, throttled=True)
        elif isinstance(verdict, ChannelDown):
            request = replace(request, after_ms=AGAIN_MS, throttled=False)
        else:
            return verdict, response
    return verdict, response


def hints(response: Response) -> tuple[Hint, ...]:
    """Return what an answer says of the app's budget, in this second and in this day; our buckets share it."""
    told = (
        Hint(bucket=TELL, per_ms=SECOND_MS, left=_left(response, "this-second"), limit=_limit(response, "second")),
        Hint(bucket=TELL, per_ms=DAY_MS, left=_left(response, "today"), limit=_limit(response, "day")),
    )
    return tuple(hint for hint in told if (hint.left, hint.limit) != (None, None))


def _left(response: Response, when: str) -> int | None:
    return number(response, f"x-remaining-{when}")


def _limit(response: Response, span: str) -> int | None:
    return number(response, f"x-limit-per-{span}")


def number(response: Response, name: str) -> int | None:
    """Return a header's number, None where it is none."""
    text = response.headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
