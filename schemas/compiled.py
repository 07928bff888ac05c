"""
Readers and writers of whole records as straight-line Python, made once per dataclass as `dataclasses` makes `__init__`.

The checks of `schemas.shapes` remain the only judges.  The code made here sees at a glance that a value is of the usual
sort and hands any other to its field's check; where that refuses it, or a field is missing, the whole record goes to
`careful`, which fills in defaults or words the fault with its place.
"""

import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, Protocol, TypeVar, Union, cast, get_args, get_origin

from schemas.constraints import WireError, compiled

Check = Callable[[Any], Any]
T = TypeVar("T")


class Field(Protocol):
    """What has to be known of a field."""

    @property
    def name(self) -> str:
        """Its Python name."""

    @property
    def wire(self) -> str:
        """Its name on the wire."""

    @property
    def hint(self) -> Any:
        """Its annotation."""

    @property
    def read(self) -> Check:
        """The judge of what is read."""

    @property
    def write(self) -> Check:
        """The judge of what is written."""


def reader(kind: type, fields: Sequence[Field], careful: Check) -> Check:
    """Return what `careful` does, for the usual record in a fraction of the time."""
    source = f"""
def read(value):
    if type(value) is not dict:
        return careful(value)
    try:
        {_checked(fields, "value[{0.wire!r}]")}
    except (KeyError, WireError):
        return careful(value)
    {_constructed(kind, fields)}
    return made
"""
    checks = {f"check_{n}": field.read for n, field in enumerate(fields)}
    return _made(source, "read", kind=kind, twin=_twin(kind), careful=careful, **checks)


def writer(kind: type, fields: Sequence[Field], careful: Check) -> Check:
    """Return what `careful` does, for the usual record in a fraction of the time."""
    source = f"""
def write(value):
    if value.__class__ is not kind:
        return careful(value)
    try:
        {_checked(fields, "value.{0.name}")}
    except WireError:
        return careful(value)
    return {{{", ".join(f"{f.wire!r}: _{n}" for n, f in enumerate(fields))}}}
"""
    checks = {f"check_{n}": field.write for n, field in enumerate(fields)}
    return _made(source, "write", kind=kind, careful=careful, **checks)


def leaf(hint: Any, careful: Check) -> Check:
    """Return what `careful` does, for the usual value of a narrowed scalar in one step."""
    source = f"def check(value): return value if {usual(hint, 'value')} else careful(value)"
    return _made(source, "check", careful=careful)


def mapping(hint: Any, careful: Check) -> Check:
    """Return what `careful` does, for the usual mapping of scalars at a glance; it is handed on as it is."""
    source = f"""
def check(value):
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str or not ({usual(hint, "item")}):
                return careful(value)
        return value
    return careful(value)
"""
    return _made(source, "check", careful=careful)


def maker(kind: type[T]) -> type[T]:
    """
    Return what constructs a frozen dataclass with slots, by keyword, in a third of the time of its own `__init__`.

    The annotation is that of the class, so that arguments are checked as its own are.
    """
    twin, named = _twin(cast("Any", kind)), fields(cast("Any", kind))
    if hasattr(kind, "__post_init__") or twin is None or any(f.default_factory is not MISSING for f in named):
        return kind
    arguments = [f.name if f.default is MISSING else f"{f.name}=_{n}" for n, f in enumerate(named)]
    source = f"""
def make(*, {", ".join(arguments)}):
    _made = _twin()
    {"; ".join(f"_made.{f.name} = {f.name}" for f in named)}
    _made.__class__ = _kind
    return _made
"""
    defaults = {f"_{n}": f.default for n, f in enumerate(named)}
    return cast("type[T]", _made(source, "make", _kind=kind, _twin=twin, **defaults))


def _checked(fields: Sequence[Field], get: str) -> str:
    """Return two lines for each field: take it, and ask its judge unless it is as usual."""
    lines = [
        f"_{n} = {get.format(field)}\n        if not ({usual(field.hint, f'_{n}')}): _{n} = check_{n}(_{n})"
        for n, field in enumerate(fields)
    ]
    return "\n        ".join(lines) or "pass"


def usual(hint: Any, name: str) -> str:
    """Return an expression over variable `name` that holds only for values of `hint` that cross the wire unchanged."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " and ".join(f"({part})" for part in (usual(args[0], name), *(rule.usual(name) for rule in args[1:])))
    if origin in (Union, types.UnionType):
        (some,) = [part for part in args if part is not type(None)]
        return f"{name} is None or {usual(some, name)}"
    return f"type({name}) is {hint.__name__}" if hint in (str, int, bool) else "False"


def _constructed(kind: type, fields: Sequence[Field]) -> str:
    if hasattr(kind, "__post_init__") or _twin(kind) is None:
        return f"made = kind({', '.join(f'{f.name}=_{n}' for n, f in enumerate(fields))})"
    lines = ["made = twin()", *(f"made.{f.name} = _{n}" for n, f in enumerate(fields)), "made.__class__ = kind"]
    return "\n    ".join(lines)


@cache
def _twin(kind: type) -> type | None:
    """
    Return a class of the same layout whose fields can be set: an object of it becomes a `kind` when it is complete.

    A frozen dataclass's own `__init__` takes longer than reading and checking all of the record.  None without slots.
    """
    slots = vars(kind).get("__slots__")
    return None if slots is None else type(kind.__name__, (), {"__slots__": slots})


def _made(source: str, name: str, **known: Any) -> Check:
    known |= {"WireError": WireError, "compiled": compiled}
    exec(compile(source, f"<{name} of schemas.compiled>", "exec"), known)  # noqa: S102 - made of our own annotations
    made: Check = known[name]
    return made
