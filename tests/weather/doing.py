"""An event of a run while it happens: the world, and dice of its own."""

from dataclasses import dataclass
from random import Random

from tests.weather.world import World

LONG_MS = 400_000
"""The longest that most of what happens lasts."""


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
