"""The run itself: shoppers by the clock, an outage, a kill, and the wait for rest."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial

from compose.flashsale.demand import Demand, Wish
from compose.flashsale.deployment import Deployment
from compose.flashsale.evidence import Evidence
from compose.flashsale.oracle import Judgement, judge
from compose.flashsale.shops import Control
from compose.flashsale.witness import Witness
from compose.runner.errors import CannotRun

OUTAGE_S = 10
OUTAGE_AFTER = 0.3
"""Where in the flash sale the outage begins, as a share of its length."""
DOWN_S = 1.0
"""How long a killed service stays away: what a cluster needs to start it again."""
REST_S = 120.0
POLL_S = 0.5
IN_STEP_S = 60.0


class NotInStep(CannotRun):
    """The shops did not show the initial stock in time."""


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way: who takes part, and what has happened so far."""

    demand: Demand
    deployment: Deployment
    shops: Sequence[Control]
    witness: Witness
    respect_levels: bool
    kills: Sequence[str]
    results: Counter[str] = field(default_factory=Counter)
    events: list[str] = field(default_factory=list)
    began: float = 0.0
    phase: str = "filling the shelves"

    @property
    def clock_ms(self) -> int:
        """Milliseconds since the first shopper could come."""
        return int((time.monotonic() - self.began) * 1000) if self.began else 0

    async def evidence(self) -> tuple[Evidence, int]:
        """Collect what the oracle looks at, and how many webhooks are still on their way."""
        if self.witness.failure is not None:
            raise RuntimeError(f"the witness cannot read: {self.witness.failure}")
        reports = await asyncio.gather(*(shop.report() for shop in self.shops))
        evidence = Evidence(
            stock=self.demand.stock, shops=[shop for shop, _ in reports], topics=self.witness.snapshot()
        )
        return evidence, sum(pending for _, pending in reports)


async def in_step(run: Run) -> None:
    """Wait until every shop shows the whole stock; raises `NotInStep` after a minute."""
    deadline = time.monotonic() + IN_STEP_S
    while True:
        levels = await asyncio.gather(*(shop.levels() for shop in run.shops))
        missing = sum(1 for shown in levels for sku, qty in run.demand.stock.items() if shown.get(sku) != qty)
        if missing == 0:
            return
        if time.monotonic() > deadline:
            raise NotInStep(f"after {IN_STEP_S:g} s {missing} listings do not show the stock yet; see the logs")
        await asyncio.sleep(POLL_S)


async def play(run: Run) -> None:
    """Let every shopper come at their time, with the outage and the kill in the middle of the flash sale."""
    run.began, run.phase = time.monotonic(), "the day" if run.demand.flash_run_at else "the orders"
    shops = {shop.account.name: shop for shop in run.shops}
    async with asyncio.TaskGroup() as group:
        for happening in _happenings(run):
            group.create_task(happening)
        for wish in run.demand.wishes:
            await asyncio.sleep(max(0.0, (wish.run_at - run.clock_ms) / 1000))
            run.phase = "the flash sale" if wish.flash else run.phase
            group.create_task(_shop(run, shops[wish.channel], wish))
    run.phase = "coming to rest"


async def _shop(run: Run, shop: Control, wish: Wish) -> None:
    run.results[await shop.sell(wish, respect_levels=run.respect_levels)] += 1


def _happenings(run: Run) -> list[Coroutine[None, None, None]]:
    shares = [(turn + 1) / (len(run.kills) + 1) for turn in range(len(run.kills))]
    kills = [_after(run, share, partial(_kill, name)) for share, name in zip(shares, run.kills, strict=True)]
    return [_after(run, OUTAGE_AFTER, _outage), *kills]


async def _after(run: Run, share: float, act: Callable[[Run], Awaitable[None]]) -> None:
    start, end = _rush(run.demand)
    await asyncio.sleep(max(0.0, (start + (end - start) * share - run.clock_ms) / 1000))
    await act(run)


def _rush(demand: Demand) -> tuple[int, int]:
    """Return when the flash sale begins and ends in the run; a history without one is a rush as a whole."""
    return demand.flash_run_at or 0, demand.wishes[-1].run_at


async def _outage(run: Run) -> None:
    shop = next((shop for shop in run.shops if shop.account.kind == "woocommerce"), None)
    if shop is None:
        return
    run.events.append(f"{shop.account.name}: API down for {OUTAGE_S} s")
    await shop.faults(outage_s=OUTAGE_S, outage_scope=["api"])


async def _kill(name: str, run: Run) -> None:
    """Kill -9 the services called `name`, leave them dead for a moment, start them again."""
    children = run.deployment.matching(name)
    for child in children:
        child.kill()
        run.events.append(f"{child.launch.name}: kill -9")
    for child in children:
        await asyncio.to_thread(child.wait)
    await asyncio.sleep(DOWN_S)
    await asyncio.gather(*(asyncio.to_thread(child.start) for child in children))
    run.events.extend(f"{child.launch.name}: back" for child in children)


async def rest(run: Run) -> tuple[Evidence, Judgement]:
    """Wait until nothing is under way and the oracle finds nothing; after two minutes return what it finds."""
    deadline = time.monotonic() + REST_S
    quiet = 0
    while True:
        evidence, pending = await run.evidence()
        verdict = judge(evidence)
        quiet = quiet + 1 if verdict.clean and pending == 0 else 0
        if quiet > 1 or time.monotonic() > deadline:
            return evidence, verdict
        await asyncio.sleep(POLL_S)
