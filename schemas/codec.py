"""Bytes to dataclass and back, strict both ways: what a writer may not write, a reader never sees."""

from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar, cast

import orjson

from schemas.shapes import Check, WireError, reader, writer

__all__ = ["Record", "WireError", "decode", "encode"]

BYTES_MAX = 1_000_000
"""A record larger than this is refused before it is parsed (the brokers' default `message.max.bytes` is 1,048,588)."""


class Record(Protocol):
    """A dataclass with a major version that stands as `v` in its JSON."""

    VERSION: ClassVar[int]
    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=Record)
_reader: "Any" = cache(reader)
_writer: "Any" = cache(writer)


def encode(record: Record) -> bytes:
    """
    Return the record's JSON, camelCase, with `"v"` first.

    Raises `WireError` when a value does not fit its declared type: a writer is never lenient.
    """
    kind = type(record)
    write: Check = _writer(kind)
    try:
        # orjson's bytes keep the 4 KiB they were written into: a table of them would be ten times too large.
        raw = b"".join((orjson.dumps({"v": kind.VERSION, **write(record)}), b""))
    except WireError as error:
        raise error.within(kind.__name__) from None
    if len(raw) > BYTES_MAX:
        raise WireError(f"{len(raw)} bytes, at most {BYTES_MAX}", kind.__name__)
    return raw


def decode(kind: type[R], raw: bytes) -> R:
    """
    Return the record that `raw` holds; unknown fields are ignored within the major version.

    Raises `WireError` for anything else than a JSON object of this major version that fits `kind`.
    """
    value = parse(kind.__name__, raw)
    version = value.get("v")
    if type(version) is not int or version != kind.VERSION:  # neither `true` nor `1.0` is a version
        raise WireError(f"version {version!r:.40}, this reader knows {kind.VERSION}", kind.__name__)
    read: Check = _reader(kind)
    try:
        return cast("R", read(value))
    except WireError as error:
        raise error.within(kind.__name__) from None


def parse(name: str, raw: bytes) -> dict[str, object]:
    """Return the JSON object in `raw`; raises `WireError` for anything else."""
    if len(raw) > BYTES_MAX:
        raise WireError(f"{len(raw)} bytes, at most {BYTES_MAX}", name)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise WireError(f"not JSON ({error})", name) from None
    if not isinstance(value, dict):
        raise WireError(f"want an object, got {type(value).__name__}", name)
    return value
