"""The rules of a channel: which number is shown for a level.  Pure."""

from schemas.records import StockLevel
from schemas.settings import Rules

PERCENT = 100


def number(level: StockLevel, rules: Rules) -> int | None:
    """
    Return the number of units that the channel should show; None when the SKU was never stocked.

    Unknown is not zero: a SKU without a level is left as the channel has it.
    """
    if level.quantity is None:
        return None
    if level.paused is not None or rules.paused:
        return 0
    shown = (level.quantity - rules.buffer) * rules.percent // PERCENT
    shown = shown if rules.max is None else min(shown, rules.max)
    return 0 if shown < rules.floor else shown


def offered(desired: int | None, *, retired: bool) -> int | None:
    """Return what one listing offers of its SKU: nothing where it is sold no more; unknown stays unknown."""
    return 0 if retired and desired is not None else desired


def target(desired: int | None, hidden: int, shown: int | None) -> int | None:
    """
    Return the number to tell, given `hidden` units that the channel has sold and whose orders have not reached us.

    While there are hidden units the number is never raised: a raise would offer again what is already sold.
    """
    if desired is None or hidden == 0:
        return desired
    lowered = max(0, desired - hidden)
    return lowered if shown is None else min(shown, lowered)
