"""One run: four channels, the hub and the shoppers on one clock."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from publishers.channels import KINDS
from publishers.limiter import Window
from publishers.push import READ, TELL
from schemas.channel_records import Listing
from schemas.records import OrderOutcome, StockLevel
from schemas.settings import Order
from tests.scale.clock import Clock
from tests.scale.desk import Desk, Shop
from tests.scale.hub import Hub
from tests.scale.judge import Pace, Watch, hot_bound_ms, utilisation, wait_bound_ms
from tests.scale.scenario import START_MS, Item, Scenario, Shopper
from tests.scale.vendor_amazon import Amazon
from tests.scale.vendor_etsy import DAY_MS, Etsy
from tests.scale.vendor_shopify import MUTATION, Shopify
from tests.scale.vendor_woocommerce import WooCommerce

LEVEL_MS, OUTCOME_MS = 60, 80
"""How long a level and an outcome take from the hub to a publisher."""
POLL_MS = 5_000
"""How often the order poll says how far it has come, and how far behind it is."""
REST_S = 200
"""How long a run goes on after the last shopper: then every channel must be in step."""
ETSY_LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (
        Window(amount=8, per_ms=1_000, burst=1, whole=10, pool="app"),
        Window(amount=8_000, per_ms=DAY_MS, burst=8_000, rolling=True, whole=10_000, pool="app"),
    ),
    READ: (Window(amount=1, per_ms=1_000, burst=1, rolling=True, whole=10, pool="app"),),
}
"""A shop whose orders come by webhooks gives its levels 8 of the 10 calls a second, and of the day 8,000 of 10,000."""
WOOCOMMERCE_LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (Window(amount=4, per_ms=1_000, burst=4, whole=5),),
    READ: (Window(amount=1, per_ms=2_000, burst=1, whole=5),),
}
"""Likewise: 4 of 5."""


def _listing(kind: str, item: Item, **ids: str) -> Listing:
    (name, *_) = ids.values()
    return Listing(channel=kind, listing_id=name, sku=item.sku, ids=ids)


def _shopify(items: tuple[Item, ...], _seed: int) -> Shop:
    listings = {item.sku: _listing("shopify", item, inventory_item=str(10_000 + n)) for n, item in enumerate(items)}
    return Shop(kind="shopify", vendor=Shopify(), listings=listings, limits=KINDS["shopify"].LIMITS, poll_ms=1_000)


def _amazon(items: tuple[Item, ...], seed: int) -> Shop:
    listings = {item.sku: _listing("amazon", item, sku=item.sku) for item in items}
    vendor = Amazon(dice=Random(f"amazon:{seed}"))
    return Shop(kind="amazon", vendor=vendor, listings=listings, limits=KINDS["amazon"].LIMITS)


def _etsy(items: tuple[Item, ...], _seed: int) -> Shop:
    listings = {
        item.sku: _listing("etsy", item, product=str(10_000 + n), listing=str(10_000 + n))
        for n, item in enumerate(items)
        if item.etsy
    }
    return Shop(kind="etsy", vendor=Etsy(), listings=listings, limits=ETSY_LIMITS, poll_ms=1_000)


def _woocommerce(items: tuple[Item, ...], _seed: int) -> Shop:
    listings, parents = {}, {}
    for n, item in enumerate(items):
        name = str(10_000 + n)
        if item.parent is None:
            listings[item.sku] = _listing("woocommerce", item, product=name)
            continue
        parents[name] = str(900_000 + item.parent)
        listings[item.sku] = replace(
            _listing("woocommerce", item, variation=name), ids={"product": parents[name], "variation": name}
        )
    vendor = WooCommerce(parents=parents)
    return Shop(kind="woocommerce", vendor=vendor, listings=listings, limits=WOOCOMMERCE_LIMITS)


SHOPS = {"shopify": _shopify, "amazon": _amazon, "etsy": _etsy, "woocommerce": _woocommerce}


def _pace(shop: Shop, items: int) -> Pace:
    window = shop.limits[TELL][0]
    rate = window.amount * 1_000 / window.per_ms
    if shop.kind == "shopify":
        calls = rate / MUTATION
        return Pace(purse="tell", rate=rate, hot=calls * KINDS["shopify"].HOT_BATCH, backlog=calls * 250)
    if shop.kind == "etsy":  # a listing is read and written
        return Pace(purse="tell", rate=rate, hot=rate / 2, backlog=rate / 2)
    if shop.kind == "amazon":
        # What is calm goes by feed; what is not is told one by one.
        return Pace(purse="patchListingsItem", rate=rate, hot=rate, backlog=rate)
    groups = len({listing.ids["product"] for listing in shop.listings.values() if "variation" in listing.ids})
    simple = sum("variation" not in listing.ids for listing in shop.listings.values())
    return Pace(purse="tell", rate=rate, hot=rate, backlog=rate * items / (groups + simple / 100))


@dataclass
class Stage:
    """Everything of one run."""

    scenario: Scenario
    order: Order
    only: tuple[str, ...] = tuple(SHOPS)

    def __post_init__(self) -> None:
        """Set up the channels, in step with the levels before the change."""
        items, seed = self.scenario.items, self.scenario.seed
        self.clock, self.hub = Clock(START_MS), Hub()
        self.on_sale = {item.sku for item in items if item.hot}
        levels = {item.sku: self.hub.stock(item) for item in items}
        self.desks: dict[str, Desk] = {}
        for kind in self.only:
            shop = SHOPS[kind](items, seed)
            shop.vendor.numbers.update(
                {one.listing_id: levels[sku].quantity or 0 for sku, one in shop.listings.items()}
            )
            desk = Desk(shop, self.order, self.clock, Watch(on_sale=self.on_sale), seed)
            desk.load(levels)
            self.desks[kind] = desk

    def run(self) -> dict[str, Any]:
        """Run to the end; returns what came of it."""
        clock, ends_at = self.clock, START_MS + self.scenario.size.seconds * 1_000
        clock.at(START_MS + self.scenario.size.change_at_s * 1_000, self._change)
        for shopper in self.scenario.shoppers:
            clock.at(shopper.at, lambda shopper=shopper: self._shops(shopper))  # type: ignore[misc] # its own shopper
        for desk in self.desks.values():
            clock.at(START_MS, lambda desk=desk: self._poll(desk, ends_at))  # type: ignore[misc] # its own desk
            if desk.shop.poll_ms:
                clock.at(START_MS, lambda desk=desk: self._ask(desk, ends_at))  # type: ignore[misc] # its own desk
        clock.run(ends_at + REST_S * 1_000)
        return {
            "order": str(self.order),
            "orders": self.hub.orders,
            "oversold": sum(self.hub.oversold.values()),
            "oversold_hot": sum(units for sku, units in self.hub.oversold.items() if sku in self.on_sale),
            "channels": {kind: self._judged(desk) for kind, desk in self.desks.items()},
        }

    def _change(self) -> None:
        for item in self.scenario.items:
            self._publish(self.hub.count(item, self.clock.now), None)

    def _publish(self, level: StockLevel | None, outcome: OrderOutcome | None) -> None:
        now = self.clock.now
        hot = level is not None and self.hub.hot(level.sku, now)
        for desk in self.desks.values():
            if level is not None:
                self.clock.at(now + LEVEL_MS, lambda desk=desk: desk.level(level, hot=hot))  # type: ignore[misc] # its own desk
            if outcome is not None:
                self.clock.at(now + OUTCOME_MS, lambda desk=desk: desk.outcome(outcome))  # type: ignore[misc] # its own desk

    def _shops(self, shopper: Shopper) -> None:
        desk = self.desks.get(shopper.channel)
        if desk is not None and desk.shop.vendor.sell(desk.shop.listings[shopper.sku].listing_id, self.clock.now):
            self.clock.at(shopper.heard_at, lambda: self._publish(*self.hub.order(shopper, self.clock.now)))

    def _poll(self, desk: Desk, ends_at: int) -> None:
        desk.polled(self.clock.now - POLL_MS)
        if self.clock.now < ends_at:
            self.clock.at(self.clock.now + POLL_MS, lambda: self._poll(desk, ends_at))

    def _ask(self, desk: Desk, ends_at: int) -> None:
        desk.shop.vendor.poll_orders(self.clock.now)
        if self.clock.now < ends_at:
            self.clock.at(self.clock.now + desk.shop.poll_ms, lambda: self._ask(desk, ends_at))

    def _judged(self, desk: Desk) -> dict[str, Any]:
        shop, watch = desk.shop, desk.watch
        pace = _pace(shop, len(shop.listings))
        span = watch.backlog(self.clock.now)
        wrong = sum(
            shop.vendor.shows(listing.listing_id, self.clock.now) != (self.hub.levels[sku].quantity or 0)
            for sku, listing in shop.listings.items()
        )
        used = utilisation(shop.vendor.spent, pace, span)
        return {
            "hot_p99_ms": watch.hot_p99(),
            "hot_bound_ms": round(hot_bound_ms(watch, pace)),
            "most_hot_behind": watch.most_hot_behind,
            "refused": len(shop.vendor.refused),
            "calls": dict(shop.vendor.made),
            "backlog_s": round((span[1] - span[0]) / 1_000, 1),
            "utilisation": None if used is None else round(used, 3),
            "longest_wait_ms": max(watch.waits, default=0),
            "wait_bound_ms": round(wait_bound_ms(watch, pace)),
            "wrong": wrong,
            "dead": desk.dead,
            "verdicts": dict(desk.verdicts),
        }
