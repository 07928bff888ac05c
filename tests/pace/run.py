"""
Orders at four shops in real time, and how soon every other shop shows the new level: `make pace`.

`make pace ARGS="--orders 847 --minutes 10 --seed 1"`: real Kafka, the whole product (ingest, processor, pollers, the
queue's reader, publishers with the documented limits), a stand-in of Shopify, Amazon, Etsy and WooCommerce that run
their vendors' limits.  An order's lag at another channel is from its moment at the till until that channel has taken
the level that the order made, or a newer one.  The last line of standard output is JSON; exit code 1 when a channel
shows another level than the hub in the end, or has not heard of an order within `--within` seconds though it had calls
to spare.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("shopify", "amazon", "etsy", "woocommerce")
STOCK, SKUS = 200, 60
LISTED_WITHIN_S, SETTLED_WITHIN_S = 180.0, 120.0
TAKEN = frozenset({"delivered", "accepted"})


class Stuck(Exception):  # noqa: N818 - named for what it says
    """Something that must happen did not, within its time."""


@dataclass(slots=True, kw_only=True)
class Sale:
    """One order: where, when at the till (ms), and its order line as the hub calls it."""

    channel: str
    at: int
    line: str


@dataclass(slots=True, kw_only=True)
class Heard:
    """What one channel's rows in `sync.log` say: by SKU (version, taken at), and how its calls were answered."""

    taken: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    throttled: int = 0

    def when(self, sku: str, version: int) -> int | None:
        """Return when the channel took this version of a level or a newer one, None where it never did."""
        return min((at for known, at in self.taken.get(sku, ()) if known >= version), default=None)


