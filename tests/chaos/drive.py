"""The run itself: every order's story by the clock, the weather, what happens in the middle, and the wait for rest."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.evidence import Evidence, Finding
from tests.chaos.oracle import judge
from tests.chaos.reading import Reader
from tests.chaos.shops import FIRST, Placed, Shop, changes, meaning, rows
from tests.chaos.stories import BARES, PLAINS, Step, Story
from tests.chaos.world import World

STOCK = 100_000
OLD = 10
YEAR_MS = 365 * 86_400_000
MINUTE_IS_S = 1.0
"""The clock of delays and retries: a minute of theirs in a second of ours, so that 10 min of delay are 10 s."""
WEATHER = {"duplicate_webhooks": 0.10, "delay_webhooks": 0.15, "delay_up_to_s": 600.0}
DROPPED = 0.05
SETTLED_S = 12.0
"""Longer than a poller waits before it believes a second to be over (10 s)."""
LOOK_S = 0.7
MAPPED_S = 1.5
"""How long the services have to hear of a listing before orders are touched that need it."""


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way."""

    world: World
    shops: Sequence[Shop]
    stories: Mapping[str, Sequence[Story]]
    length_s: float
    kills: Sequence[str]
    rest_s: float
    reader: Reader
    began: float = 0.0
    killed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    phase: str = "opening"

    @property
    def clock_s(self) -> float:
        """Seconds since the first order could come."""
        return time.monotonic() - self.began if self.began else 0.0

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
            replays=self.world.replays,
        )
        counted = sum((counts for _, counts, _ in books), Counter[str]())
        return evidence, counted, sum(pending for _, _, pending in books)


async def opening(run: Run) -> None:
    """Fill the shelves, sell what was sold last year, map what is mapped from the start, and start the product."""
    await asyncio.gather(*(shop.stock() for shop in run.shops))
    then = run.world.since - YEAR_MS
    for shop in run.shops:
        for number in range(OLD):
            basket = [(PLAINS[number % len(PLAINS)], 2), (PLAINS[-1], 1)]
            await shop.place(basket, created_at=then + number * 60_000)
    world = run.world
    stock = [{"sku": sku, "qty": STOCK} for sku in (*PLAINS, *BARES)]
    await asyncio.to_thread(world.import_rows, "stock.csv", stock)
    await asyncio.to_thread(world.import_rows, "listings.csv", [row for shop in run.shops for row in rows(shop, FIRST)])
    await asyncio.to_thread(world.start)
    for shop in run.shops:
        more: dict[str, Any] = {"topics": [*shop.facts.topics]} if shop.facts.topics else {}
        answer = await shop.post("webhook", url=shop.account.inbox, time_scale=MINUTE_IS_S / 60, **more)
        if not answer["active"]:
            raise RuntimeError(f"{shop.account.name} did not activate its webhooks")
        await shop.post("faults", **WEATHER, drop_webhooks=DROPPED if shop.facts.polls else 0.0)


async def play(run: Run) -> None:
    """Tell every story, with everything else in the middle."""
    run.began, run.phase = time.monotonic(), "orders"
    async with asyncio.TaskGroup() as group:
        for share, act in _happenings(run):
            group.create_task(_at(run, share, act))
        for shop in run.shops:
            group.create_task(_tell_all(run, shop, group))
    run.phase = "coming to rest"


def _happenings(run: Run) -> list[tuple[float, Callable[[Run], Awaitable[None]]]]:
    """Return what happens beside the orders, and when, as a share of the run."""
    fixed = [(0.25, both_secrets), (0.30, rotate), (0.60, new_secret), (0.45, archive), (0.55, remap)]
    times = [(turn + 1) / (len(run.kills) + 1) for turn in range(len(run.kills))]
    return [*fixed, *((share, _killing(name)) for share, name in zip(times, run.kills, strict=True))]


async def _at(run: Run, share: float, act: Callable[[Run], Awaitable[None]]) -> None:
    await asyncio.sleep(max(0.0, run.length_s * share - run.clock_s))
    await act(run)


def _killing(name: str) -> Callable[[Run], Awaitable[None]]:
    async def kill(run: Run) -> None:
        await asyncio.to_thread(run.world.kill, name)
        run.killed.append(name)

    return kill


async def both_secrets(run: Run) -> None:
    """The operator puts the next secret beside the one in force."""
    for shop in _rotating(run):
        run.world.give_secrets(shop.account, _next(shop), shop.account.webhook_secret)


async def rotate(run: Run) -> None:
    """The channels sign with the next secret from now on."""
    await asyncio.gather(*(shop.post("secret", webhook=_next(shop)) for shop in _rotating(run)))


async def new_secret(run: Run) -> None:
    """The operator takes the old secret out of force."""
    for shop in _rotating(run):
        run.world.give_secrets(shop.account, _next(shop))


def _rotating(run: Run) -> list[Shop]:
    return [shop for shop in run.shops if shop.facts.rotates]


def _next(shop: Shop) -> str:
    """Return the secret that follows an account's first one."""
    return shop.facts.secret(hashlib.sha256(shop.account.webhook_secret.encode()).hexdigest()[:40])


async def archive(run: Run) -> None:
    """Somebody archives last year's orders, and cancels some of them."""
    for shop in run.shops:
        for number, order in enumerate(shop.old):
            await shop.post("cancel" if number % 3 == 0 else "touch", order_id=order.order)
            run.counts["old_touched"] += 1


async def remap(run: Run) -> None:
    """The operator maps the rest and changes bundles; then orders with them change, and move to what is meant now."""
    new = [row for shop in run.shops for row in rows(shop, changes(shop.facts))]
    if not new:
        return
    await asyncio.to_thread(run.world.import_rows, "listings-2.csv", new)
    await asyncio.sleep(MAPPED_S)
    for shop in run.shops:
        moved = {name for name in changes(shop.facts) if name not in BARES or not run.world.replays}
        for order in [order for order in shop.placed if moved & {*order.shelves}]:
            await shop.post("touch", order_id=order.order)
            run.counts["moved"] += 1


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
    """Wait until nothing is under way and the oracle finds nothing; at the deadline return what it finds."""
    began = time.monotonic()
    await asyncio.gather(*(shop.post("faults", clear=True) for shop in run.shops))
    clean = 0
    while True:
        evidence, counts, pending = await run.evidence()
        found = await asyncio.to_thread(judge, evidence)
        waited = time.monotonic() - began
        # Webhooks may still be on their way: those signed with a secret that is out of force, on a ladder of hours.
        clean = 0 if found else clean + 1
        run.counts["still_trying"] = pending
        first = f", the first: {found[0].text}" if found else ""
        run.phase = f"coming to rest: {pending} webhooks on their way, {len(found)} findings{first}"
        if (clean > 1 and waited > SETTLED_S) or waited > run.rest_s:
            return evidence, counts, found
        await asyncio.sleep(LOOK_S)
