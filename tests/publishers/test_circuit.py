"""The circuit breaker."""

from publishers import circuit
from publishers.circuit import Circuit


def failures(count: int, now: int = 0, scale: int = 1_000) -> Circuit:
    """Return a circuit after this many failures at the same time."""
    state = Circuit()
    for number in range(count):
        state = circuit.failed(state, f"err {number}", now, scale)
    return state


def test_two_failures_leave_it_closed() -> None:
    """Nobody waits before the third failure in a row."""
    state = failures(2)
    assert Circuit() == Circuit(failures=0, probe_at=0, gap_ms=0, err="")
    assert not state.is_open
    assert circuit.wait(state, 0) == 0
    assert (state.failures, state.err) == (2, "err 1")


def test_the_third_failure_opens_it_and_the_first_probe_comes_after_five_seconds() -> None:
    """The probe is due exactly 5 s later, not 1 ms before."""
    state = failures(3, now=1_000)
    assert state.is_open
    assert circuit.wait(state, 1_000) == 5_000
    assert circuit.wait(state, 5_999) == 1
    assert circuit.wait(state, 6_000) == 0
    assert circuit.wait(state, 9_000) == 0
    assert state.err == "err 2"


def test_the_gap_between_probes_doubles_up_to_thirty_seconds() -> None:
    """5, 10, 20, 30, 30."""
    state, gaps = failures(2), []
    for _ in range(5):
        state = circuit.failed(state, "down", 0)
        gaps.append(circuit.wait(state, 0))
    assert gaps == [5_000, 10_000, 20_000, 30_000, 30_000]
    assert state.failures == 7


def test_a_scale_shortens_the_gaps() -> None:
    """A tenth of real time: 0.5 s first, 3 s at most, never nothing."""
    state = failures(3, scale=100)
    assert circuit.wait(state, 0) == 500
    for _ in range(9):
        state = circuit.failed(state, "down", 0, 100)
    assert circuit.wait(state, 0) == 3_000
    assert circuit.wait(circuit.failed(failures(2), "down", 0, 0), 0) == 1
