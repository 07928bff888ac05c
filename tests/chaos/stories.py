"""
Who buys what and what happens to the order: drawn from a seed before anything runs (pure).

Times are milliseconds of the run; a delay of a webhook is in seconds of the stand-in's unscaled time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.facts import Facts

PLAIN = 24
BARE = 3
SETS = 2
MINUTE_S = 60.0
LAST = 0.9
"""When in the run the last order is placed: its changes come later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of an order: `after_ms` the one before; `line` is a place in the order, `listing` a shelf's name."""

    verb: str
    after_ms: int = 0
    line: int = 0
    units: int = 0
    restock: bool = True
    listing: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One order: when it is placed, its (shelf, units), how late its webhook is sent at least, and what follows."""

    name: str
    at_ms: int
    basket: Sequence[tuple[str, int]]
    delay_s: float = 0.0
    steps: Sequence[Step] = ()

    @property
    def at_once(self) -> bool:
        """Whether the next change follows in the same second."""
        return bool(self.steps) and self.steps[0].after_ms == 0


def plain(number: int) -> str:
    """Return the name of a SKU that every channel sells under that name."""
    return f"CH-{number:02d}"


def bare(number: int) -> str:
    """Return the SKU that a listing without one stands for, once it is mapped."""
    return f"BARE-{number}"


def bundle(number: int) -> str:
    """Return the name of a bundle."""
    return f"SET-{number}"


ALIAS = "OLD NAME-1"
"""What every channel calls a SKU that we know under another name."""
PLAINS = tuple(plain(number) for number in range(PLAIN))
BARES = tuple(bare(number) for number in range(BARE))
BUNDLES = tuple(bundle(number) for number in range(SETS))
Make = Callable[[Random], tuple[float, Sequence[Step]]]


def _soon(dice: Random) -> int:
    return dice.randint(200, 5_000)


def _late(dice: Random) -> float:
    return dice.uniform(1, 5) * MINUTE_S


def _cancel(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="cancel", after_ms=_soon(dice)),)


def _cancel_at_once(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="cancel", delay_s=_late(dice) if dice.random() < 0.5 else 0.0),)


def _cancel_before_create(dice: Random) -> tuple[float, Sequence[Step]]:
    return _late(dice), (Step(verb="cancel"),)


def _keep(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="cancel", after_ms=_soon(dice), restock=False),)


def _edit(dice: Random) -> tuple[float, Sequence[Step]]:
    some = [Step(verb="edit", after_ms=_soon(dice), units=dice.randint(0, 6), restock=dice.random() < 0.8)]
    if dice.random() < 0.3:
        some.append(Step(verb="edit", after_ms=_soon(dice), units=dice.randint(0, 6)))
    return 0.0, some


def _less(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="edit", after_ms=_soon(dice), line=dice.randint(0, 1)),)


def _refund(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="refund", after_ms=_soon(dice), units=1, restock=dice.random() < 0.5),)


def _money(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="refund", after_ms=_soon(dice), units=1, restock=False),)


def _swap(dice: Random) -> tuple[float, Sequence[Step]]:
    some = [Step(verb="swap", after_ms=_soon(dice), listing=dice.choice(PLAINS)) for _ in range(dice.randint(1, 2))]
    return 0.0, (*some, *([Step(verb="cancel", after_ms=_soon(dice))] if dice.random() < 0.3 else ()))


def _remove(dice: Random) -> tuple[float, Sequence[Step]]:
    return 0.0, (Step(verb="remove", after_ms=_soon(dice), line=dice.randint(0, 1)),)


def _exchange(dice: Random) -> tuple[float, Sequence[Step]]:
    off = Step(verb="edit", after_ms=_soon(dice))
    return 0.0, (off, Step(verb="add", units=dice.randint(1, 3), listing=dice.choice(PLAINS)))


STORIES: Sequence[tuple[str, str, int, Make]] = (
    ("sale", "", 40, lambda _: (0.0, ())),
    ("cancel", "", 8, _cancel),
    ("cancel at once", "", 8, _cancel_at_once),
    ("cancel before create", "", 8, _cancel_before_create),
    ("cancel without restock", "keep", 5, _keep),
    ("edit", "edit", 10, _edit),
    ("a line is cancelled", "less", 9, _less),
    ("refund", "refund", 9, _refund),
    ("refund of money", "money", 9, _money),
    ("another product", "swap", 9, _swap),
    ("a line leaves", "remove", 9, _remove),
    ("exchange", "exchange", 9, _exchange),
)
"""Name, what the vendor must have for it (`Facts.can`), its weight, and how it goes."""


def draw(seed: str, facts: Facts, orders: int, length_ms: int) -> list[Story]:
    """Return the orders of one account, by time."""
    dice = Random(seed)
    possible = [row for row in STORIES if not row[1] or row[1] in facts.can]
    shelves = (*PLAINS, *BUNDLES * 3, *(BARES * 2 if facts.nameless else ()), ALIAS, ALIAS)
    stories = []
    for at in sorted(dice.randrange(round(length_ms * LAST)) for _ in range(orders)):
        name, _, _, make = dice.choices(possible, [weight for _, _, weight, _ in possible])[0]
        # Two lines at least: one may leave, and the order is still one.
        wanted = [(dice.choice(shelves), dice.randint(1, 4)) for _ in range(dice.randint(2, 4))]
        if name == "another product":
            wanted[0] = (dice.choice(PLAINS), dice.randint(1, 4))
        delay_s, steps = make(dice)
        stories.append(Story(name=name, at_ms=at, basket=wanted, delay_s=delay_s, steps=steps))
    return stories
