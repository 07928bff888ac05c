"""What a run was, as one line and as a file (pure)."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.history import Finding, History
from tests.faults.orders import ORDERS

ZEROS = ("lost", "doubled", "wrong_levels", "regressions", "stalls")
TOLD = 50
"""Findings of one kind that the file spells out; all are counted."""


@dataclass(slots=True, kw_only=True)
class Report:
    """Everything that the command has found."""

    seed: int
    command: Mapping[str, Any]
    faults: list[Mapping[str, Any]] = field(default_factory=list)
    rests: list[Mapping[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    longest_recovery_s: Mapping[str, float] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    worker_exits: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def line(self) -> str:
        """Return the last line of the command."""
        counts = Counter(finding.counted for finding in self.findings)
        line = {"faults": len(self.faults), "orders": self.records.get("orders", 0)}
        return json.dumps(line | {name: counts[name] for name in ZEROS})

    def file(self) -> str:
        """Return the file's text."""
        counts = Counter(finding.counted for finding in self.findings)
        told: list[Mapping[str, str]] = []
        for kind in dict.fromkeys(finding.kind for finding in self.findings):
            told += [finding._asdict() for finding in self.findings if finding.kind == kind][:TOLD]
        per_kind = Counter(str(fault["kind"]) for fault in self.faults)
        whole = {
            "clean": self.clean,
            **{name: counts[name] for name in ZEROS},
            "faults_per_kind": dict(sorted(per_kind.items())),
            "findings_per_kind": dict(Counter(f"{finding.counted}: {finding.kind}" for finding in self.findings)),
        }
        return json.dumps(whole | asdict(self) | {"findings": told}, indent=2) + "\n"


def records(history: History) -> dict[str, int]:
    """Return how much a run has read and written."""
    orders = sum(len(log) for place, log in history.inputs.items() if history.names[place.topic_id] == ORDERS)
    return {
        "orders": orders,
        "adjustments": sum(map(len, history.inputs.values())) - orders,
        "outcomes": sum(map(len, history.outcomes.values())),
        "levels": sum(map(len, history.levels.values())),
        "dead_letters": len(history.dead),
        "looks": len(history.witnesses),
    }


def counted(found: Sequence[Finding]) -> str:
    """Return the findings' kinds in one line, for people."""
    return ", ".join(f"{count} x {kind}" for kind, count in Counter(one.kind for one in found).items()) or "nothing"
