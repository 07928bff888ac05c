"""
A run of the fuzz: so many requests, each drawn from its own seed, so that each can be sent again by itself.

Between requests, what a channel's API may answer is handed to the code that reads it (`tests.fuzz.calls`).
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.channels.conftest import LISTINGS
from tests.fuzz import judge
from tests.fuzz.calls import Calls
from tests.fuzz.world import DOWN_IN, World, world

CALLS_IN = 1
"""One answer of an API is read in so many requests."""
FINDINGS_MAX = 20
CALL_CHANCE = "call"


@dataclass(slots=True)
class Report:
    """What a run found: counts, and each surprise with what brings it about again."""

    seed: int
    requests: int = 0
    proved: int = 0
    records: int = 0
    calls: int = 0
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def surprise(self, what: str, again: str) -> None:
        """Count a surprise, and keep the first of its sort with how to see it again."""
        sort = what[:60]
        self.unexpected[sort] += 1
        if self.unexpected[sort] == 1 and len(self.findings) < FINDINGS_MAX:
            self.findings.append(f"{what}\n{again}")

    def line(self) -> dict[str, Any]:
        """Return the figures."""
        return {
            "seed": self.seed,
            "requests": self.requests,
            "requests_per_s": round(self.requests / self.seconds) if self.seconds else 0,
            "signed_share": round(self.proved / self.requests, 3) if self.requests else 0,
            "records": self.records,
            "answers_read": self.calls,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "kinds": dict(sorted(self.kinds.items())),
            "unexpected": sum(self.unexpected.values()),
        }


async def run(
    requests: int, seed: int, only: int | None = None, say: Callable[[int, Report], None] = lambda _n, _r: None
) -> Report:
    """Send `requests` requests (or the one numbered `only`), and return what came of it; `say` hears of progress."""
    report = Report(seed=seed)
    calls = Calls(LISTINGS)
    began = time.monotonic()
    async with world() as running:
        for number in range(requests) if only is None else (only,):
            await _one(running, report, number)
            if number % CALLS_IN == 0 or only is not None:
                _call(calls, report, number)
            say(number, report)
        try:
            judge.exposition(await running.metrics(), running.log.secrets)
        except judge.Surprise as surprise:
            report.surprise(str(surprise), "in the metrics of the whole run")
    report.seconds = time.monotonic() - began
    return report


async def _one(running: World, report: Report, number: int) -> None:
    random = Random(f"{report.seed}:{number}")
    request = running.draw(random)
    down = random.randrange(DOWN_IN) == 0
    report.requests += 1
    report.proved += request.proved
    report.kinds[str(request.kind or "others")] += 1
    try:
        reply, sent = await running.send(request, down=down)
    except judge.Surprise as surprise:
        again = f"python tests/fuzz/run.py --seed {report.seed} --only {number}\n{request.curl()}"
        report.surprise(str(surprise), again)
        running.close()
    else:
        report.statuses[reply.status] += 1
        report.records += len(sent)


def _call(calls: Calls, report: Report, number: int) -> None:
    """Read one answer of an API; anything that is raised is a surprise."""
    report.calls += 1
    try:
        calls.step(Random(f"{report.seed}:{CALL_CHANCE}:{number}"))
        for _, message in calls.messages:
            judge.record(message)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        report.surprise(f"an answer of an API: {type(error).__name__} at {where}: {error}"[:2_000], f"step {number}")
    calls.messages.clear()
