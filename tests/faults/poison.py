"""Records that nobody can decide, and some that are merely huge (pure)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HUGE = 900_000
"""Bytes: near what a broker takes (1,048,588 with all the rest of the batch)."""
MARK = "x-fault"
"""The header by which the oracle knows what was poison on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A record as it is sent; `elsewhere` sends it into a partition that is not its key's."""

    key: bytes | None
    value: bytes | None
    elsewhere: bool = False


def _other(fields: dict[str, Any], **changed: Any) -> bytes:
    return json.dumps(fields | changed).encode()


def _without(fields: dict[str, Any], name: str) -> bytes:
    return json.dumps({key: value for key, value in fields.items() if key != name}).encode()


Good = dict[str, Any]
"""The fields of a record that could be decided."""

POISONS: dict[str, Callable[[Good, bytes], Bad]] = {
    "bytes": lambda _, key: Bad(key=key, value=b"\xff\xfe\x00not json"),
    "torn": lambda good, key: Bad(key=key, value=json.dumps(good).encode()[:-9]),
    "list": lambda _, key: Bad(key=key, value=b"[1, 2, 3]"),
    "version": lambda good, key: Bad(key=key, value=_other(good, v=2)),
    "missing": lambda good, key: Bad(key=key, value=_without(good, "receivedAt")),
    "type": lambda good, key: Bad(key=key, value=_other(good, qty="three")),
    "null-value": lambda _, key: Bad(key=key, value=None),
    "null-key": lambda good, _: Bad(key=None, value=json.dumps(good).encode()),
    "other-key": lambda good, key: Bad(key=key, value=_other(good, sku=good["sku"] + "-other")),
    "elsewhere": lambda good, key: Bad(key=key, value=json.dumps(good).encode(), elsewhere=True),
    "huge": lambda _, key: Bad(key=key, value=b"{" + b"x" * HUGE),
}


def huge(good: Good) -> bytes:
    """Return a record that can be decided although it is as large as a broker takes: a field from a later version."""
    return json.dumps(good | {"fromLater": "x" * HUGE}).encode()
