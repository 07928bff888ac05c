"""
How fast a SKU sells, as one integer that needs no history: publishers serve the fastest and scarcest first.

The figure is an exponentially decayed rate with a half-life of one hour, in thousandths of a unit an hour.  A SKU that
sells `r` units an hour for long settles at `1000 * r`: each unit adds `1000 * ln 2`, and an hour takes half away.
"""

HALF_LIFE_MS = 3_600_000
PER_UNIT = 693
"""What one unit of demand adds: `1000 * ln 2`, rounded."""
VELOCITY_MAX = 2**53
"""Where the figure stops: what every JSON reader can still hold exactly."""


def decayed(velocity: int, elapsed_ms: int) -> int:
    """Return what is left of `velocity` after `elapsed_ms`; time never runs backwards, so a negative span is none."""
    return velocity if elapsed_ms <= 0 else int(velocity * 0.5 ** (elapsed_ms / HALF_LIFE_MS))


def raised(velocity: int, elapsed_ms: int, units: int) -> int:
    """Return the velocity `elapsed_ms` after it was `velocity`, once `units` more were asked for."""
    return min(decayed(velocity, elapsed_ms) + units * PER_UNIT, VELOCITY_MAX)
