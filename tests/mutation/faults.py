"""
The faults: Cosmic Ray's operators and, in addition, every single statement left out.

A fault keeps the number of lines, so that what stands below it stays where the tests' coverage has seen it.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import parso.tree  # Cosmic Ray's plugins import parso in an order that fails unless this came first
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

PRELOADED = (parso.tree,)


@dataclass(frozen=True)
class Mutant:
    """One fault: the file, where, what was done, and the whole broken source."""

    file: str
    line: int
    fault: str
    source: str

    def __str__(self) -> str:
        """Return where it is and what."""
        return f"{self.file}:{self.line} {self.fault}"


Make = Callable[[], Mutant | None]
"""A place for a fault: makes it, or None where it would change nothing; making one parses the file anew."""


def mutants(tree: Path, file: str, limit: int, draw: Random) -> tuple[int, list[Mutant]]:
    """Return how many places for faults a file has, and distinct mutants drawn from them, at most `limit` unless 0."""
    source = (tree / file).read_text()
    places = [*by_operators(file, source), *by_omission(file, source)]
    found: dict[str, Mutant] = {}
    for make in draw.sample(places, len(places)):
        if limit and len(found) == limit:
            break
        mutant = make()
        if mutant is not None and mutant.source != source:
            found.setdefault(mutant.source, mutant)
    return len(places), list(found.values())


def spans(source: str) -> dict[int, range]:
    """Return by line the lines of its statement; of a compound statement those above its body."""
    found: dict[int, range] = {}
    for node in ast.walk(ast.parse(source)):  # breadth first: the innermost comes last
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            lines = range(node.lineno, max(last, node.lineno) + 1)
            found.update(dict.fromkeys(lines, lines))
    return found


def pointless(operator: str) -> bool:
    """
    Whether an operator makes no fault worth trying.

    `|` stands in annotations only, so breaking it fails every import; and `is` against `==` makes no difference for the
    singletons that our code compares.
    """
    identity = operator.endswith(("_Is", "_IsNot", "Is_Eq", "IsNot_NotEq"))
    swapped = operator.endswith(("_Is_IsNot", "_IsNot_Is"))
    return "BitOr" in operator or (identity and not swapped)


def by_operators(file: str, source: str) -> Iterator[Make]:
    """Yield Cosmic Ray's places in a file; not in decorators, which mypy minds, and not a signature's star."""
    tree, lines = get_ast(source), source.splitlines()

    def make(name: str, occurrence: int, line: int) -> Mutant | None:
        broken = mutate_code(source, plugins.get_operator(name)(), occurrence)
        return broken and Mutant(file, line, f"{name.removeprefix('core/')} {occurrence}", broken)

    for name in sorted(plugins.operator_names()):
        kind = plugins.get_operator(name)
        if kind.arguments() or pointless(name):
            continue
        places = [start for node in ast_nodes(tree) for start, _ in kind().mutation_positions(node)]
        for occurrence, (line, column) in enumerate(places):
            text = lines[line - 1]
            if not text.lstrip().startswith("@") and not text.startswith("*,", column):
                yield partial(make, name, occurrence, line)


def by_omission(file: str, source: str) -> Iterator[Make]:
    """Yield the statements of functions that can be left out: an assignment or a call made for its effect."""
    lines = source.splitlines(keepends=True)

    def make(first: int, column: int, last: int) -> Mutant:
        gone = f"{lines[first - 1][:column]}pass" + "\n" * (last - first + 1)
        return Mutant(file, first, "statement left out", "".join([*lines[: first - 1], gone, *lines[last:]]))

    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in [node for function in functions for node in ast.walk(function)]:
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if called or isinstance(node, ast.Assign | ast.AugAssign):
            assert isinstance(node, ast.stmt)
            assert node.end_lineno is not None
            yield partial(make, node.lineno, node.col_offset, node.end_lineno)
