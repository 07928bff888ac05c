"""
What two shops with compare-and-set oversell that sell the same units while their orders are on their way.

`python tests/scale/hidden_sales.py --runs 1500 [--json]`: each run plays one sell-out twice with the same shoppers,
once with our publishers (the pure core, Shopify's requests and answers), once with publishers that re-read a number
that was refused and push the hub's over it.  Virtual time: nothing sleeps.
"""

import argparse
import heapq
import json
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol

import orjson

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from publishers.book import Book
from publishers.channels import shopify
from publishers.controller import Controller
from publishers.push import Account, Response
from publishers.work import Call, Gate, Setup
from schemas.channel_records import Listing, Watermark
from schemas.records import Cause, OrderOutcome, StockLevel
from schemas.settings import Rules
from schemas.words import CauseKind, Pause, Policy, Result

UNITS, ORDERS_AN_HOUR = 100, 1_200
WEBHOOK_MS, CALL_MS = (1_000, 2_000), (100, 200)
"""
How long an order takes to the hub, and how long a call takes, half of it until it is carried out.

Both policies oversell what two shops sell within an order's way to the hub: no rule about pushes can mend that.  The
slower the calls, the more of the rest becomes of that kind: at 200 to 400 ms the ratio is about a half.
"""
POLL_MS = 60_000
BEGIN, END_MS = 1_000_000, 1_000_000 + 3_600_000
SKU = "A"


class Publisher(Protocol):
    """What tells one shop."""

    def level(self, quantity: int, *, own: bool, sold_at: int, now: int) -> None:
        """Hear of the hub's new level, which an order of this shop (`own`) or of the other has made."""

    def polled(self, now: int) -> None:
        """Hear that every order up to now has been read."""

    def look(self, now: int) -> None:
        """Do what is due."""


@dataclass
class World:
    """The clock, the hub and the shops' numbers."""

    chance: random.Random
    level: int = UNITS
    shows: list[int] = field(default_factory=lambda: [UNITS, UNITS])
    sold: int = 0
    now: int = BEGIN
    _events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _ticket: Iterator[int] = field(default_factory=count)

    def at(self, when: int, what: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._events, (when, next(self._ticket), what))

    def run(self, publishers: Sequence[Publisher]) -> int:
        """Play until nobody sells any more; returns the units sold that there were not."""
        while self._events and self.now < END_MS:
            self.now, _, what = heapq.heappop(self._events)
            what()
            for publisher in publishers:
                publisher.look(self.now)
        return max(0, self.sold - UNITS)

    def sell(self, shop: int, publishers: Sequence[Publisher]) -> None:
        """Let a shopper come by: what the shop shows can be bought."""
        if self.shows[shop] <= 0:
            return
        self.shows[shop] -= 1
        self.sold += 1
        sold_at = self.now
        self.at(self.now + self.chance.randint(*WEBHOOK_MS), lambda: self._hear(shop, sold_at, publishers))

    def _hear(self, shop: int, sold_at: int, publishers: Sequence[Publisher]) -> None:
        self.level -= 1
        for number, publisher in enumerate(publishers):
            publisher.level(max(0, self.level), own=number == shop, sold_at=sold_at, now=self.now)

    def compare_and_set(self, shop: int, expected: int | None, quantity: int) -> bool:
        """Set a number if the shop shows what is expected."""
        if expected is not None and self.shows[shop] != expected:
            return False
        self.shows[shop] = quantity
        return True


