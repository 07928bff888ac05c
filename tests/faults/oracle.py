"""
Judges a run by what stands in its topics; it shares no code with the product, and is pure.

It follows every partition's outcomes in the order in which they were committed, with an idea of the rule of its own,
and asks of each input record where its outcome is.  After a difference it goes on from what was written, so that each
fault is told once.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.faults import model
from tests.faults.history import Finding, History, Input, Output, Place, Witness
from tests.faults.model import Shelf


def judge(history: History) -> list[Finding]:
    """Return everything that is wrong with a run."""
    from tests.faults.oracle_dead import buried
    from tests.faults.oracle_levels import levels

    found: list[Finding] = []
    for partition in sorted({place.partition for place in history.inputs} | set(history.outcomes)):
        walk = Walk(history, partition)
        found += walk.run()
        found += levels(history.levels.get(partition, ()), walk.shelves)
    return [*found, *buried(history)]


class Walk:
    """One partition from its first outcome to its last; `shelves` are what its SKUs have become then."""

    def __init__(self, history: History, partition: int) -> None:
        """Start before the first record."""
        self._history, self.partition = history, partition
        self.shelves: dict[str, Shelf] = defaultdict(Shelf)
        self._inputs = {p.topic_id: log for p, log in history.inputs.items() if p.partition == partition}
        self._next = {topic_id: min(log, default=0) for topic_id, log in self._inputs.items()}
        self._skipped = {
            (skip.place.topic_id, offset)
            for skip in history.skips
            if skip.place.partition == partition
            for offset in range(skip.start, skip.end)
        }
        self._missed: set[tuple[str, int]] = set()

    def run(self) -> Iterator[Finding]:
        """Yield what is wrong."""
        witnesses = [one for one in self._history.witnesses if one.partition == self.partition]
        for output in self._history.outcomes.get(self.partition, ()):
            while witnesses and witnesses[0].at < output.at:
                yield from self._seen(witnesses.pop(0))
            yield from self._follow(output, json.loads(output.value))
        for witness in witnesses:
            yield from self._seen(witness)
        for topic_id, log in self._inputs.items():
            yield from self._passed(topic_id, max(log, default=-1) + 1)
        yield from self._positions()
        for sku, shelf in self.shelves.items():
            yield from _served(sku, shelf)

    def _follow(self, output: Output, outcome: dict[str, Any]) -> Iterator[Finding]:
        ((topic_id, offset),) = outcome["source"].items()
        where = f"{topic_id} {self.partition} {offset}: {outcome['orderId']} of {outcome['sku']}"
        raw = self._inputs.get(topic_id, {}).get(offset)
        if output.key.decode() != f"{outcome['orderId']}|{outcome['sku']}":
            yield Finding("wrong_levels", "key", f"{where} stands under {output.key!r}")
        if raw is None or raw.poison or (topic_id, offset) in self._skipped:
            yield Finding("wrong_levels", "groundless", f"{where} was decided from {_shown(raw)}")
            return
        record, shelf = json.loads(raw.value or b""), self.shelves[outcome["sku"]]
        if model.name(record) == outcome["orderId"]:
            yield from self._own(topic_id, offset, record, outcome, where)
        elif offset != self._next[topic_id] - 1:
            yield Finding("regressions", "strayed", f"{where} does not follow its cause")
        else:
            yield from _other(shelf, outcome, where)
        yield from _version(shelf, outcome, where)

    def _own(
        self, topic_id: str, offset: int, record: dict[str, Any], outcome: dict[str, Any], where: str
    ) -> Iterator[Finding]:
        shelf = self.shelves[outcome["sku"]]
        if offset < self._next[topic_id]:
            late = (topic_id, offset) in self._missed
            kind = ("regressions", "late") if late else ("doubled", "decided twice")
            yield Finding(*kind, where)
        else:
            yield from self._passed(topic_id, offset)
            self._next[topic_id] = offset + 1
        yield from _served(outcome["sku"], shelf)
        if model.known(shelf, record):
            yield Finding("doubled", "old state", f"{where} was decided although a newer state was")
            _resync(shelf, outcome)
        else:
            yield from _compared(shelf, outcome, model.decide(shelf, record), where)

    def _passed(self, topic_id: str, upto: int, count: str = "lost", kind: str = "skipped") -> Iterator[Finding]:
        """Demand that every record below `upto` was decided, was no news, was poison, or was given up."""
        log = self._inputs[topic_id]
        for offset in range(self._next[topic_id], upto):
            raw, at = log.get(offset), (topic_id, offset)
            if at in self._skipped or at in self._missed or (raw is not None and raw.poison):
                continue
            if raw is None:
                yield Finding("lost", "hole", f"{topic_id} {self.partition} {offset} is in no log")
                continue
            record = json.loads(raw.value or b"")
            if not model.known(self.shelves[record["sku"]], record):
                self._missed.add(at)
                name = model.name(record)
                yield Finding(count, kind, f"{topic_id} {self.partition} {offset}: {name} of {record['sku']}")
        self._next[topic_id] = max(self._next[topic_id], upto)

    def _seen(self, witness: Witness) -> Iterator[Finding]:
        for topic_id, position in witness.positions.items():
            if topic_id in self._inputs:
                yield from self._passed(topic_id, position, kind="position ahead of the state")

    def _positions(self) -> Iterator[Finding]:
        for topic_id, log in self._inputs.items():
            position = self._history.committed.get(Place(topic_id, self.partition))
            end = max(log, default=-1) + 1
            if position is not None and position != end:
                count, kind = ("stalls", "unread") if position < end else ("regressions", "position beyond the log")
                yield Finding(count, kind, f"{topic_id} {self.partition}: at {position} of {end}")


def _other(shelf: Shelf, outcome: dict[str, Any], where: str) -> Iterator[Finding]:
    """Judge the outcome of a line that another record has served or closed."""
    acts = {"settled": (shelf.waiting, model.settle), "closed_by_set": (shelf.closing, model.close)}
    lines, act = acts.get(outcome["result"], ((), None))
    if act is None or outcome["orderId"] != next(iter(lines), None):
        yield Finding("wrong_levels", "not its turn", f"{where} is {outcome['result']}")
        _resync(shelf, outcome)
        return
    fits = shelf.owed
    yield from _compared(shelf, outcome, act(shelf)[1], where)
    if outcome["result"] == "settled" and not fits:
        yield Finding("wrong_levels", "settled from nothing", where)


def _compared(shelf: Shelf, outcome: dict[str, Any], expected: model.Expected, where: str) -> Iterator[Finding]:
    differing = {key: (value, outcome[key]) for key, value in expected.items() if outcome[key] != value}
    if differing:
        yield Finding("wrong_levels", "wrong outcome", f"{where}: expected and found {differing}")
        _resync(shelf, outcome)


def _resync(shelf: Shelf, outcome: dict[str, Any]) -> None:
    """Believe what was written from here on."""
    own = outcome["orderId"]
    shelf.quantity = outcome["newQty"]
    shelf.lines[own] = model.Line(
        rank=(outcome["revision"], outcome["seenAt"]),
        qty=outcome["qty"],
        held=outcome["held"],
        shortfall=outcome["shortfall"],
        too_old=outcome["result"] == "too_old",
    )
    if outcome["shortfall"]:
        shelf.waiting[own] = outcome["shortfall"]
    else:
        shelf.waiting.pop(own, None)
    shelf.closing = [name for name in shelf.closing if name != own]


def _version(shelf: Shelf, outcome: dict[str, Any], where: str) -> Iterator[Finding]:
    """Every change of the quantity has a version, and versions have neither gaps nor repetitions."""
    version = outcome["version"]
    if version is None:
        if outcome["newQty"] != shelf.at[shelf.version]:
            yield Finding("wrong_levels", "change without a version", where)
        return
    if version != shelf.version + 1:
        count, kind = ("doubled", "version again") if version <= shelf.version else ("lost", "version missing")
        yield Finding(count, kind, f"{where}: {version} after {shelf.version}")
    shelf.version = version
    shelf.at[version] = outcome["newQty"]


def _served(sku: str, shelf: Shelf) -> Iterator[Finding]:
    if shelf.owed:
        line = next(iter(shelf.waiting))
        yield Finding("wrong_levels", "left waiting", f"{sku}: {line} fits into {shelf.quantity}")
        shelf.waiting.pop(line)
    if shelf.closing:
        yield Finding("lost", "not closed", f"{sku}: {shelf.closing[0]}")
        shelf.closing.clear()


def _shown(raw: Input | None) -> str:
    return "nothing" if raw is None else f"poison ({raw.poison})" if raw.poison else "what was given up"
