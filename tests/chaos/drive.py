"""The run itself: every order's story by the clock, what happens beside them, and the wait for rest."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from tests.chaos.evidence import Evidence, Finding
from tests.chaos.happenings import Act, happenings
from tests.chaos.oracle import judge
from tests.chaos.shops import Placed, Shop
from tests.chaos.state import Run
from tests.chaos.stories import Step, Story

SETTLED_S = 12.0
"""Longer than a poller waits before it believes a second to be over (10 s)."""
LOOK_S = 0.7
REST_MAX = 6


async def play(run: Run) -> None:
    """Tell every story, with everything else in the middle."""
    run.began, run.phase = time.monotonic(), "orders"
    async with asyncio.TaskGroup() as group:
        for share, act in happenings(run):
            group.create_task(_at(run, share, act))
        for shop in run.shops:
            group.create_task(_tell_all(run, shop, group))
    run.phase = "coming to rest"


async def _at(run: Run, share: float, act: Act) -> None:
    await asyncio.sleep(max(0.0, run.length_s * share - run.clock_s))
    await act(run)


async def _tell_all(run: Run, shop: Shop, group: asyncio.TaskGroup) -> None:
    for story in run.stories[shop.account.name]:
        await asyncio.sleep(max(0.0, story.at_ms / 1_000 - run.clock_s))
        group.create_task(_tell(run, shop, story))


async def _tell(run: Run, shop: Shop, story: Story) -> None:
    if story.at_once and time.time() % 1 > 0.8:
        await asyncio.sleep(0.25)  # both changes in one second, as the vendor's clock has it
    order = await shop.place(story.basket, delay_s=story.delay_s)
    run.counts["orders"] += 1
    run.counts[story.name] += 1
    for step in story.steps:
        await asyncio.sleep(step.after_ms / 1_000)
        await VERBS[step.verb](shop, order, step)


async def _cancel(shop: Shop, order: Placed, step: Step) -> None:
    await shop.post("cancel", order_id=order.order, restock=step.restock, delay_s=step.delay_s)


async def _edit(shop: Shop, order: Placed, step: Step) -> None:
    line = order.lines[step.line]
    await shop.post("edit", order_id=order.order, line_id=line, qty=step.units, restock=step.restock)


async def _refund(shop: Shop, order: Placed, step: Step) -> None:
    kind = "return" if step.restock else "no_restock"
    lines = [{"line_id": order.lines[step.line], "qty": step.units}]
    await shop.post("refund", order_id=order.order, lines=lines, restock_type=kind)


async def _swap(shop: Shop, order: Placed, step: Step) -> None:
    to = shop.shelves[step.listing]["listing"]
    await shop.post("swap", order_id=order.order, line_id=order.lines[step.line], listing=to)


async def _remove(shop: Shop, order: Placed, step: Step) -> None:
    await shop.post("remove", order_id=order.order, line_id=order.lines[step.line])


async def _add(shop: Shop, order: Placed, step: Step) -> None:
    await shop.place([(step.listing, step.units)], order_id=order.order)


VERBS: Mapping[str, Callable[[Shop, Placed, Step], Awaitable[None]]] = {
    "cancel": _cancel,
    "edit": _edit,
    "refund": _refund,
    "swap": _swap,
    "remove": _remove,
    "add": _add,
}


async def rest(run: Run) -> tuple[Evidence, Counter[str], list[Finding]]:
    """Wait until the oracle finds nothing; return what it finds once nothing gets better, or at the deadline."""
    began = better = time.monotonic()
    await asyncio.gather(*(shop.post("faults", clear=True) for shop in run.shops))
    clean, least = 0, sys.maxsize
    while True:
        evidence, counts, pending = await run.evidence()
        found = [*run.ended(), *await asyncio.to_thread(judge, evidence)]
        now = time.monotonic()
        if len(found) + pending < least:
            least, better = len(found) + pending, now
        # Webhooks may still be on their way: those signed with a secret that is out of force, on a ladder of hours.
        clean = 0 if found else clean + 1
        run.counts["still_trying"] = pending
        first = f", the first: {found[0].text}" if found else ""
        run.phase = f"coming to rest: {pending} webhooks on their way, {len(found)} findings{first}"
        if (clean > 1 and now - began > SETTLED_S) or now - better > run.rest_s or now - began > REST_MAX * run.rest_s:
            return evidence, counts, found
        await asyncio.sleep(LOOK_S)
