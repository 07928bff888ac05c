"""One run from its bad weather to its judgement."""

from collections.abc import Sequence

from schemas.words import AdjustmentKind, Command
from tests.weather import events, judge
from tests.weather.events import Event
from tests.weather.sky import FAULTS
from tests.weather.world import START_MS, World

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
WEATHER = (60 * SECOND, 25 * MINUTE)
CALM_MS = 2 * HOUR + 30 * MINUTE
QUIET_MS = HOUR
FAIR_MS = 10 * MINUTE
LAST_MS = 40 * MINUTE


def run(
    kind: str,
    seed: int,
    *,
    happening: Sequence[Event] | None = None,
    faults: tuple[str, ...] = FAULTS,
    traced: bool = False,
) -> tuple[list[str], World]:
    """Make a run; returns what does not hold, and the world as it is in the end."""
    world = World(kind, seed, faults=faults, traced=traced)
    found: list[str] = []
    try:
        found = _run(world, events.draw(kind, seed, *WEATHER) if happening is None else happening)
    except Exception as error:  # noqa: BLE001 - whatever the core raises is what is looked for
        import traceback

        world.say(traceback.format_exc())
        found = [f"crashed: {error!r:.200}"]
    return found, world


def _run(world: World, happening: Sequence[Event]) -> list[str]:
    clock, dice = world.clock, world.dice_for("sky's share")
    world.clock.at(START_MS + 5_000, world.start)
    for event in happening:
        clock.at(START_MS + event.at, lambda event=event: events.happen(world, event))  # type: ignore[misc] # its own event
    share, hiccup = dice.choice([0.0, 0.02, 0.1, 0.3]), dice.choice([0.0, 0.0, 0.01, 0.05])

    def begin() -> None:
        world.sky.share, world.shop.hiccup, world.shop.bad = share, hiccup, True

    clock.at(START_MS + WEATHER[0], begin)
    clock.run(START_MS + WEATHER[1] + 8 * MINUTE)
    _clear_up(world)
    calm_at = clock.now
    clock.run(calm_at + CALM_MS)
    found = [*judge.settled(world), *judge.letters(world)]
    quiet_at = clock.now
    requests = world.shop.requests
    clock.run(quiet_at + QUIET_MS)
    found += [*judge.settled(world), *judge.quiet(world, calm_at, quiet_at, world.shop.requests - requests)]
    _fair(world)
    watch = judge.Watch(world)
    world.every(clock.now, SECOND, clock.now + FAIR_MS + MINUTE, watch.look)
    clock.run(clock.now + FAIR_MS + LAST_MS)
    found += [*watch.faults(), *judge.settled(world), *judge.letters(world), *judge.refused(world)]
    return list(dict.fromkeys(found))


def _clear_up(world: World) -> None:
    """End the bad weather: what people would mend is mended, and what was given up is asked for again."""
    world.say("the weather clears up")
    world.sky.share = world.shop.hiccup = 0.0
    world.sky.expired, world.shop.bad, world.polls = False, False, True
    world.sky.down_until = 0
    if world.owner() is None:
        world.start()
    for life in world.lives:
        life.controller.secrets_changed()
    for sku in [*world.hub.levels]:
        world.hub.adjust(sku, AdjustmentKind.RESUME)
    for word in (Command.ENABLE, Command.BRAKE_RELEASE, Command.REPLAY):
        world.command(word)
    now = world.clock.now
    for after in (20 * MINUTE, 60 * MINUTE):
        for word in (Command.REPLAY, Command.BRAKE_RELEASE):
            world.clock.at(now + after, lambda word=word: world.command(word))  # type: ignore[misc] # its own word


def _fair(world: World) -> None:
    """Let people buy in fair weather, with webhooks that come."""
    dice, now = world.dice_for("fair"), world.clock.now
    names, skus = [*world.mapping], [f"SKU-{number:02}" for number in range(world.skus)]

    def buy() -> None:
        world.sell(dice.choice(names), 1, heard_in=dice.randint(200, 2_000))

    for _ in range(60):
        at = now + dice.randrange(FAIR_MS)
        world.clock.at(at, buy)
        world.clock.at(at + 7, lambda: world.elsewhere(dice.choice(skus), dice.randint(1, 3)))
    for _ in range(2):
        clock_at = now + dice.randrange(FAIR_MS)
        world.clock.at(clock_at, lambda: world.lives[-1].end("is replaced"))
        world.clock.at(clock_at + 100, world.start)
    for _ in range(20):
        at, sku, number = now + dice.randrange(FAIR_MS), dice.choice(skus), dice.randint(0, 9)
        world.clock.at(at, lambda sku=sku, number=number: world.hub.adjust(sku, AdjustmentKind.SET, number))  # type: ignore[misc] # its own
