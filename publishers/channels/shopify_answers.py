"""
What Shopify's answers mean: throttling, refusals and bad rows all come inside a 200.

Facts: shopify.dev `api/admin-graphql/2026-10/mutations/inventorySetQuantities` (its user errors), and
`apis/graphql-admin/rate-limits` (the cost in every answer's `extensions`, THROTTLED).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from publishers.channels.shopify_cost import THROTTLE_MS, UNREADABLE, hints, throttle_ms, told
from publishers.push import (
    READ,
    TELL,
    Again,
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Response,
    Retry,
    Row,
    Shows,
    Split,
    Stale,
    Throttled,
    Verdict,
    all_rows,
    retry_after_ms,
    split,
)

TRACK = ["input", "quantities"]
"""How the `field` of a row's error begins; the row's index follows."""

Judge = Callable[[str], Verdict]
USER_ERRORS: Mapping[str, Judge] = {
    "CHANGE_FROM_QUANTITY_STALE": lambda _: Stale(),
    "COMPARE_QUANTITY_STALE": lambda _: Stale(),
    "IDEMPOTENCY_CONCURRENT_REQUEST": lambda reason: Retry(reason, unsure=True),
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": Retry,
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": Retry,
    "INVALID_LOCATION": Credentials,
    "INVALID_NAME": Credentials,
    "INVALID_REASON": Credentials,
    "INVALID_REFERENCE_DOCUMENT": Credentials,
}
"""What a user error asks for; any other code rejects its row."""
WHOLE_CALL = (Credentials, Retry)
"""Verdicts that hold for every row, whichever row the error names."""
TOP_ERRORS: Mapping[str, Judge] = {
    "ACCESS_DENIED": Credentials,
    "BAD_REQUEST": Credentials,
    "INVALID_FIELD_ARGUMENTS": Credentials,
    "INTERNAL_SERVER_ERROR": lambda reason: ChannelDown(reason, unsure=True),
}
"""What a top-level error asks for; any other splits the call."""
NUMBER_MAX = 1_000_000_000
"""The highest number that the shop takes, and the lowest with a minus."""
REFUSED = frozenset({401, 402, 403, 404, 423})
"""Statuses of a refused token, a shop that is frozen or locked, or a wrong address."""


def classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer to the mutation: throttling, refusals and bad rows all come inside a 200."""
    return _judged(rows, response, TELL, _mutation)


def _judged(
    rows: Sequence[Row], response: Response, bucket: str, judge: Callable[[Sequence[Row], Any], Answer]
) -> Answer:
    opened = envelope(response)
    try:
        answer = judge(rows, opened.data) if opened.verdict is None else answer_to_all(opened.verdict, rows)
        return replace(answer, hints=hints(opened.cost, bucket))
    except UNREADABLE as error:
        return all_rows(unreadable(error), rows)


def answer_to_all(verdict: Verdict, rows: Sequence[Row]) -> Answer:
    """Return an answer that says the same of every row; what a single row cannot be parted from is its own fault."""
    return split(verdict.reason, rows) if isinstance(verdict, Split) else all_rows(verdict, rows)


def unreadable(error: Exception) -> ChannelDown:
    """Return what a proxy's page or a shape that we do not know means: the call may have been carried out."""
    return ChannelDown(f"unreadable answer: {error!r:.200}", unsure=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An answer: its `data`, or what its status or its first error means; and what it says of its cost."""

    data: Any = None
    verdict: Verdict | None = None
    cost: Any = None


def envelope(response: Response) -> Envelope:
    """Open an answer; never raises."""
    refused = _transport(response)
    if refused is not None:
        return Envelope(verdict=refused)
    try:
        document = orjson.loads(response.body)
        if errors := document.get("errors") or []:
            cost = told(document)
            return Envelope(verdict=_top(errors[0], cost), cost=cost)
        return Envelope(data=document["data"], cost=(document.get("extensions") or {}).get("cost") or {})
    except UNREADABLE as error:
        return Envelope(verdict=unreadable(error))


def _transport(response: Response) -> Verdict | None:
    if response.status == 200:
        return None
    if response.status == 0:
        return ChannelDown(response.err, unsure=not response.unsent)
    reason = f"HTTP {response.status}"
    if response.status in (429, 430):
        return Throttled(retry_after_ms(response, THROTTLE_MS))
    if response.status in REFUSED:
        return Credentials(reason)
    return ChannelDown(reason, unsure=True)


def _top(error: dict[str, object], cost: Mapping[str, Any]) -> Verdict:
    extensions = error.get("extensions")
    code = str(extensions.get("code", "")) if isinstance(extensions, dict) else ""
    reason = f"{code}: {error.get('message', '')!s:.300}"
    if code == "THROTTLED":
        return Throttled(throttle_ms(cost))
    return TOP_ERRORS.get(code, Split)(reason)


def _mutation(rows: Sequence[Row], data: Any) -> Answer:
    errors = data["inventorySetQuantities"]["userErrors"]
    if not isinstance(errors, list):
        raise TypeError("userErrors is no list")
    if not errors:
        return all_rows(Delivered(), rows)
    verdicts: list[Verdict] = [Again()] * len(rows)
    for error in errors:
        code = str(error.get("code", ""))
        reason = f"{code}: {error.get('message', '')!s:.300}"
        verdict = USER_ERRORS.get(code, Rejected)(reason)
        index = _index(error.get("field"), len(rows))
        if isinstance(verdict, WHOLE_CALL):
            return all_rows(verdict, rows)
        if index is None:
            return split(reason, rows) if len(rows) > 1 else all_rows(verdict, rows)
        verdicts[index] = verdict
    return Answer(verdicts=tuple(verdicts))


def _index(field: object, rows: int) -> int | None:
    """Return the row that an error's `field` names: `["input", "quantities", "3", "inventoryItemId"]` is 3."""
    if not isinstance(field, list) or field[:2] != TRACK or len(field) < 3 or not str(field[2]).isdecimal():
        return None
    index = int(field[2])
    return index if index < rows else None


def read_classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer to the query: `nodes` keeps the order of the ids and has null for an unknown one."""
    return _judged(
        rows,
        response,
        READ,
        lambda rows, data: Answer(
            verdicts=tuple(_number(node, response.at) for node, _ in zip(data["nodes"], rows, strict=True))
        ),
    )


def _number(node: Any, at: int) -> Verdict:
    if not node:
        return Rejected("UNKNOWN_ITEM: the inventory item does not exist")
    if node.get("tracked") is False:
        return Rejected("UNTRACKED: the shop does not track this item's stock, so it would sell it at any number")
    level = node.get("inventoryLevel")
    if not level:
        return Rejected("NOT_STOCKED: the inventory item is not stocked at the location")
    number = available(level)
    return Retry("the answer names no available quantity") if number is None else Shows(number, at)


def available(level: Any) -> int | None:
    """Return the number on sale that an inventory level shows, None where it names none."""
    for quantity in level["quantities"]:
        number = quantity["quantity"]
        if quantity["name"] == "available" and type(number) is int and -NUMBER_MAX <= number <= NUMBER_MAX:
            return number
    return None