class Rereading:
    """Tells the hub's number; refused, it reads the shop's and tells the hub's again from there."""

    def __init__(self, world: World, shop: int) -> None:
        """Begin in step."""
        self.world, self.shop = world, shop
        self.desired = self.believed = UNITS
        self.open = False

    def level(self, quantity: int, *, own: bool, sold_at: int, now: int) -> None:
        """Want the new level; the shop's own sale has lowered what it shows."""
        del sold_at, now
        self.desired = quantity
        self.believed -= own

    def polled(self, now: int) -> None:
        """Learn nothing from it."""

    def look(self, now: int) -> None:
        """Make a call where the numbers differ."""
        del now
        if not self.open and self.desired != self.believed:
            self.open = True
            self._call(partial(self._tell, self.believed, self.desired))

    def _call(self, carried_out: Callable[[], Callable[[], None]]) -> None:
        began, took = self.world.now, self.world.chance.randint(*CALL_MS)
        self.world.at(began + took // 2, lambda: self.world.at(began + took, carried_out()))

    def _tell(self, expected: int, quantity: int) -> Callable[[], None]:
        if self.world.compare_and_set(self.shop, expected, quantity):
            return lambda: self._know(quantity)
        return lambda: self._call(self._read)

    def _read(self) -> Callable[[], None]:
        shows = self.world.shows[self.shop]
        return lambda: self._know(shows)

    def _know(self, shows: int) -> None:
        self.open, self.believed = False, shows


class Ours:
    """The publisher's pure core, with Shopify's requests and answers."""

    def __init__(self, world: World, shop: int) -> None:
        """Begin in step."""
        self.world, self.shop, self.version, self.offset = world, shop, 0, 0
        self.name, self.rules = f"shop-{shop}", Rules()
        setup = Setup(
            channel=self.name,
            kind=shopify,
            account=Account(api_version="2026-10", location="gid://shopify/Location/1"),
            limits=shopify.LIMITS,
            ladder=shopify.LADDER,
            call_timeout_ms=10_000,
            gate=Gate.PUSH,
            partitions=1,
            draw=lambda: 500,
        )
        self.controller = Controller(setup, Book(self.name, lambda _: self.rules, shopify), world.now)
        self.controller.activate(world.now)
        listing = Listing(channel=self.name, listing_id="1", sku=SKU, ids={"variant": "1", "inventory_item": "1"})
        self.controller.listing("1", listing, 0, world.now)
        self._level(UNITS, Cause(kind=CauseKind.ADJUSTMENT, delta=0, received_at=world.now), world.now)
        while isinstance(call := self.controller.plan(world.now, f"first-{world.now}"), Call):
            self.controller.answer(call, self.serve(call), world.now)

    def _level(self, quantity: int, cause: Cause, now: int) -> None:
        self.version += 1
        level = StockLevel(
            sku=SKU,
            quantity=quantity,
            version=self.version,
            paused=None if quantity else Pause.OVERSELL,
            policy=Policy.REJECT,
            cause=cause,
            source={},
            updated_at=now,
        )
        self.controller.level(level, now)

    def level(self, quantity: int, *, own: bool, sold_at: int, now: int) -> None:
        """Hear of the level, and of the outcome where the order is this shop's."""
        channel = self.name if own else "another"
        order = f"{channel}_{self.version}_1"
        cause = Cause(
            kind=CauseKind.ORDER,
            delta=1,
            received_at=now,
            channel=channel,
            order_id=order,
            listing_sku=SKU,
            ordered_at=sold_at,
        )
        self._level(quantity, cause, now)
        outcome = OrderOutcome(
            sku=SKU,
            order_id=order,
            channel=channel,
            revision=1,
            seen_at=now,
            qty=1,
            held=1,
            shortfall=0,
            delta=1,
            result=Result.ACCEPTED,
            new_qty=quantity,
            version=self.version,
            ordered_at=sold_at,
            timestamp=now,
            source={},
        )
        self.controller.outcome(outcome, self.offset, now)
        self.offset += 1

    def polled(self, now: int) -> None:
        """Hear how far the poll has come: never nearer to now than 10 s."""
        self.controller.watermark(Watermark(channel=self.name, through=now - 10_000, at=now), now)

    def look(self, now: int) -> None:
        """Send what is due; the clock comes by again when the core asks for it."""
        step = self.controller.plan(now, f"{self.name}-{now}")
        self.controller.tasks.out.clear()
        if isinstance(step, int):
            return
        took = self.world.chance.randint(*CALL_MS)
        self.world.at(now + took // 2, lambda: self._arrive(step, now + took))

    def _arrive(self, call: Call, answered_at: int) -> None:
        response = self.serve(call)
        self.world.at(answered_at, lambda: self._answer(call, response))

    def _answer(self, call: Call, response: Response) -> None:
        self.controller.answer(call, response, self.world.now)

    def serve(self, call: Call) -> Response:
        """Answer as Shopify does."""
        variables = orjson.loads(call.request.body)["variables"]
        if "ids" in variables:
            quantities = [{"name": "available", "quantity": self.world.shows[self.shop]}]
            node = {"tracked": True, "inventoryLevel": {"quantities": quantities}}
            return Response(status=200, body=orjson.dumps({"data": {"nodes": [node]}}))
        (row,) = variables["input"]["quantities"]
        done = self.world.compare_and_set(self.shop, row["changeFromQuantity"], row["quantity"])
        stale = {"field": ["input", "quantities", "0", "changeFromQuantity"], "code": "CHANGE_FROM_QUANTITY_STALE"}
        errors = [] if done else [stale]
        return Response(status=200, body=orjson.dumps({"data": {"inventorySetQuantities": {"userErrors": errors}}}))


def oversold(seed: int, kind: type[Ours | Rereading]) -> int:
    """Play one sell-out; returns the units oversold."""
    shoppers, world = random.Random(seed), World(chance=random.Random(~seed))
    publishers = [kind(world, shop) for shop in range(2)]
    when = float(BEGIN)
    while when < BEGIN + UNITS * 2 * 3_600_000 / ORDERS_AN_HOUR:
        when += shoppers.expovariate(ORDERS_AN_HOUR / 3_600_000)
        shop = shoppers.randrange(2)
        world.at(int(when), partial(world.sell, shop, publishers))
    for tick in range(BEGIN, int(when), 500):
        world.at(tick, lambda: None)
        for publisher in publishers if tick % POLL_MS == BEGIN % POLL_MS else ():
            world.at(tick, partial(publisher.polled, tick))
    return world.run(publishers)


def play(runs: int, note: Callable[[], object] = lambda: None) -> dict[str, float]:
    """Return the mean units oversold with our rule and without it, the ratio, and its interval of 95 %."""
    pairs = []
    for seed in range(runs):
        pairs.append((oversold(seed, Ours), oversold(seed, Rereading)))
        note()
    ours, theirs = (sum(side) / runs for side in zip(*pairs, strict=True))
    ratio = ours / theirs
    spread = math.sqrt(sum((mine - ratio * other) ** 2 for mine, other in pairs) / (runs - 1) / runs) / theirs
    return {
        "runs": runs,
        "units": UNITS,
        "oversold_with_the_rule": round(ours, 3),
        "oversold_with_reread_and_push": round(theirs, 3),
        "ratio": round(ratio, 3),
        "ratio_from": round(ratio - 1.96 * spread, 3),
        "ratio_to": round(ratio + 1.96 * spread, 3),
    }


def main() -> int:
    """Run; exit code 1 when the rule does not halve what is oversold."""
    from rich.progress import track

    parser = argparse.ArgumentParser(description="Units oversold with hidden sales: our rule against re-read and push.")
    parser.add_argument("--runs", type=int, default=1_500)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    ticks = iter(track(range(args.runs), "sell-outs", disable=not sys.stderr.isatty()))
    found = play(args.runs, lambda: next(ticks, None))
    lines = (f"{name:32} {value:g}" for name, value in found.items())
    sys.stdout.write(f"{json.dumps(found) if args.json else chr(10).join(lines)}\n")
    return 0 if found["ratio"] <= 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
