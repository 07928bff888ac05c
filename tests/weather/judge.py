"""The oracle: what each listing should show, worked out anew from the hub's levels; nothing here is the publishers'."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.channel_records import Listing
from schemas.words import Status
from tests.weather.world import START_MS, World

OVER_MS = {"amazon": 240_000}
"""How long a number may be too high in fair weather, a take-over within it: Amazon's patches may overtake others."""
OVER_OTHERS_MS = 45_000
WRITES_MAX = 10
"""How often a listing may be told in the calm."""
READS_MAX = 60
"""How many requests a quiet hour may take: four sweeps, and looks."""


def level(world: World, sku: str) -> tuple[int | None, bool]:
    """Return a SKU's own quantity and whether it is paused."""
    known = world.hub.levels.get(sku)
    return (None, False) if known is None else (known.quantity, known.paused is not None)


def wanted(world: World, listing: Listing) -> tuple[int | None, bool]:
    """Return what a listing should show (None: nobody says) and whether it is paused."""
    rules = world.settings.sku_rules.get(listing.sku, world.settings.rules)
    if listing.components:
        parts = [(*level(world, part.sku), part.qty) for part in listing.components]
        paused = any(one for _, one, _ in parts)
        counts = [None if quantity is None else quantity // qty for quantity, _, qty in parts]
        known = [count for count in counts if count is not None]
        quantity = min(known) if len(known) == len(counts) else 0 if paused or min(known, default=1) <= 0 else None
    else:
        quantity, paused = level(world, listing.sku)
    if quantity is None:
        return None, paused
    paused = paused or rules.paused
    left = (quantity - rules.buffer) * rules.percent // 100
    if rules.max is not None:
        left = min(left, rules.max)
    return (0 if paused or listing.retired or left < rules.floor or left < 0 else left), paused


def settled(world: World) -> Iterator[str]:
    """Yield listings that do not show what they should."""
    life = world.owner()
    world.shop.due(world.clock.now)
    if life is None or not life.active:
        yield "nobody owns the channel"
        return
    for name, listing in world.mapping.items():
        want, paused = wanted(world, listing)
        if want is None or name not in world.shop.numbers or _discarded(world, listing.sku):
            continue
        shows = world.shop.shows(name)
        if shows != want:
            yield f"{name} ({listing.sku}) shows {shows}, should show {want}: {_known(world, listing)}"
        sells_on = name in world.shop.sells_on
        if world.kind_name in ("shopify", "woocommerce") and (name in world.shop.policy) != (sells_on and not paused):
            yield f"{name} ({listing.sku}) sells on at 0: {name in world.shop.policy}; paused: {paused}"


def _discarded(world: World, sku: str) -> bool:
    """Return whether a person has given a SKU up."""
    record = world.journal.levels.get(sku)
    return record is not None and record.status is Status.DEAD and (record.err or "").startswith("discarded")


def _known(world: World, listing: Listing) -> str:
    record = world.journal.levels.get(listing.sku)
    if record is None:
        return "no record"
    return f"{record.status} err={record.err} hidden={record.hidden} {record.listings.get(listing.listing_id)}"


def letters(world: World) -> Iterator[str]:
    """Yield what is dead without a letter or without a reason, letters of what lives, and what is still under way."""
    named = {letter.sku for letter in world.journal.open_letters.values()}
    if len(named) < len(world.journal.open_letters):
        yield "a SKU has several open letters"
    gone = {one.sku for name, one in world.mapping.items() if name not in world.shop.numbers}
    for sku, record in world.journal.levels.items():
        dead = record.status is Status.DEAD
        if dead and sku not in named and not (record.err or "").startswith("discarded"):
            yield f"{sku} is dead without a letter: {record.err}"
        if sku in named and not dead:
            yield f"{sku} is {record.status} and has an open letter"
        if dead and sku not in gone and not _discarded(world, sku):
            yield f"{sku} is dead: {record.err}"
        if record.status in (Status.RETRYING, Status.SENDING) and sku not in gone:
            yield f"{sku} is {record.status} in the end: {record.err}"


def quiet(world: World, calm_at: int, quiet_at: int, requests: int) -> Iterator[str]:
    """Yield writes where there is nothing to be told, and questions without an end."""
    gone = {one.sku for name, one in world.mapping.items() if name not in world.shop.numbers}
    for at, name, number in world.shop.writes:
        if at > quiet_at and world.mapping.get(name, None) is not None and world.mapping[name].sku not in gone:
            yield f"{name} is told {number} in the quiet hour, at {(at - START_MS) / 1_000}"
    often = Counter(name for at, name, _ in world.shop.writes if calm_at < at <= quiet_at)
    yield from (f"{name} is told {many} times in the calm" for name, many in often.items() if many > WRITES_MAX)
    if requests > READS_MAX:
        yield f"{requests} requests in the quiet hour"


def refused(world: World) -> Iterator[str]:
    """Yield what the shop's own bucket has refused beyond once a life."""
    if len(world.shop.refused) > 2 * len(world.lives):
        yield f"refused {len(world.shop.refused)} times in {len(world.lives)} lives"


@dataclass
class Watch:
    """Watches in fair weather for how long a listing shows too much."""

    world: World
    since: dict[str, int] = field(default_factory=dict)
    worst: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Look now."""
        world = self.world
        world.shop.due(world.clock.now)
        for name, listing in world.mapping.items():
            want, _ = wanted(world, listing)
            if want is None or name not in world.shop.numbers or _discarded(world, listing.sku):
                self.since.pop(name, None)
            elif world.shop.shows(name) > want:
                for_ms = world.clock.now - self.since.setdefault(name, world.clock.now)
                self.worst[name] = max(self.worst.get(name, 0), for_ms)
            else:
                self.since.pop(name, None)

    def faults(self) -> Iterator[str]:
        """Yield what was too high for too long."""
        bound = OVER_MS.get(self.world.kind_name, OVER_OTHERS_MS)
        for name, for_ms in self.worst.items():
            if for_ms > bound:
                yield f"{name} showed too much for {for_ms} ms"
