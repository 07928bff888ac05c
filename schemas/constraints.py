"""
What can be wrong with a value, and the constraints that narrow a field's type.

A constraint says the same thing twice: `check` decides and words the fault; `usual` is a Python expression for
`schemas.compiled`, true only for values that `check` lets pass, so it may miss some and must never admit one too many.
"""

import re
from dataclasses import dataclass
from functools import cache

compiled = cache(re.compile)


class WireError(ValueError):
    """A value does not fit its declared type: dead-letter it, never retry it."""

    def __init__(self, problem: str, path: str = "") -> None:
        """Say what is wrong and, as it is passed outwards, where."""
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem = problem
        self.path = path

    def within(self, part: str) -> "WireError":
        """Return the same error seen from the container that holds the value at `part`."""
        joined = f"{part}{self.path}" if self.path.startswith("[") or not self.path else f"{part}.{self.path}"
        return WireError(self.problem, joined)


@dataclass(frozen=True, slots=True)
class Range:
    """An integer's bounds, both inclusive."""

    low: int
    high: int

    def check(self, value: int) -> None:
        """Raise `WireError` when `value` lies outside."""
        if not self.low <= value <= self.high:
            raise WireError(f"{value} is not between {self.low} and {self.high}")

    def usual(self, name: str) -> str:
        """Return what holds for every integer within the bounds."""
        return f"{self.low} <= {name} <= {self.high}"


@dataclass(frozen=True, slots=True)
class Bytes:
    """A string's length in bytes of UTF-8, both bounds inclusive."""

    low: int
    high: int

    def check(self, value: str) -> None:
        """Raise `WireError` when the encoded length lies outside, or when the text has no UTF-8 form."""
        try:
            size = len(value) if value.isascii() else len(value.encode())
        except UnicodeEncodeError:
            raise WireError("not valid Unicode") from None
        if not self.low <= size <= self.high:
            raise WireError(f"{size} bytes, want {self.low} to {self.high}")

    def usual(self, name: str) -> str:
        """Return what holds for ASCII text of a fitting length: there, characters are bytes."""
        return f"{name}.isascii() and {self.low} <= len({name}) <= {self.high}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that the whole string matches."""

    regex: str

    def check(self, value: str) -> None:
        """Raise `WireError` when `value` does not match."""
        if not compiled(self.regex).fullmatch(value):
            raise WireError(f"does not match {self.regex}")

    def usual(self, name: str) -> str:
        """Return what holds for a match; the expression finds `compiled` where it is evaluated."""
        return f"compiled({self.regex!r}).fullmatch({name})"


Constraint = Range | Bytes | Pattern
