"""
Trials: which tests notice a fault.

A fault is tried in a fork of a process that has collected the tests (`warm`), or in one that imports anew.
"""

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

import hypothesis.strategies  # preloaded for the children: each is a fork and pays for our own modules only
import pytest
from hypothesis import Phase, settings

PRELOADED = (hypothesis.strategies,)
REWRITTEN = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Nobody minds that Hypothesis is preloaded."""
OPTIONS = ("-o", "addopts=--import-mode=importlib", "-x", "-q", "-s", "--tb=no", "-p", "no:cacheprovider", *REWRITTEN)
"""Stop at the first failure, in one process, leave no cache."""
SERVERS = {"kafka", "postgres", "service"}
"""Fixtures of tests that are not worth their time here."""
FORK = multiprocessing.get_context("fork")
FELL_OVER, ANEW = 70, 71
"""A child's exit codes: something fell over; the fault cannot be put into what is imported."""
CPU_MIN_S = 10
"""What a trial may use of the CPU at least."""
EXAMPLES = 30
"""Of Hypothesis, where a test does not say how many."""
STUCK_FACTOR = 20
"""Who has not ended after so many times its CPU time waits for something: that says nothing of the tests."""


class Verdict(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    ENDLESS = "endless"
    SURVIVED = "survived"
    UNREACHED = "unreached"
    STUCK = "stuck"


NOTICED = (Verdict.KILLED, Verdict.ENDLESS)


def in_child(work: Callable[[], int], cpu_s: float) -> Verdict | int:
    """Run `work` in a forked process and return what its exit code says, `ANEW` as it is."""

    def child() -> None:
        code = FELL_OVER
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (round(cpu_s), round(cpu_s) + 1))
            code = work()
        finally:
            os._exit(code)  # whatever happened: the rest is the parent's

    process = FORK.Process(target=child)
    process.start()
    process.join(STUCK_FACTOR * cpu_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        return Verdict.STUCK
    said: dict[int, Verdict | int] = {0: Verdict.SURVIVED, -signal.SIGXCPU: Verdict.ENDLESS, ANEW: ANEW}
    return said.get(process.exitcode, Verdict.KILLED)


def enter(copy: Path, log: int) -> None:
    """Import our modules from the copy, and write what is said to `log`."""
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    sys.dont_write_bytecode = True


class Chosen:
    """A pytest plugin: the tests that are wanted, in their order, without servers, and `work` in place of the run."""

    def __init__(
        self, wanted: Sequence[str] | None = None, work: Callable[[pytest.Session], None] | None = None
    ) -> None:
        """Take all tests without `wanted`, and run them without `work`."""
        self._wanted, self._work = wanted, work

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Have Hypothesis draw the same each time, and look for no smaller example of a failure."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation", deadline=None, derandomize=True, database=None, phases=phases, max_examples=EXAMPLES
        )
        settings.load_profile("mutation")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what is wanted."""
        found = {one.nodeid: one for one in items if not SERVERS & set(getattr(one, "fixturenames", ()))}
        items[:] = found.values() if self._wanted is None else [found[test] for test in self._wanted]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Do the work, if there is some, in place of running the tests one by one."""
        if self._work is None or session.testsfailed:
            return None
        self._work(session)
        return True


def run(session: pytest.Session, items: Sequence[pytest.Item], before: Callable[[str], object] = str) -> bool:
    """Run tests until one fails and say whether none did; `before` is told each one's name."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        before(item.nodeid)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


def anew(copy: Path, tests: Sequence[str], cpu_s: float) -> Verdict | int:
    """Run tests in a process that imports anew; returns the verdict."""

    def work() -> int:
        enter(copy, os.open(os.devnull, os.O_WRONLY))
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        return int(pytest.main([*OPTIONS, *files], plugins=[Chosen(tests)]) != 0)

    return in_child(work, cpu_s + CPU_MIN_S)
