"""A run under way: who takes part, and what has happened so far."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.evidence import Evidence, Finding
from tests.chaos.reading import Reader
from tests.chaos.shops import Shop, meaning
from tests.chaos.stories import BARES, PLAINS, Story
from tests.chaos.world import World

STOCK = 100_000


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way."""

    world: World
    shops: Sequence[Shop]
    stories: Mapping[str, Sequence[Story]]
    length_s: float
    kills: Sequence[str]
    old: int
    rest_s: float  # how long nothing may get better before it counts as all there is
    reader: Reader
    began: float = 0.0
    killed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    phase: str = "opening"

    @property
    def clock_s(self) -> float:
        """Seconds since the first order could come."""
        return time.monotonic() - self.began if self.began else 0.0

    def ended(self) -> list[Finding]:
        """Return the services that did not live through it."""
        gone = [f"{name} ended by itself" for name, child in self.world.services.items() if not child.running]
        return [Finding("wrong", text) for text in (*self.broken, *gone)]

    async def evidence(self) -> tuple[Evidence, Counter[str], int]:
        """Return what the oracle looks at, what the senders counted, and how many webhooks are on their way."""
        books = await asyncio.gather(*(shop.books() for shop in self.shops))
        topics = await asyncio.to_thread(self.reader.drain)
        evidence = Evidence(
            stock=dict.fromkeys((*PLAINS, *BARES), STOCK),
            since={account.name: self.world.since for account in self.world.accounts},
            meaning={key: of_one for shop in self.shops for key, of_one in meaning(shop).items()},
            sold=[line for sold, _, _ in books for line in sold],
            topics=topics,
        )
        counted = sum((counts for _, counts, _ in books), Counter[str]())
        return evidence, counted, sum(pending for _, _, pending in books)
