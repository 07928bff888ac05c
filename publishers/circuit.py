"""The circuit breaker of a channel: when it fails again and again, only a probe is sent.  Pure."""

from dataclasses import dataclass, replace

OPENS_AFTER = 3
"""Failures in a row that open the circuit."""
PROBE_FIRST_MS = 5_000
PROBE_LAST_MS = 30_000
"""The gap between probes doubles from the first to the last of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """How many calls in a row have failed, when the next probe is due, and what the last failure said."""

    failures: int = 0
    probe_at: int = 0
    gap_ms: int = 0
    err: str = ""

    @property
    def is_open(self) -> bool:
        """Whether only the probe may be sent."""
        return self.failures >= OPENS_AFTER


def failed(circuit: Circuit, err: str, now: int, scale: int = 1_000) -> Circuit:
    """Return the circuit after a failed call; `scale` over 1,000 multiplies the probe gaps."""
    failures = circuit.failures + 1
    if failures < OPENS_AFTER:
        return replace(circuit, failures=failures, err=err)
    first, last = max(1, PROBE_FIRST_MS * scale // 1_000), max(1, PROBE_LAST_MS * scale // 1_000)
    gap = min(last, circuit.gap_ms * 2) if circuit.is_open else first
    return Circuit(failures=failures, probe_at=now + gap, gap_ms=gap, err=err)


def wait(circuit: Circuit, now: int) -> int:
    """Return after how many ms the next call (or probe) is allowed, 0 for now."""
    return max(0, circuit.probe_at - now) if circuit.is_open else 0
