"""
What Shopify's answers mean: throttling, refusals and bad rows all come inside a 200.

Facts: shopify.dev `api/admin-graphql/2026-10/mutations/inventorySetQuantities` (its user errors), and
`apis/graphql-admin/rate-limits` (the cost in every answer's `extensions`, THROTTLED).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from publishers.push import (
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
    Stale,
    Throttled,
    Verdict,
    all_rows,
    retry_after_ms,
    split,
)

THROTTLE_MS = 1_000
"""The wait where a throttling answer names none."""
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
REFUSED = frozenset({401, 402, 403, 404, 423})
"""Statuses of a refused token, a shop that is frozen or locked, or a wrong address."""


def classify(rows: Sequence[Row], response: Response) -> Answer:
    """Judge the answer to the mutation: throttling, refusals and bad rows all come inside a 200."""
    return _judged(rows, response, _mutation)


def _judged(rows: Sequence[Row], response: Response, judge: Callable[[Sequence[Row], Any], Answer]) -> Answer:
    refused = _transport(response)
    if refused is not None:
        return all_rows(refused, rows)
    try:
        document = orjson.loads(response.body)
        errors = document.get("errors") or []
        answer = _top(rows, errors[0], document) if errors else judge(rows, document["data"])
        return _priced(answer, (document.get("extensions") or {}).get("cost") or {})
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        # A proxy's page or a shape that we do not know: the call may have been carried out.
        return all_rows(ChannelDown(f"unreadable answer: {error!r:.200}", unsure=True), rows)


def _priced(answer: Answer, cost: Mapping[str, Any]) -> Answer:
    available, asked = (cost.get("throttleStatus") or {}).get("currentlyAvailable"), cost.get("requestedQueryCost")
    return replace(
        answer,
        available=None if available is None else int(available),
        cost=None if asked is None else int(asked),
    )


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


def _top(rows: Sequence[Row], error: dict[str, object], document: dict[str, object]) -> Answer:
    extensions = error.get("extensions")
    code = str(extensions.get("code", "")) if isinstance(extensions, dict) else ""
    reason = f"{code}: {error.get('message', '')!s:.300}"
    if code == "THROTTLED":
        return all_rows(Throttled(_throttle_ms(document)), rows)
    judge = TOP_ERRORS.get(code)
    return all_rows(judge(reason), rows) if judge else split(reason, rows)


def _throttle_ms(document: dict[str, object]) -> int:
    """Return when the bucket holds what the call asked for: (requested - available) / restore rate."""
    extensions = document.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    if not cost:
        return THROTTLE_MS
    status = cost["throttleStatus"]
    missing = cost["requestedQueryCost"] - status["currentlyAvailable"]
    return max(1, int(-(-missing * 1_000 // status["restoreRate"])))


def _mutation(rows: Sequence[Row], data: Any) -> Answer:
    errors = data["inventorySetQuantities"]["userErrors"]
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
    return _judged(rows, response, _numbers)


def _numbers(rows: Sequence[Row], data: Any) -> Answer:
    return Answer(verdicts=tuple(_number(node) for node, _ in zip(data["nodes"], rows, strict=True)))


def _number(node: Any) -> Verdict:
    if not node:
        return Rejected("UNKNOWN_ITEM: the inventory item does not exist")
    level = node.get("inventoryLevel")
    if not level:
        return Rejected("NOT_STOCKED: the inventory item is not stocked at the location")
    for quantity in level["quantities"]:
        number = quantity["quantity"]
        if quantity["name"] == "available" and isinstance(number, int):
            return Shows(number)
    return Retry("the answer names no available quantity")
