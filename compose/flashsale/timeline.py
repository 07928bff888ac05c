"""
What the same shoppers would have met under another way of keeping shops in step, on the original timeline.

Pure.  Every shop lowers its own number when it sells, and sells while its number allows it; what differs is when and to
what the numbers are corrected.  The result is the units sold beyond the stock.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from compose.flashsale.demand import Demand, Wish

POLL_MS = 15 * 60_000
"""The interval of the usual synchronisation by polling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long one order took here, in milliseconds: until it was decided, until the other shops had the new level."""

    decided_ms: int
    told_ms: int


@dataclass(slots=True)
class _Market:
    """The numbers that shoppers see, by shop and SKU, and the units really sold."""

    demand: Demand
    shown: dict[tuple[str, str], int] = field(default_factory=dict)
    sold: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def number(self, channel: str, sku: str) -> int:
        return self.shown.get((channel, sku), self.demand.stock.get(sku, 0))

    def buys(self, wish: Wish) -> bool:
        number = self.number(wish.channel, wish.sku)
        if number < wish.qty:
            return False
        self.shown[wish.channel, wish.sku] = number - wish.qty
        self.sold[wish.sku] += wish.qty
        return True

    def oversold(self) -> int:
        stock = self.demand.stock
        return sum(max(0, units - max(0, stock.get(sku, 0))) for sku, units in self.sold.items())


def oversold_by_polling(demand: Demand, every_ms: int = POLL_MS) -> int:
    """Return the units oversold when all shops are set to what is left every `every_ms`, and not in between."""
    market = _Market(demand)
    due = every_ms
    for wish in demand.wishes:
        while wish.at >= due:
            _level_all(market)
            due += every_ms
        market.buys(wish)
    return market.oversold()


def _level_all(market: _Market) -> None:
    for sku in market.sold:
        left = max(0, market.demand.stock.get(sku, 0) - market.sold[sku])
        market.shown |= {(channel, sku): left for channel in market.demand.channels}


def oversold_by_events(demand: Demand, delays: Mapping[str, Delay], usual: Sequence[Delay]) -> int:
    """
    Return the units oversold when each sale is heard after `decided_ms` and the other shops are told after `told_ms`.

    What a shop is told is the stock less all sales heard of until then, so a number on its way can overwrite a sale
    that was not yet heard of, as in life.  Orders without a delay of their own (they were sold out in the run) get the
    usual ones in turn.

    Args:
        demand: the shoppers.
        delays: this run's measured delays by order id.
        usual: delays to draw from, in turn, where an order has none; not empty.

    """
    market, heard = _Market(demand), defaultdict[str, int](int)
    due: list[tuple[int, int]] = []
    acts: dict[int, Callable[[], None]] = {}

    def tell(wish: Wish) -> None:
        left = max(0, demand.stock.get(wish.sku, 0) - heard[wish.sku])
        market.shown |= {(channel, wish.sku): left for channel in demand.channels if channel != wish.channel}

    def hear(wish: Wish) -> None:
        heard[wish.sku] += wish.qty

    for number, wish in enumerate(demand.wishes):
        while due and due[0][0] <= wish.at:
            acts.pop(heapq.heappop(due)[1])()
        if market.buys(wish):
            delay = delays.get(wish.order_id, usual[number % len(usual)])
            later = ((delay.decided_ms, partial(hear, wish)), (delay.told_ms, partial(tell, wish)))
            for turn, (after, act) in enumerate(later, number * len(later)):
                acts[turn] = act
                heapq.heappush(due, (wish.at + after, turn))
    return market.oversold()
