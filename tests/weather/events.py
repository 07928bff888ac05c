"""What happens in a run's bad weather: each event draws its own targets, so that others may be left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from schemas.settings import Rules
from schemas.words import AdjustmentKind, Command
from tests.weather import catalogue
from tests.weather.world import World, partition_of

LONG_MS = 400_000


class Event(NamedTuple):
    """Something that happens `at` ms after the start, with dice of its own."""

    at: int
    what: str
    seed: int


@dataclass(frozen=True, slots=True)
class Doing:
    """An event that is happening."""

    world: World
    dice: Random

    def sku(self) -> str:
        """Return some SKU."""
        return f"SKU-{self.dice.randrange(self.world.skus):02}"

    def name(self) -> str:
        """Return some listing."""
        return self.dice.choice([*self.world.mapping])

    def heard_in(self) -> int | None:
        """Return when a webhook comes: soon, late or never."""
        roll = self.dice.random()
        return self.dice.randint(200, 2_000) if roll < 0.6 else self.dice.randint(2_000, 90_000) if roll < 0.8 else None


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


def _rules(do: Doing) -> None:
    dice, world = do.dice, do.world
    some = [
        Rules(),
        Rules(buffer=dice.randint(1, 3)),
        Rules(percent=50),
        Rules(max=4),
        Rules(floor=3),
        Rules(paused=True),
    ]
    own = {do.sku(): dice.choice(some) for _ in range(3)}
    world.say(f"rules {own}")
    world.settings = replace(world.settings, rules=dice.choice(some[:5]), sku_rules=own)


def _kill(do: Doing) -> None:
    life = do.world.owner()
    if life is not None:
        life.end("is killed")
        do.world.clock.at(do.world.clock.now + do.dice.randint(0, 40_000), do.world.start)


def _second(do: Doing) -> None:
    do.world.start()


def _stall(do: Doing) -> None:
    life, world = do.world.owner(), do.world
    if life is not None:
        life.stalled_until = world.clock.now + do.dice.randint(500, 40_000)
        world.say(f"life {life.number} is stopped until {life.stalled_until}")
        if do.dice.random() < 0.5:
            world.clock.at(world.clock.now + do.dice.randint(100, 15_000), world.start)


def _skew(do: Doing) -> None:
    do.world.skew += do.dice.randint(500, 60_000)


def _stop(do: Doing) -> None:
    do.world.command(do.dice.choice([Command.STOP, Command.SHADOW]))
    after = do.dice.randint(500, LONG_MS // 2)
    do.world.clock.at(do.world.clock.now + after, lambda: do.world.command(Command.ENABLE))


def _order_of_the_day(do: Doing) -> None:
    word = do.dice.choice([Command.REPLAY, Command.DISCARD, Command.RECONCILE, Command.BRAKE_RELEASE])
    do.world.command(word, do.sku() if word is Command.REPLAY and do.dice.random() < 0.5 else None)


def _outage(do: Doing) -> None:
    world = do.world
    world.sky.down_until = world.clock.now + do.dice.choice(
        [do.dice.randint(1_000, 60_000), do.dice.randint(60_000, 900_000)]
    )
    world.sky.down = do.dice.choice(["503", "unsent", "lost before", "lost after", "500 after", "429", "garbage"])
    world.say(f"outage {world.sky.down} until {world.sky.down_until}")


def _expire(do: Doing) -> None:
    world = do.world
    world.sky.expired = True

    def renew() -> None:
        world.sky.expired = False
        for life in world.lives:
            if life.alive:
                life.controller.secrets_changed()

    world.clock.at(world.clock.now + do.dice.randint(1_000, LONG_MS // 2), renew)


def _blind(do: Doing) -> None:
    world = do.world
    world.polls = False

    def see() -> None:
        world.polls = True

    world.clock.at(world.clock.now + do.dice.randint(30_000, LONG_MS), see)


KINDS: Mapping[str, tuple[int, Callable[[Doing], None]]] = {
    "sale": (160, _sale),
    "cancel": (12, _cancel),
    "elsewhere": (60, _elsewhere),
    "count": (25, _count),
    "add": (25, _add),
    "import": (2, _import),
    "pause": (8, _pause),
    "edit": (10, _edit),
    "delete": (2, _delete),
    "new": (3, _new),
    "remap": (3, _remap),
    "retire": (3, _retire),
    "rules": (3, _rules),
    "kill": (6, _kill),
    "second": (2, _second),
    "stall": (4, _stall),
    "skew": (1, _skew),
    "stop": (2, _stop),
    "order of the day": (4, _order_of_the_day),
    "outage": (2, _outage),
    "expire": (1, _expire),
    "blind": (1, _blind),
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
