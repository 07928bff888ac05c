"""
What Shopify's answers say of their cost in points, and how long to wait where there are too few.  Pure.

Facts: shopify.dev `apis/graphql-admin/rate-limits` (the cost in every answer's `extensions`, the restore rate of each
plan, THROTTLED).
"""

from collections.abc import Mapping
from typing import Any

from publishers.push import SILENCE_MAX_MS, Hint

SECOND_MS = 1_000
THROTTLE_MS = 1_000
"""The least wait where a throttling answer does not say what is left."""
RESTORED = 100
"""Points a second that the Standard plan restores, where a throttling answer names no rate."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading an answer of an unknown shape raises."""


def told(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an answer says of its cost, nothing where that is none."""
    extensions = document.get("extensions")
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    return cost if isinstance(cost, dict) else {}


def hints(cost: Any, bucket: str, *, costs: bool = True) -> tuple[Hint, ...]:
    """
    Return what an answer says of the points that the app has in this shop; nothing where that cannot be read.

    With `costs` its own cost is told too: it is that of the call with which every conversation of this bucket begins.
    """
    try:
        return _hints(cost, bucket, costs=costs) if cost else ()
    except UNREADABLE:
        return ()


def _hints(cost: Any, bucket: str, *, costs: bool) -> tuple[Hint, ...]:
    status, asked = cost.get("throttleStatus") or {}, cost.get("requestedQueryCost") if costs else None
    left, rate = status.get("currentlyAvailable"), status.get("restoreRate")
    return (
        Hint(
            bucket=bucket,
            per_ms=SECOND_MS,
            left=None if left is None else max(0, int(left)),
            limit=None if rate is None else int(rate),
            cost=None if asked is None else int(asked),
        ),
    )


def throttle_ms(cost: Mapping[str, Any]) -> int:
    """
    Return when the bucket holds what the call asked for: (requested - available) / restore rate.

    Where it does not say what is left it holds nothing, by the plan's own rate.
    """
    status = cost.get("throttleStatus")
    asked, left, rate = _points(cost, "requestedQueryCost"), None, None
    if isinstance(status, dict):
        left, rate = _points(status, "currentlyAvailable"), _points(status, "restoreRate")
    if asked is None or left is None:
        least, missing = THROTTLE_MS, asked or 0
    else:
        least, missing = 1, asked - left
    return max(least, min(SILENCE_MAX_MS, int(-(-missing * 1_000 // (RESTORED if rate is None else rate)))))


def _points(said: Mapping[str, Any], name: str) -> int | float | None:
    number = said.get(name)
    return number if type(number) in (int, float) else None
