"""
How urgent it is to tell a channel: the units that it is expected to oversell while it is not told.  Pure.

The channel shows `s` and should show `d`; `N` is the demand until it is told.  The first `d` units of it can be served,
those beyond, up to `s`, are sold and cannot be: `min(N, s) - d` units are oversold where that is above zero.  The rate
of sale is known from a few sales at best; believed to be exponential around what was measured, it makes `N` geometric:
`P(N >= k) = q**k` with `q = m / (1 + m)` and `m` the demand expected.  Summed from `d + 1` to `s` that is
`m * q**d * (1 - q**(s - d))` units: velocity, scarcity and excess in one.  A channel that shows too little loses sales
by the same sum with `s` and `d` exchanged; a lost sale counts a small part of a unit oversold.
"""

from schemas.settings import Order

HORIZON_H = 30 / 3_600
"""For how long a channel is thought to stay untold, in hours: what waits its turn is told within seconds as a rule."""
IDLE = 6
"""What a SKU without a known sale is thought to sell, in thousandths of a unit an hour: one unit a week."""
HALF_LIFE_MS = 3_600_000
"""The half-life of `StockLevel.velocity`."""
SCALE = 2**20
"""Units oversold are counted in this part of one."""
HOT = SCALE // 16
"""The least danger of a hot SKU: a sixteenth of a unit."""
LOST = 64
"""How many lost sales weigh as much as one unit oversold."""


def danger(order: Order, velocity: float, desired: int | None, shown: int | None, *, top: bool = False) -> int:
    """
    Return how urgent a SKU is in this order of work; greater is more urgent, 0 means that nothing is to be told.

    Args:
        order: the mode; `fifo` finds all equal, `top20` knows only whether the SKU is at the `top` (`Volumes.top`).
        velocity: the SKU's rate of sale now, in thousandths of a unit an hour.
        desired: what the channel should show, the units that are left; None when it is not known.
        shown: what it shows; None when that is not known, and then it may be any number.
        top: whether the SKU is among the best-selling fifth.

    """
    if desired is None:
        return 0
    if order is not Order.RISK:
        return HOT if order is Order.TOP20 and top else 1
    mean = (velocity + IDLE) / 1_000 * HORIZON_H
    left = max(0, desired)
    if shown is None:
        return 1 + int(SCALE * max(_beyond(mean, left, None), _beyond(mean, 0, left) / LOST))
    offered = max(0, shown)
    if offered > left:
        return 1 + int(SCALE * _beyond(mean, left, offered - left))
    return 1 + int(SCALE * _beyond(mean, offered, left - offered) / LOST)


def faded(velocity: int, age_ms: int) -> float:
    """Return what a level's rate of sale has come down to, so long after the level was written."""
    return float(velocity * 0.5 ** (max(0, age_ms) / HALF_LIFE_MS))


def _beyond(mean: float, first: int, units: int | None) -> float:
    """Return how many of the `units` (None: any number) after the `first` ones are expected to be asked for."""
    ratio = mean / (1.0 + mean)
    share = 1.0 if units is None else 1.0 - ratio**units
    return mean * float(ratio**first) * share
