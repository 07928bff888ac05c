"""
Types as checks: a field's annotation says what may stand on the wire, and this module turns it into a function.

Only `str`, `int`, `bool`, `StrEnum`, `X | None`, `tuple[X, ...]`, `Mapping[str, X]` and nested dataclasses are allowed,
each narrowed by `Annotated[..., Range | Bytes | Pattern]`.  Everything else is refused when the type is first used: a
`float` has no place where units are counted.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from schemas import compiled
from schemas.constraints import Bytes, Constraint, Pattern, Range, WireError

__all__ = [
    "Bytes",
    "Check",
    "Field",
    "Pattern",
    "Range",
    "WireError",
    "camel",
    "hints",
    "read_field",
    "reader",
    "shape",
    "writer",
]

Check = Callable[[Any], Any]
_OBJECTS = (dict, Mapping)
"""A dict is seen at once to be a dict; that it is a Mapping takes ten times as long to find out."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: its Python name, its name on the wire and how to read and write it."""

    name: str
    wire: str
    hint: Any
    read: Check
    write: Check
    required: bool
    default: Callable[[], Any]


def camel(name: str) -> str:
    """Return the wire name of a Python name: `order_id` is `orderId`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@cache
def hints(kind: type) -> dict[str, Any]:
    """Return a dataclass's annotations, resolved and with their constraints."""
    return get_type_hints(kind, include_extras=True)


@cache
def shape(kind: type, rename: Callable[[str], str] = camel) -> tuple[Field, ...]:
    """Compile a dataclass into its fields; raises `TypeError` for a type that may not cross a boundary."""
    return tuple(
        Field(
            name=f.name,
            wire=rename(f.name),
            hint=hints(kind)[f.name],
            read=reader(hints(kind)[f.name], rename),
            write=writer(hints(kind)[f.name], rename),
            required=f.default is MISSING and f.default_factory is MISSING,
            default=_default(f.default, f.default_factory),
        )
        for f in fields(kind)
    )


def _default(value: object, factory: object) -> Callable[[], Any]:
    return cast("Callable[[], Any]", factory) if factory is not MISSING else lambda: value


def reader(hint: object, rename: Callable[[str], str] = camel) -> Check:
    """Return the function that turns a parsed JSON value into `hint`'s type, or raises `WireError`."""
    return _build(hint, rename, reading=True)


def writer(hint: object, rename: Callable[[str], str] = camel) -> Check:
    """Return the function that turns a value of `hint`'s type into what JSON can hold, or raises `WireError`."""
    return _build(hint, rename, reading=False)


def _build(hint: Any, rename: Callable[[str], str], *, reading: bool) -> Check:
    def inner(part: object) -> Check:
        return _build(part, rename, reading=reading)

    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return compiled.leaf(hint, _constrained(inner(args[0]), args[1:]))
    if origin in (Union, types.UnionType):
        (some,) = [part for part in args if part is not type(None)]
        return _optional(inner(some))
    if origin is tuple and args[1:] == (Ellipsis,):
        return _sequence(inner(args[0]), tuple if reading else list)
    if origin in (dict, Mapping) and args[0] is str:
        return compiled.mapping(args[1], _mapping(inner(args[1])))
    return _plain(hint, rename, reading=reading)


def _plain(hint: Any, rename: Callable[[str], str], *, reading: bool) -> Check:
    if hint in (str, int, bool):
        return _scalar(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum_reader(hint) if reading else _scalar(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _record_reader(hint, rename) if reading else _record_writer(hint, rename)
    raise TypeError(f"{hint!r} may not cross a process boundary")


def _scalar(kind: type) -> Check:
    def check(value: object) -> object:
        if type(value) is not kind:
            raise WireError(f"want {kind.__name__}, got {type(value).__name__}")
        return value

    return check


def _enum_reader(kind: type[StrEnum]) -> Check:
    members = {member.value: member for member in kind}

    def check(value: object) -> StrEnum:
        member = members.get(value) if isinstance(value, str) else None
        if member is None:
            raise WireError(f"not one of {', '.join(members)}")
        return member

    return check


def _constrained(check: Check, constraints: tuple[Constraint, ...]) -> Check:
    def narrowed(value: object) -> object:
        result = check(value)
        for constraint in constraints:
            constraint.check(result)
        return result

    return narrowed


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _each(check: Check, value: object, part: str) -> Any:
    try:
        return check(value)
    except WireError as error:
        raise error.within(part) from None


def _sequence(check: Check, collect: Callable[[Any], object]) -> Check:
    def each(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise WireError(f"want a list, got {type(value).__name__}")
        try:
            return collect([check(item) for item in value])
        except WireError:
            return collect([_each(check, item, f"[{i}]") for i, item in enumerate(value)])

    return each


def _mapping(check: Check) -> Check:
    def each(value: object) -> object:
        items = _object(value).items()
        try:
            return {key: check(item) for key, item in items}
        except WireError:
            return {key: _each(check, item, key) for key, item in items}

    return each


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, _OBJECTS):
        raise WireError(f"want an object, got {type(value).__name__}")
    for key in value:
        if not isinstance(key, str):
            raise WireError(f"want an object, got {type(value).__name__}")
    return value


def _record_reader(kind: type, rename: Callable[[str], str]) -> Check:
    def read(value: object) -> object:
        if not isinstance(value, _OBJECTS):
            raise WireError(f"want an object, got {type(value).__name__}")
        return kind(**{f.name: read_field(f, value) for f in shaped})

    shaped = shape(kind, rename)
    return compiled.reader(kind, shaped, read)


def read_field(field: Field, value: Mapping[str, object]) -> object:
    """Read one field out of a parsed object; a missing field without a default raises `WireError`."""
    if field.wire in value:
        return _each(field.read, value[field.wire], field.wire)
    if field.required:
        raise WireError("missing", field.wire)
    return field.default()


def _record_writer(kind: type, rename: Callable[[str], str]) -> Check:
    def write(value: Any) -> object:
        if value.__class__ is not kind:
            raise WireError(f"want {kind.__name__}, got {type(value).__name__}")
        return {f.wire: _each(f.write, getattr(value, f.name), f.wire) for f in shaped}

    shaped = shape(kind, rename)
    return compiled.writer(kind, shaped, write)
