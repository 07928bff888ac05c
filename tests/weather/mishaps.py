"""What happens in bad weather to the publishers and on their way to the channel."""

from dataclasses import replace

from schemas.settings import Rules
from schemas.words import Command
from tests.weather.doing import LONG_MS, Doing


def rules(do: Doing) -> None:
    """Change the rules."""
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


def kill(do: Doing) -> None:
    """Kill the publisher; another one begins."""
    life = do.world.owner()
    if life is not None:
        life.end("is killed")
        do.world.clock.at(do.world.clock.now + do.dice.randint(0, 40_000), do.world.start)


def second(do: Doing) -> None:
    """Let a second one take over."""
    do.world.start()


def stall(do: Doing) -> None:
    """Stop the process for a while."""
    life, world = do.world.owner(), do.world
    if life is not None:
        life.stalled_until = world.clock.now + do.dice.randint(500, 40_000)
        world.say(f"life {life.number} is stopped until {life.stalled_until}")
        if do.dice.random() < 0.5:
            world.clock.at(world.clock.now + do.dice.randint(100, 15_000), world.start)


def skew(do: Doing) -> None:
    """Set the publishers' clock forward."""
    do.world.skew += do.dice.randint(500, 60_000)


def stop(do: Doing) -> None:
    """Close the gate, and open it again."""
    do.world.command(do.dice.choice([Command.STOP, Command.SHADOW]))
    after = do.dice.randint(500, LONG_MS // 2)
    do.world.clock.at(do.world.clock.now + after, lambda: do.world.command(Command.ENABLE))


def order_of_the_day(do: Doing) -> None:
    """Give a command."""
    word = do.dice.choice([Command.REPLAY, Command.DISCARD, Command.RECONCILE, Command.BRAKE_RELEASE])
    do.world.command(word, do.sku() if word is Command.REPLAY and do.dice.random() < 0.5 else None)


def outage(do: Doing) -> None:
    """Let everything fail for a while."""
    world = do.world
    world.sky.down_until = world.clock.now + do.dice.choice(
        [do.dice.randint(1_000, 60_000), do.dice.randint(60_000, 900_000)]
    )
    world.sky.down = do.dice.choice(["503", "unsent", "lost before", "lost after", "500 after", "429", "garbage"])
    world.say(f"outage {world.sky.down} until {world.sky.down_until}")


def expire(do: Doing) -> None:
    """Let the secrets expire, and be renewed."""
    world = do.world
    world.sky.expired = True

    def renew() -> None:
        world.sky.expired = False
        for life in world.lives:
            if life.alive:
                life.controller.secrets_changed()

    world.clock.at(world.clock.now + do.dice.randint(1_000, LONG_MS // 2), renew)


def blind(do: Doing) -> None:
    """Let the order poll fail for a while."""
    world = do.world
    world.polls = False

    def see() -> None:
        world.polls = True

    world.clock.at(world.clock.now + do.dice.randint(30_000, LONG_MS), see)
