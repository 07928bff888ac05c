"""
Bundles: a listing that is made of several SKUs has no level of its own, it has what its components allow.  Pure.

The number is worked out from the components' levels as they are in the hub; the bundle's own rules are applied to it as
to any level.  The components' rules are not: a buffer would be kept back twice.  So `buffer` keeps back so many
bundles, and a component that is paused by a channel's rules alone is still sold within its bundle.
"""

from collections.abc import Iterable, Mapping

from schemas.channel_records import Component, Listing
from schemas.records import StockLevel
from schemas.words import Pause, Policy

Levels = Mapping[str, StockLevel]


def level_of(sku: str, components: Iterable[Component], levels: Levels) -> StockLevel | None:
    """
    Return the level of a bundle; None while no component has one.

    `quantity` is None (not known) while a component was never stocked, unless another is used up or paused: then
    nothing can be sold, whatever the unknown one is.  `version` is the sum of the components' versions: it rises with
    each of them.  The cause is that of the component that moved last; `velocity` the highest rate at which a component
    brings the bundle down.
    """
    parts = [(levels[part.sku], part.qty) for part in components if part.sku in levels]
    if not parts:
        return None
    complete = all(part.sku in levels and levels[part.sku].quantity is not None for part in components)
    allowed = [level.quantity // qty for level, qty in parts if level.quantity is not None]
    least = min(allowed, default=None)
    paused = _paused(level.paused for level, _ in parts)
    newest = max((level for level, _ in parts), key=lambda level: level.updated_at)
    if not complete:
        least = 0 if paused is not None or (least is not None and least <= 0) else None
    return StockLevel(
        sku=sku,
        quantity=least,
        version=sum(level.version for level, _ in parts),
        paused=paused,
        policy=Policy.REJECT,
        velocity=max(level.velocity // qty for level, qty in parts),
        cause=newest.cause,
        source={},
        updated_at=newest.updated_at,
    )


def _paused(pauses: Iterable[Pause | None]) -> Pause | None:
    """Return the pause that is hardest to end: an operator's wins, as it does in the hub."""
    found = {pause for pause in pauses if pause is not None}
    return Pause.OPERATOR if Pause.OPERATOR in found else next(iter(found), None)


def limiting(components: Iterable[Component], levels: Levels) -> str | None:
    """Return the SKU of the component that allows least; None where one was never stocked."""
    parts = [(levels.get(part.sku), part) for part in components]
    known = [(level.quantity // part.qty, part.sku) for level, part in parts if level and level.quantity is not None]
    return min(known)[1] if known and len(known) == len(parts) else None


class Bundles:
    """Which SKUs are bundles at a channel, and which bundles a component is in."""

    def __init__(self) -> None:
        """Start with none."""
        self._made: dict[str, tuple[tuple[Component, ...], ...]] = {}
        self._of: dict[str, set[str]] = {}

    def __contains__(self, sku: str) -> bool:
        return sku in self._made

    def of(self, component: str) -> tuple[str, ...]:
        """Return the bundles that a SKU is a component of, in a fixed order."""
        return tuple(sorted(self._of.get(component, ())))

    def made(self, sku: str) -> tuple[tuple[Component, ...], ...]:
        """Return what a bundle is made of: every distinct answer of its listings, none where it is no bundle."""
        return self._made.get(sku, ())

    def put(self, sku: str, listings: Iterable[Listing]) -> bool:
        """Take up all listings of a SKU; returns whether what it is made of has changed."""
        made = tuple(dict.fromkeys(listing.components for listing in listings if listing.components))
        before = self._made.pop(sku, ())
        for part in (part for components in before for part in components):
            self._of[part.sku].discard(sku)
        if made:
            self._made[sku] = made
        for part in (part for components in made for part in components):
            self._of.setdefault(part.sku, set()).add(sku)
        return made != before

    def level(self, sku: str, levels: Levels) -> StockLevel | None:
        """
        Return a bundle's level: where its listings name different components, the lowest of the answers.

        Nothing to sell is lowest, unknown (the channel is left as it is) comes next.
        """
        found = [level_of(sku, components, levels) for components in self.made(sku)]
        known = [level for level in found if level is not None]
        if len(known) < len(found) or not known:
            return None
        return min(known, key=_height)


def _height(level: StockLevel) -> tuple[int, int]:
    if level.quantity is None:
        return (0 if level.paused else 1, 0)
    return (0 if level.paused or level.quantity <= 0 else 2, level.quantity)
