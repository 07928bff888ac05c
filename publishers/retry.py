"""The retry ladder: after which failure to wait how long.  Pure; chance is an argument."""

from collections.abc import Sequence

DRAWS = 1_000
"""A draw is an integer from 0 to this, both included."""
SPREAD = 10
"""The delay lies within a tenth of its rung to either side, so that rows that failed together do not come together."""


def delay(ladder: Sequence[int], attempt: int, draw: int) -> int | None:
    """
    Return how many ms to wait after the `attempt`-th failure (1 is the first), or None when the ladder has ended.

    `draw` between 0 and `DRAWS` picks the place within the jitter.  Raises `ValueError` for an attempt below 1 or a
    draw outside its range.
    """
    if attempt < 1 or not 0 <= draw <= DRAWS:
        raise ValueError(f"attempt {attempt}, draw {draw}")
    if attempt > len(ladder):
        return None
    rung = ladder[attempt - 1]
    spread = rung // SPREAD
    return rung - spread + 2 * spread * draw // DRAWS


def due(ladder: Sequence[int], attempt: int, at: int, now: int) -> int:
    """
    Return when the wait after the `attempt`-th failure ends, in ms: `at`, but no later than the whole wait from now on.

    So a clock that has been set back since it began makes it at most twice as long.
    """
    rung = ladder[min(max(attempt, 1), len(ladder)) - 1] if ladder else 0
    return min(at, now + rung + rung // SPREAD)


def scaled(ladder: Sequence[int], thousandths: int) -> tuple[int, ...]:
    """Return the ladder with every rung multiplied by `thousandths` over 1,000, at least 1 ms each."""
    return tuple(max(1, rung * thousandths // 1_000) for rung in ladder)
