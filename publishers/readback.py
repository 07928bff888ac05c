"""
What a number that a channel shows says: right, too fresh to be judged, or a drift, and of which cause.  Pure.

A number that is too high is wrong for certain, whatever became of it: nobody but us raises a channel's number, except
by hand.  One that is too low may be a sale on its way to us.  It is believed to be wrong only when a second look, begun
after the order poll has passed the first, still misses the same units: raised earlier, the channel would offer again
what it has just sold.
"""

from dataclasses import dataclass

from publishers.told import NOTHING, Told
from schemas.channel_records import Shown
from schemas.words import DriftCause

WRITE_MARGIN_MS = 5_000
"""A look counts only when it was begun so long after our last write: a channel's reads may be behind its writes."""
PASSED_MARGIN_MS = 5_000
"""By how much the order poll must have passed a look before a sale that nobody told of is no longer waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    The channel showed `quantity` (None: it keeps no number) to a request that was begun at `at`, in ms.

    `oversells` says that it would sell on at 0.
    """

    quantity: int | None
    at: int
    oversells: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A look that found `short` units fewer than expected, by the number that was confirmed at `confirmed_at`."""

    at: int
    short: int
    confirmed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What we know of a listing when a look at it is judged.

    `expected` is what it shows by all that we know, None where it was never told; `wanted` what it should show, None
    where that is nobody's business (never stocked).  `moved_at` is when its level changed last: sales after the look
    are in `expected`, and a look before them cannot be held against it.  With `several` listings on this channel, each
    keeps a number of its own and a sale has lowered one of them.  `patient_until` is when an accepted number must show,
    `anxious_until` when one must for which the channel meanwhile sells what there is not.
    """

    shown: Shown
    expected: int | None
    wanted: int | None
    moved_at: int = 0
    several: bool = False
    told: Told = NOTHING
    patient_until: int = 0
    anxious_until: int = 0


@dataclass(frozen=True, slots=True)
class Agrees:
    """It shows what we believed; `explained` that it did not, until an order came: the order had been missed."""

    explained: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """An accepted number shows."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """An accepted number does not show, and still may: look again."""


@dataclass(frozen=True, slots=True)
class Young:
    """The look is too near to our own write or to a sale: one that is begun from `since` on can be judged."""

    since: int


@dataclass(frozen=True, slots=True)
class NotTold:
    """The listing was never told a number, so none can have changed."""


@dataclass(frozen=True, slots=True)
class Waits:
    """It shows less, which may be a sale on its way; `cause` is what it looks like by now."""

    suspect: Suspect
    cause: DriftCause


@dataclass(frozen=True, slots=True)
class Drifted:
    """It shows a wrong number: tell it the right one."""

    cause: DriftCause


Finding = Agrees | Applied | NotYet | Young | NotTold | Waits | Drifted


def judge(known: Known, look: Look, first: Suspect | None = None, *, through: int = 0) -> Finding:
    """
    Return what a look says.

    Args:
        known: what we know of the listing now.
        look: what the channel showed.
        first: the earlier look that found units missing, where there was one.
        through: up to which of the channel's own times its orders have been read and decided, in ms.

    """
    if known.wanted is None:
        return Agrees()
    if (since := _judged_from(known, look)) > look.at:
        return Young(since)
    if known.shown.accepted_at is not None:
        return _accepted(known, look, first, through)
    return NotTold() if known.expected is None else _settled(known, known.expected, look, first, through)


def _settled(known: Known, expected: int, look: Look, first: Suspect | None, through: int) -> Finding:
    """Judge a look at a number that the channel should show by now."""
    quantity = look.quantity
    if quantity is None or (look.oversells and known.shown.paused):
        return Drifted(DriftCause.EDITED)
    unsold = (known.shown.shown or 0) if known.several else expected
    if quantity == expected or expected < quantity <= unsold:
        return Agrees(explained=first is not None and first.confirmed_at == _confirmed_at(known))
    if quantity > expected:
        return Drifted(_cause(known, quantity, DriftCause.EDITED))
    return _less(known, quantity, look.at, first, through)


def _judged_from(known: Known, look: Look) -> int:
    """Return when a look must have been begun, so that it can be judged by what we know now."""
    shown = known.shown
    wrote = max(shown.sent_at or 0, 0 if shown.accepted_at is None else shown.accepted_at)
    if shown.request_id is not None:  # a call is open, or was never answered: it will be told, or asked, again
        wrote = max(wrote, look.at)
    return max(wrote + WRITE_MARGIN_MS if wrote else 0, known.moved_at)


def _confirmed_at(known: Known) -> int:
    return known.shown.shown_at or 0


def _accepted(known: Known, look: Look, first: Suspect | None, through: int) -> Finding:
    """Judge a look at a number that the channel has taken and may apply later."""
    new, old, quantity = known.expected, known.told.before, look.quantity
    if quantity is not None and quantity == new:
        return Applied()
    if look.at < (known.anxious_until if _oversells(known, quantity) else known.patient_until):
        return NotYet()
    if quantity is None or new is None or quantity == old:
        return Drifted(DriftCause.NOT_APPLIED)
    if quantity > new:
        beside = old is None or quantity > max(old, new)
        return Drifted(_cause(known, quantity, DriftCause.EDITED) if beside else DriftCause.NOT_APPLIED)
    return _less(known, quantity, look.at, first, through)


def _oversells(known: Known, quantity: int | None) -> bool:
    """
    Return whether to wait for an accepted number sells what there is not.

    So it does for a 0, and where the channel shows neither the newest number nor the one that was confirmed: it has
    applied another one since, two writes may have overtaken one another, and then nothing more is to come.
    """
    new, confirmed = known.expected, known.shown.shown
    if quantity is None or new is None or quantity <= new:
        return False
    return new == 0 or confirmed is None or quantity not in (confirmed, confirmed - _sold(known))


def _less(known: Known, quantity: int, at: int, first: Suspect | None, through: int) -> Finding:
    """Judge a look at a number that is too low: a sale on its way, until the order poll says that there was none."""
    short, confirmed_at = (known.expected or 0) - quantity, _confirmed_at(known)
    same = first is not None and (first.short, first.confirmed_at) == (short, confirmed_at)
    if first is None or not same:
        return Waits(Suspect(at=at, short=short, confirmed_at=confirmed_at), _cause(known, quantity))
    if through < first.at + PASSED_MARGIN_MS or at <= first.at:
        return Waits(first, _cause(known, quantity))
    return Drifted(_cause(known, quantity, DriftCause.EDITED))


def _cause(known: Known, quantity: int, otherwise: DriftCause = DriftCause.MISSED_ORDER) -> DriftCause:
    """
    Return why a listing shows this number: as before our last write, as some time before that, or `otherwise`.

    Sales since lower an old number as they lower a new one.
    """
    told, sold = known.told, _sold(known)
    if told.before is not None and quantity in (told.before, told.before - sold):
        return DriftCause.OVERWRITTEN if told.seen else DriftCause.NOT_APPLIED
    if any(quantity in (number, number - sold) for number in told.older):
        return DriftCause.OVERWRITTEN
    return otherwise


def _sold(known: Known) -> int:
    """Return how many units were sold since it was told last."""
    return (_told(known.shown) or 0) - (known.expected or 0)


def _told(shown: Shown) -> int | None:
    return shown.shown if shown.accepted_at is None else shown.sent
