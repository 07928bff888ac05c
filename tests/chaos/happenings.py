"""What happens beside the orders: the opening, secrets, archives, listings mapped anew, and services killed."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp

from compose.runner.errors import CannotRun
from tests.chaos.shops import FIRST, Shop, changes, rows
from tests.chaos.state import STOCK, Run
from tests.chaos.stories import BARES, PLAINS

YEAR_MS = 365 * 86_400_000
MINUTE_IS_S = 1.0
"""The clock of delays and retries: a minute of theirs in a second of ours, so that 10 min of delay are 10 s."""
WEATHER = {"duplicate_webhooks": 0.10, "delay_webhooks": 0.15, "delay_up_to_s": 600.0}
DROPPED = 0.05
MAPPED_S = 1.5
"""How long the services have to hear of a listing before orders are touched that need it."""
PROVED, UNPROVED, AWAY = 400, 401, 503
"""What is no JSON is answered so, signed with a secret in force, and with another one; AWAY: asked again."""
KNOCKS_S = 20.0
Act = Callable[[Run], Awaitable[None]]


async def opening(run: Run) -> None:
    """Fill the shelves, sell what was sold last year, map what is mapped from the start, and start the product."""
    await asyncio.gather(*(shop.stock() for shop in run.shops))
    then = run.world.since - YEAR_MS
    for shop in run.shops:
        for number in range(run.old):
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
        repaired = shop.facts.polls and shop.facts.prompt
        await shop.post("faults", **WEATHER, drop_webhooks=DROPPED if repaired else 0.0)
        for word, wish in shop.facts.asides[0]:
            await shop.post(word, **wish)


def happenings(run: Run) -> Sequence[tuple[float, Act]]:
    """Return what happens beside the orders, and when, as a share of the run."""
    fixed = [(0.40, asides), (0.25, both_secrets), (0.30, rotate), (0.60, new_secret), (0.70, knock)]
    fixed += [(0.45, archive), (0.55, remap)]
    times = [(turn + 1) / (len(run.kills) + 1) for turn in range(len(run.kills))]
    return [*fixed, *((share, _killing(name)) for share, name in zip(times, run.kills, strict=True))]


def _killing(name: str) -> Act:
    async def kill(run: Run) -> None:
        try:
            await asyncio.to_thread(run.world.kill, name)
        except CannotRun as error:
            run.broken.append(f"{name} does not start again: {error}")
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


async def knock(run: Run) -> None:
    """Somebody tries both secrets at every address: the new one opens, the one that is out of force does not."""
    for shop in _rotating(run):
        if shop.facts.sign is None:
            continue
        tries = (
            ("new_secret_accepted", _next(shop), PROVED),
            ("old_secret_refused", shop.account.webhook_secret, UNPROVED),
        )
        for word, secret, wanted in tries:
            status = await _answered(shop, secret)
            run.counts[word] += status == wanted
            if status != wanted:
                run.broken.append(f"{shop.account.name}: {word} is not so, the answer is {status}")


async def _answered(shop: Shop, secret: str) -> int:
    """Return the answer to a knock; a service that was just killed is asked again."""
    until, status = time.monotonic() + KNOCKS_S, AWAY
    while status == AWAY and time.monotonic() < until:
        try:
            status = await shop.knock(secret)
        except aiohttp.ClientError:
            status = AWAY
        if status == AWAY:
            await asyncio.sleep(0.2)
    return status


def _rotating(run: Run) -> list[Shop]:
    return [shop for shop in run.shops if shop.facts.rotates]


def _next(shop: Shop) -> str:
    """Return the secret that follows an account's first one."""
    return shop.facts.secret(hashlib.sha256(shop.account.webhook_secret.encode()).hexdigest()[:40])


async def asides(run: Run) -> None:
    """What only one vendor knows: orders out of the vendor's own stock, for instance."""
    for shop in run.shops:
        for word, wish in shop.facts.asides[1]:
            await shop.post(word, **wish)


async def archive(run: Run) -> None:
    """Somebody archives last year's orders, and cancels some of them."""
    for shop in run.shops:
        for number, order in enumerate(shop.old):
            await shop.post("cancel" if number % 3 == 0 else "touch", order_id=order.order)
            run.counts["old_touched"] += 1


async def remap(run: Run) -> None:
    """
    The operator maps the rest and changes bundles; then orders with those change, and move to what is meant now.

    What had no SKU until then is counted without another word of its channel.
    """
    new = [row for shop in run.shops for row in rows(shop, changes(shop.facts))]
    if not new:
        return
    await asyncio.to_thread(run.world.import_rows, "listings-2.csv", new)
    await asyncio.sleep(MAPPED_S)
    for shop in run.shops:
        moved = {name for name in changes(shop.facts) if name not in BARES}
        for order in [order for order in shop.placed if moved & {*order.shelves}]:
            await shop.post("touch", order_id=order.order)
            run.counts["moved"] += 1
