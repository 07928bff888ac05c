"""What happens in a run's bad weather: each event draws its own targets, so that others may be left out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import NamedTuple

from schemas.words import AdjustmentKind
from tests.weather import catalogue, mishaps
from tests.weather.doing import LONG_MS, Doing
from tests.weather.world import World, partition_of


class Event(NamedTuple):
    """Something that happens `at` ms after the start, with dice of its own."""

    at: int
    what: str
    seed: int


def _sale(do: Doing) -> None:
    do.world.sell(do.name(), do.dice.choice([1, 1, 1, 2, 3]), heard_in=do.heard_in())


def _cancel(do: Doing) -> None:
    if orders := [order.order_id for order in do.world.orders.values() if order.qty]:
        do.world.cancel(do.dice.choice(orders), heard_in=do.heard_in(), restocks=do.dice.random() < 0.7)


def _elsewhere(do: Doing) -> None:
    do.world.elsewhere(do.sku(), do.dice.randint(1, 3))


def _count(do: Doing) -> None:
    do.world.hub.adjust(do.sku(), AdjustmentKind.SET, do.dice.choice([0, 0, do.dice.randint(1, 15)]))


def _add(do: Doing) -> None:
    do.world.hub.adjust(do.sku(), AdjustmentKind.ADD, do.dice.randint(1, 8))


def _import(do: Doing) -> None:
    for number in range(do.world.skus):
        if do.dice.random() < 0.7:
            do.world.hub.adjust(f"SKU-{number:02}", AdjustmentKind.SET, do.dice.choice([0, do.dice.randint(0, 15)]))


def _pause(do: Doing) -> None:
    sku = do.sku()
    do.world.hub.adjust(sku, AdjustmentKind.PAUSE)
    after = do.dice.randint(500, LONG_MS)
    do.world.clock.at(do.world.clock.now + after, lambda: do.world.hub.adjust(sku, AdjustmentKind.RESUME))


def _edit(do: Doing) -> None:
    name = do.name()
    do.world.say(f"edit {name}")
    do.world.shop.edit(name, do.dice.randint(1, 20))


def _switch(do: Doing) -> None:
    """Somebody lets a listing sell on at 0, or takes it off sale for a while."""
    world, name = do.world, do.name()
    if world.kind_name in ("shopify", "woocommerce"):
        world.shop.sells_on.add(name)
        world.shop.policy.add(name)
    off, on = world.shop.switches(name)
    off()
    world.clock.at(world.clock.now + do.dice.randint(1_000, LONG_MS), on)


def _delete(do: Doing) -> None:
    world, name = do.world, do.name()
    world.say(f"delete {name}")
    world.shop.delete(name)
    if do.dice.random() < 0.7 and name in world.mapping:
        listing = world.mapping.pop(name)
        world.map(None, do.dice.randint(100, LONG_MS), listing_id=name, sku=listing.sku)


def _new(do: Doing) -> None:
    world = do.world
    world.count += 1
    listing = catalogue.listing(world.kind_name, 1_000 + world.count, do.sku())
    world.shop.add(listing, do.dice.randint(0, 9))
    world.mapping[listing.listing_id] = listing
    world.map(listing, do.dice.randint(100, LONG_MS // 4))


def _remap(do: Doing) -> None:
    world, name = do.world, do.name()
    old = world.mapping[name]
    sku = do.sku()
    if old.components or old.sku == sku:
        return
    world.say(f"remap {name} from {old.sku} to {sku}")
    world.mapping[name] = replace(old, sku=sku)
    world.map(world.mapping[name], do.dice.randint(100, 5_000))
    if partition_of(sku) != partition_of(old.sku):
        world.map(None, do.dice.randint(100, 5_000), listing_id=name, sku=old.sku)


def _retire(do: Doing) -> None:
    world, name = do.world, do.name()
    old = world.mapping[name]
    world.say(f"retire {name} {not old.retired}")
    world.mapping[name] = replace(old, retired=not old.retired)
    world.map(world.mapping[name], 100)


KINDS: Mapping[str, tuple[int, Callable[[Doing], None]]] = {
    "sale": (160, _sale),
    "cancel": (12, _cancel),
    "elsewhere": (60, _elsewhere),
    "count": (25, _count),
    "add": (25, _add),
    "import": (4, _import),
    "pause": (8, _pause),
    "edit": (10, _edit),
    "switch": (4, _switch),
    "delete": (2, _delete),
    "new": (3, _new),
    "remap": (3, _remap),
    "retire": (3, _retire),
    "rules": (3, mishaps.rules),
    "kill": (6, mishaps.kill),
    "second": (2, mishaps.second),
    "stall": (4, mishaps.stall),
    "skew": (1, mishaps.skew),
    "stop": (2, mishaps.stop),
    "order of the day": (4, mishaps.order_of_the_day),
    "outage": (2, mishaps.outage),
    "expire": (1, mishaps.expire),
    "blind": (1, mishaps.blind),
}
"""What happens how often in a run, in the mean."""


def draw(kind: str, seed: int, first: int, last: int) -> list[Event]:
    """Return the events of a run."""
    dice = Random(f"events:{kind}:{seed}")
    found = list[Event]()
    for what, (many, _) in KINDS.items():
        # A third of the runs has none of it, so that each is met in many companies.
        mean = 0 if dice.random() < 0.33 and what not in ("sale", "elsewhere") else many
        times = range(dice.randint(0, 2 * mean))
        found += [Event(dice.randint(first, last), what, dice.randrange(2**32)) for _ in times]
    return sorted(found)


def happen(world: World, event: Event) -> None:
    """Let an event happen."""
    KINDS[event.what][1](Doing(world, Random(event.seed)))
