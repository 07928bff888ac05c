"""
Reading JSON that somebody else wrote: every value is checked for its type before it is used.

Integers beyond 64 bits come out of the parser as floats and are refused like any float; of a name given twice the last
one counts, as in most parsers.  Errors name the place and the type, never the value: no customer data in a log.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

from ingest.webhook import BadPayload, NotUnderstood, TooLarge

ID_CHARS_MAX = 200
"""An order's or line's id longer than this is refused; the longest of any channel has 36."""
LIST_MAX = 10_000
"""Entries in a list: no order has more lines."""

Object = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_WHOLE = re.compile(r"[0-9]{1,18}(\.0{1,6})?")


def parse_object(body: bytes) -> Object:
    """Return the JSON object in `body`; raises `BadPayload` for anything that is not JSON, or too deeply nested."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadPayload("not JSON") from None
    if not isinstance(value, dict):
        raise BadPayload(f"want a JSON object, got {type(value).__name__}")
    return value


def json_if_any(body: bytes) -> Any:
    """Return what stands in an answer as JSON, None where it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def object_if_any(body: bytes) -> Object | None:
    """Return the JSON object in an answer, None where there is none."""
    value = json_if_any(body)
    return value if isinstance(value, dict) else None


def list_if_any(body: bytes) -> list[Any] | None:
    """Return the JSON list in an answer, None where there is none."""
    value = json_if_any(body)
    return value if isinstance(value, list) else None


def wrong(name: str, want: str, value: object) -> NotUnderstood:
    """Return the error for a value of the wrong type."""
    return NotUnderstood(f"{name}: want {want}, got {type(value).__name__}")


def objects(holder: Object, name: str) -> list[Object]:
    """Return the list of objects at `name`, empty where missing or null; raises `NotUnderstood` or `TooLarge`."""
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong(name, "a list of objects", value)
    if len(value) > LIST_MAX:
        raise TooLarge(f"{name}: {len(value)} entries, at most {LIST_MAX}")
    return value


def integer(holder: Object, name: str) -> int:
    """Return the integer at `name`, zero or more; raises `NotUnderstood`."""
    value = holder.get(name)
    if type(value) is not int:
        raise wrong(name, "an integer", value)
    if value < 0:
        raise NotUnderstood(f"{name}: below zero")
    return value


def whole(value: object, name: str) -> int:
    """Return a whole number that may stand as text ("2", "2.0"): plugins write both; raises `NotUnderstood`."""
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value.split(".")[0])
    raise wrong(name, "a whole number", value)


def ident(holder: Object, name: str) -> str:
    """Return an id, a number or text, as text; raises `NotUnderstood` where there is none."""
    value = holder.get(name)
    if type(value) is int and value >= 0:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= ID_CHARS_MAX:
        return value
    raise wrong(name, "an id", value)


def idents(holder: Object, name: str, of: str) -> list[str]:
    """
    Return the id at `of` of every object in the list at `name`; raises `NotUnderstood` or `TooLarge`.

    A list that is missing is not an empty one: an answer that leaves it out does not say that nothing is there.
    """
    if holder.get(name) is None:
        raise wrong(name, "a list of objects", None)
    return [ident(item, of) for item in objects(holder, name)]


def ident_if_any(holder: object, name: str) -> str:
    """Return an id as text, "" where there is none: for naming what could not be read, whatever it is."""
    try:
        return ident(holder, name) if isinstance(holder, Mapping) else ""
    except NotUnderstood:
        return ""


def optional_ident(holder: Object, name: str) -> str:
    """Return an id as text, "" where it is missing, null, empty or 0 (WooCommerce's "none")."""
    value = holder.get(name)
    absent = value is None or value == "" or (type(value) is int and value == 0)
    return "" if absent else ident(holder, name)


def text(holder: Object, name: str) -> str:
    """Return the text at `name` as given, "" where it is missing or null; raises `NotUnderstood`."""
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong(name, "text", value)
    return value


def instant(value: object, name: str, zone: timezone | None = None) -> int:
    """
    Return an ISO 8601 time as milliseconds since 1970; raises `NotUnderstood`.

    Args:
        value: what the body holds.
        name: where it stands, for the error.
        zone: the zone of a time that names none; without it such a time is refused.

    """
    if not isinstance(value, str):
        raise wrong(name, "a time", value)
    try:
        when = datetime.fromisoformat(value)
        aware = when if when.tzinfo else when.replace(tzinfo=zone)
        ms = (aware - _EPOCH) // _MS
    except (ValueError, TypeError, OverflowError):
        raise NotUnderstood(f"{name}: want an ISO 8601 time with a zone") from None
    if ms < 0:
        raise NotUnderstood(f"{name}: before 1970")
    return ms
