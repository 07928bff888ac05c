"""
Break the core on purpose, one small fault at a time, and see whether the tests notice.

`python tests/mutation/run.py [--target rule] [--limit N] [--seed K]` works on a copy of the tree, so that it may run
beside anything else.  Faults are Cosmic Ray's operators and, in addition, every single statement left out.  For each
target at most `--limit` faults are drawn with the seed (0 = all).  The last line of standard output is JSON; exit code
1 when a target's tests notice fewer than 90 % of its faults.
"""

import argparse
import ast
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies  # preloaded for the children: each is a fork and pays for our own modules only
import parso.tree  # Cosmic Ray's plugins import parso in an order that fails unless this came first
import pytest
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

PRELOADED = (hypothesis.strategies, parso.tree)
ROOT = Path(__file__).resolve().parents[2]
KILL_RATE = 0.9
TIMEOUT_FACTOR = 5
TIMEOUT_MIN_S = 20.0
BROKEN = 70
"""A child's exit code when pytest itself fell over."""
PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Stop at the first failure, leave no cache, and do not mind that Hypothesis is preloaded."""


@dataclass(frozen=True)
class Target:
    """What is broken, and the tests that have to notice, the fastest first."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = {
    "rule": Target(
        files=("stock", "rule", "rule_draft", "rule_records", "waiting", "velocity"),
        tests=("orders", "adjustments", "records", "waiting", "model", "properties"),
    ),
    "codec": Target(files=("codec", "shapes", "compiled", "constraints"), tests=("codec", "shapes", "compiled")),
    "limiter": Target(
        files=("limiter", "refilling", "rolling", "windows", "shares"),
        tests=("limiter", "limiter_shares", "limiter_reserve"),
    ),
    "retry": Target(files=("retry",), tests=("retry*",)),
}
"""Names here are short; `paths` makes them paths."""

PLACES = {
    "rule": ("processor/{}.py", "tests/processor/test_stock_{}.py"),
    "codec": ("schemas/{}.py", "tests/schemas/test_{}.py"),
    "limiter": ("publishers/{}.py", "tests/publishers/test_{}.py"),
    "retry": ("publishers/{}.py", "tests/publishers/test_{}.py"),
}


def paths(name: str) -> tuple[list[str], list[str]]:
    """Return a target's source files and test files; raises `SystemExit` when one is missing."""
    source, test = PLACES[name]
    files = [source.format(part) for part in TARGETS[name].files]
    found = [sorted(ROOT.glob(test.format(part))) for part in TARGETS[name].tests]
    if not all(found) or not all((ROOT / file).exists() for file in files):
        raise SystemExit(f"{name}: a file is missing among {files} or its tests")
    return files, [str(path.relative_to(ROOT)) for group in found for path in group]


@dataclass(frozen=True)
class Mutant:
    """One fault: the file, where, what was done, and the whole broken source."""

    file: str
    line: int
    fault: str
    source: str


def pointless(operator: str) -> bool:
    """
    Whether an operator makes no fault worth trying.

    `|` stands in annotations only, so breaking it fails every import; and `is` against `==` makes no difference for the
    singletons that our code compares.
    """
    identity = operator.endswith(("_Is", "_IsNot", "Is_Eq", "IsNot_NotEq"))
    swapped = operator.endswith(("_Is_IsNot", "_IsNot_Is"))
    return "BitOr" in operator or (identity and not swapped)


def by_operators(file: str, source: str) -> Iterator[Mutant]:
    """Yield Cosmic Ray's mutants of a file; decorators are left alone, since mypy minds what `dataclass` is told."""
    tree, lines = get_ast(source), source.splitlines()
    for name in sorted(plugins.operator_names()):
        kind = plugins.get_operator(name)
        if kind.arguments() or pointless(name):
            continue
        places = [start for node in ast_nodes(tree) for start, _ in kind().mutation_positions(node)]
        for occurrence, (line, _) in enumerate(places):
            broken = None if lines[line - 1].lstrip().startswith("@") else mutate_code(source, kind(), occurrence)
            if broken is not None and broken != source:
                yield Mutant(file, line, f"{name.removeprefix('core/')} {occurrence}", broken)