def main() -> int:
    """Run; returns the exit code."""
    sys.path.insert(0, str(ROOT))  # the stand-ins are part of the tree, not of the installed distribution
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    options = _arguments()
    from tests.pace.deployment import deployed

    began = time.monotonic()
    with deployed(KINDS, f"pace-{options.seed}") as world:
        found = asyncio.run(_run(world, options))
    late = [one for one in found["late"] if not one["throttled"]]
    line = {**found, "late": len(found["late"]), "seed": options.seed, "seconds": round(time.monotonic() - began, 1)}
    for one in found["late"][:20]:
        sys.stderr.write(f"late: {one}\n")
    sys.stdout.write(f"{json.dumps(line)}\n")
    return 1 if late or found["out_of_step"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How soon every shop knows of an order at another one.")
    parser.add_argument("--orders", type=int, default=847)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--within", type=float, default=8.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


async def _run(world: Any, options: argparse.Namespace) -> dict[str, Any]:
    import aiohttp

    from tests.chaos.shops import Shop

    async with aiohttp.ClientSession() as session:
        shops = [Shop(account=account, session=session) for account in world.accounts]
        skus = [f"PACE-{n:03}" for n in range(SKUS)]
        for shop in shops:
            products = [{"sku": sku, "quantity": 1} for sku in skus]
            shop.shelves = dict(zip(skus, (await shop.post("catalogue", products=products))["listings"], strict=True))
        await asyncio.to_thread(world.open, shops, skus, STOCK)
        for shop in shops:
            more: dict[str, Any] = {"topics": [*shop.facts.topics]} if shop.facts.topics else {}
            await shop.post("webhook", url=shop.account.inbox, **more)
        await _opened(shops, dict.fromkeys(skus, STOCK))
        sales = await _sell(shops, skus, options)
        out_of_step = await _settle(world, shops, skus)
    return {**_judged(world, sales, options), "out_of_step": out_of_step}


async def _sell(shops: Sequence[Any], skus: Sequence[str], options: argparse.Namespace) -> list[Sale]:
    """Let shoppers come, as many a minute all the time: some SKUs are wanted far more than others."""
    chance, sales = random.Random(options.seed), list[Sale]()
    weights = [1 / (rank + 1) for rank in range(len(skus))]
    began, length = time.monotonic(), options.minutes * 60
    times = sorted(chance.uniform(0, length) for _ in range(options.orders))
    for number, when in enumerate(times):
        await asyncio.sleep(max(0.0, began + when - time.monotonic()))
        shop, (sku,) = chance.choice(shops), chance.choices(skus, weights)
        at = time.time_ns() // 1_000_000
        answer = await shop.post("sell", lines=[{"listing": shop.shelves[sku]["listing"], "qty": 1}])
        if answer["result"] == "sold":
            order = f"{shop.account.name}_{answer['order_id']}_{answer['lines'][0]['line_id']}"
            sales.append(Sale(channel=shop.account.name, at=at, line=f"{order}|{sku}"))
        if number % 20 == 0 and sys.stderr.isatty():
            sys.stderr.write(f"\r{number} of {len(times)} orders")
    return sales


async def _opened(shops: Sequence[Any], wanted: Mapping[str, int]) -> None:
    """Wait for the first contact: every shop shows the stock; raises `Stuck` with those that do not."""
    ends = time.monotonic() + LISTED_WITHIN_S
    while behind := await _differing(shops, wanted):
        if time.monotonic() > ends:
            found = {name: len(numbers) for name, numbers in behind.items()}
            raise Stuck(f"not every shop shows the stock within {LISTED_WITHIN_S:g} s: {found}")
        await asyncio.sleep(0.5)


async def _differing(shops: Sequence[Any], wanted: Mapping[str, int]) -> dict[str, dict[str, list[int]]]:
    """Return, by shop and SKU, what shows and what should, where they differ."""
    found = {}
    for shop in shops:
        levels = (await shop.get("state"))["levels"]
        found[shop.account.name] = {sku: [levels[sku], n] for sku, n in wanted.items() if levels[sku] != n}
    return {name: differing for name, differing in found.items() if differing}


async def _settle(world: Any, shops: Sequence[Any], skus: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """Wait until every shop shows the hub's level; returns what differs in the end."""
    ends = time.monotonic() + SETTLED_WITHIN_S
    while wrong := await _differing(shops, await asyncio.to_thread(_levels, world, skus)):
        if time.monotonic() > ends:
            break
        await asyncio.sleep(1.0)
    return wrong


def _levels(world: Any, skus: Sequence[str]) -> dict[str, int]:
    newest = {record["sku"]: max(0, record["quantity"] or 0) for record in world.records("stock.level")}
    return {sku: newest[sku] for sku in skus}


def _judged(world: Any, sales: Sequence[Sale], options: argparse.Namespace) -> dict[str, Any]:
    """Hold what the topics say against the tills."""
    heard = {account.name: Heard() for account in world.accounts}
    for row in world.records("sync.log"):
        one = heard[row["channel"]]
        one.throttled += row["verdict"] == "throttled"
        if row["verdict"] in TAKEN:
            taken = (row["version"], row["startedAt"] + row["durationMs"])
            one.taken.setdefault(row["sku"], []).append(taken)
    versions = {f"{row['orderId']}|{row['sku']}": row for row in world.records("order.outcome") if row["version"]}
    lags: dict[str, list[int]] = {name: [] for name in heard}
    late, unknown = [], 0
    for sale in sales:
        outcome = versions.get(sale.line)
        unknown += outcome is None
        for name in heard if outcome else ():
            if name == sale.channel or outcome is None:
                continue
            at = heard[name].when(outcome["sku"], outcome["version"])
            lag = None if at is None else at - sale.at
            lags[name].append(10**9 if lag is None else lag)
            if lag is None or lag > options.within * 1_000:
                late.append({"at": name, "line": sale.line, "lag_ms": lag, "throttled": heard[name].throttled > 0})
    return {
        "orders": len(sales),
        "unknown": unknown,
        "channels": {name: _figures(found, heard[name]) for name, found in lags.items()},
        "late": late,
    }


def _figures(lags: list[int], heard: Heard) -> dict[str, int]:
    ranked = sorted(lags)
    at = {name: ranked[min(len(ranked) - 1, len(ranked) * part // 1_000)] for name, part in PARTS.items()}
    return {"told": len(ranked), **at, "throttled_rows": heard.throttled}


PARTS = {"p50_ms": 500, "p99_ms": 990, "max_ms": 999}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
