"""
A process that imports and collects once, and sees what each test reaches.

For each fault it forks, puts the broken code into the functions that are there, and runs the tests that reach it.  What
ran while modules were imported would keep its old value: such a fault is left to a process that imports anew.
"""

import gc
import os
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest

from tests.mutation.faults import Mutant, spans
from tests.mutation.trial import ANEW, CPU_MIN_S, OPTIONS, Chosen, Verdict, enter, in_child, run

CPU_FACTOR = 10
"""A fault loops endlessly when its tests take so many times what they take without, and at least `CPU_MIN_S`."""
LOOK_CPU_S = 1_800
LOG = "log"

Look = tuple[dict[str, float], dict[str, dict[int, list[str]]]]
"""What tests cost, and who reaches each line."""


@dataclass(frozen=True)
class Seen:
    """What the tests reach: seconds by test, and by file and line the tests; `imported` are lines run by imports."""

    cost: Mapping[str, float]
    reach: Mapping[str, Mapping[int, Sequence[str]]]
    imported: Mapping[str, frozenset[int]]

    def tests(self, file: str, lines: Sequence[int], own: Sequence[str], within_s: float) -> list[str]:
        """Return the tests that reach the lines, the file's own and the cheapest first, as the time allows."""
        reach = self.reach[file]
        found = {test for line in lines or reach for test in reach.get(line, ())}
        spent, chosen = 0.0, list[str]()
        for test in sorted(found, key=lambda test: (test.partition("::")[0] not in own, self.cost[test])):
            if chosen and spent + self.cost[test] > within_s:
                continue
            spent += self.cost[test]
            chosen.append(test)
        return chosen


def watch(files: Sequence[str]) -> coverage.Coverage:
    """Return a started look at which lines of the files run."""
    found = coverage.Coverage(data_file=None, config_file=False, include=[str(Path(file).resolve()) for file in files])
    found.start()
    return found


def look(session: pytest.Session, files: Sequence[str]) -> Look:
    """Run all tests and return what each costs, in s of the CPU, and who reaches each line; raises when one fails."""
    began: dict[str, float] = {}

    def before(test: str) -> None:
        began[test] = time.process_time()
        watching.switch_context(test)

    watching = watch(files)
    passed = run(session, session.items, before)
    watching.stop()
    if not passed:
        raise RuntimeError(f"{list(began)[-1]} fails without any fault")
    ends = [*list(began.values())[1:], time.process_time()]
    data = watching.get_data()
    reach = {file: data.contexts_by_lineno(str(Path(file).resolve())) for file in files}
    return {test: end - start for (test, start), end in zip(began.items(), ends, strict=True)}, reach


def codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    """Yield what is compiled inside, each with its name and line."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield (inner.co_qualname, inner.co_firstlineno), inner
            yield from codes(inner)


def numbered(source: str, path: str) -> dict[tuple[tuple[str, int], int], CodeType]:
    """Return what a file compiles to, by name, line and number among those of the same line."""
    seen = Counter[tuple[str, int]]()
    found = {}
    for key, code in codes(compile(source, path, "exec", dont_inherit=True)):
        seen[key] += 1
        found[key, seen[key]] = code
    return found


def functions(path: str) -> list[FunctionType]:
    """Return the functions of a file that are in memory."""
    return [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__code__.co_filename == path]


def put_in(alive: Sequence[FunctionType], path: str, intact: str, broken: str) -> bool:
    """Give the functions of a file the code of its broken source; returns whether all of it could be put in."""
    after = numbered(broken, path)
    fresh = {code: after.get(key) for key, code in numbered(intact, path).items()}
    for function in alive:
        code = fresh.get(function.__code__)
        if code is None or code.co_freevars != function.__code__.co_freevars:
            return False
        function.__code__ = code
    return True


def own(file: str, tests: Sequence[str]) -> list[str]:
    """Return the test files that import a module or have its name."""
    stem = Path(file).stem
    words = (f"{file.removesuffix('.py').replace('/', '.')} import", f"import {stem}\n")
    return [one for one in tests if f"test_{stem}" in one or any(word in Path(one).read_text() for word in words)]


def warm_process(
    copy: Path, tests: Sequence[str], drawn: Sequence[Mutant], seconds: float, until: float, out: Connection
) -> None:
    """Send a tuple for each fault (itself, verdict, tests, their CPU time), then None; a sentence when that fails."""
    enter(copy, os.open(copy.parent / LOG, os.O_WRONLY | os.O_CREAT))
    files = list(dict.fromkeys(mutant.file for mutant in drawn))
    importing = watch(files)

    def work(session: pytest.Session) -> None:
        importing.stop()
        data = importing.get_data()
        imported = {file: frozenset(data.lines(str(Path(file).resolve())) or ()) for file in files}
        kept = copy.parent / "seen"
        code = in_child(lambda: keep(kept, lambda: look(session, files)), LOOK_CPU_S)
        if code != Verdict.SURVIVED:
            raise RuntimeError(f"the look at the tests ended with {code}")
        found: Look | str = pickle.loads(kept.read_bytes())  # noqa: S301 - written by our own child
        if isinstance(found, str):
            out.send(found)
            return
        seen = Seen(cost=found[0], reach=found[1], imported=imported)
        for file in files:
            bench = Bench(session, file, own(file, tests), seen, seconds)
            if not bench.intact():
                raise RuntimeError(f"a test of {file} fails without any fault")
            for mutant in drawn:
                if mutant.file == file and time.monotonic() < until:
                    out.send((mutant, *bench.judged(mutant)))
        out.send(None)

    pytest.main([*OPTIONS, *tests], plugins=[Chosen(work=work)])


def keep(path: Path, work: Callable[[], object]) -> int:
    """Write what `work` returns, or what it raises as a sentence, to a file."""
    try:
        found = work()
    except RuntimeError as error:
        found = str(error)
    path.write_bytes(pickle.dumps(found))
    return 0


class Bench:
    """Where the faults of one file are tried."""

    def __init__(self, session: pytest.Session, file: str, own: Sequence[str], seen: Seen, seconds: float) -> None:
        """Look the file's functions up."""
        self._session, self._file, self._own, self._seen, self._seconds = session, file, own, seen, seconds
        self._items = {item.nodeid: item for item in session.items}
        self._path = str(Path(file).resolve())
        self._intact = Path(file).read_text()
        self._spans, self._alive = spans(self._intact), functions(self._path)

    def judged(self, mutant: Mutant) -> tuple[Verdict | int, list[str], float]:
        """Return what became of a fault, the tests, and the CPU time that they may take."""
        lines = self._spans.get(mutant.line, range(mutant.line, mutant.line + 1))
        at_import = not self._seen.imported[self._file].isdisjoint(lines)
        tests = self._seen.tests(self._file, () if at_import else lines, self._own, self._seconds)
        allowed = max(CPU_MIN_S, CPU_FACTOR * sum(self._seen.cost[test] for test in tests))
        if not tests:
            return Verdict.UNREACHED, tests, allowed
        if at_import:
            return ANEW, tests, allowed
        return in_child(lambda: self._tried(mutant.source, tests), allowed), tests, allowed

    def intact(self) -> bool:
        """Return whether the tests pass with the file's own code put in anew."""
        tests = self._seen.tests(self._file, (), self._own, self._seconds)
        return in_child(lambda: self._tried(self._intact, tests), LOOK_CPU_S) == Verdict.SURVIVED

    def _tried(self, source: str, tests: Sequence[str]) -> int:
        if not put_in(self._alive, self._path, self._intact, source):
            return ANEW
        return int(not run(self._session, [self._items[test] for test in tests]))