def by_omission(file: str, source: str) -> Iterator[Mutant]:
    """Yield the file with one statement of a function left out: an assignment or a call made for its effect."""
    lines = source.splitlines(keepends=True)
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in [node for function in functions for node in ast.walk(function)]:
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if called or isinstance(node, ast.Assign | ast.AugAssign):
            assert isinstance(node, ast.stmt)
            assert node.end_lineno is not None
            indent = lines[node.lineno - 1][: node.col_offset]
            broken = [*lines[: node.lineno - 1], f"{indent}pass\n", *lines[node.end_lineno :]]
            yield Mutant(file, node.lineno, "statement left out", "".join(broken))


def mutants(copy: Path, files: list[str]) -> list[Mutant]:
    """Return every distinct mutant of the files, in the state in which they were copied."""
    found: dict[str, Mutant] = {}
    for file in files:
        source = (copy / file).read_text()
        for mutant in (*by_operators(file, source), *by_omission(file, source)):
            found.setdefault(mutant.source, mutant)
    return list(found.values())


def in_child(work: Callable[[], int], timeout_s: float) -> int | None:
    """Run `work` in a forked process and return its exit code, or None when it took longer than allowed."""
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = BROKEN
        try:
            code = work()
        finally:
            os._exit(code)  # whatever happened: the rest of this file is the parent's
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return None


def tests_pass(copy: Path, tests: list[str], timeout_s: float) -> bool:
    """Run the tests in the copy and say whether there are some and all of them pass."""

    def work() -> int:
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        sys.dont_write_bytecode = True
        return int(pytest.main([*PYTEST, *tests]))

    return in_child(work, timeout_s) == 0


def survivors(name: str, copy: Path, drawn: list[Mutant], tests: list[str]) -> list[Mutant]:
    """Try every mutant and return those that the tests did not notice."""
    started = time.monotonic()
    if not tests_pass(copy, tests, 600):
        raise SystemExit(f"{name}: the tests fail without any fault")
    timeout_s = max(TIMEOUT_MIN_S, TIMEOUT_FACTOR * (time.monotonic() - started))
    left = []
    for number, mutant in enumerate(drawn, 1):
        path = copy / mutant.file
        intact = path.read_text()
        path.write_text(mutant.source)
        if tests_pass(copy, tests, timeout_s):
            left.append(mutant)
            sys.stderr.write(f"{name}: survived {mutant.file}:{mutant.line} {mutant.fault}\n")
        path.write_text(intact)
        if number % 50 == 0:
            sys.stderr.write(f"{name}: {number} of {len(drawn)}, {len(left)} survived\n")
    return left


def report(name: str, copy: Path, limit: int, seed: int) -> dict[str, Any]:
    """Draw a target's faults, try them, and return the figures."""
    files, tests = paths(name)
    everything = mutants(copy, files)
    drawn = Random(seed).sample(everything, min(limit or len(everything), len(everything)))
    left = survivors(name, copy, drawn, tests)
    return {
        "possible": len(everything),
        "tried": len(drawn),
        "killed": len(drawn) - len(left),
        "rate": round(1 - len(left) / len(drawn), 4),
        "survived": [f"{mutant.file}:{mutant.line} {mutant.fault}" for mutant in left],
    }


def main(arguments: list[str]) -> int:
    """Run the targets that are asked for, print the JSON line, and return the exit code."""
    parser = argparse.ArgumentParser(description="Break the core on purpose and see whether the tests notice.")
    parser.add_argument("--target", choices=TARGETS, action="append", help="may be given several times; default: all")
    parser.add_argument("--limit", type=int, default=100, help="faults per target, 0 for all (default: 100)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="lastunit-mutation-") as scratch:
        copy = Path(scratch) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "var", "build", "dist", "__pycache__"))
        figures = {name: report(name, copy, options.limit, options.seed) for name in options.target or TARGETS}
    good = all(each["rate"] >= KILL_RATE for each in figures.values())
    sys.stdout.write(json.dumps({"mutation": figures, "ok": good}) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
