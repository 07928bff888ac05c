"""
One level at two channels that sell: orders arrive late, calls cross sales on their way, and in the end both agree.

Beside our publishers stands the plain rule, push to all but the source, which shares no code with them.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publishers.book import SETTLE_MS
from publishers.work import Call
from schemas.words import CauseKind, Status

STOCK = 40
SIDES = (0, 1)
Move = tuple[str, int, int]
"""What happens, at which of the two channels, and to how many units."""
WORDS = ("sale", "sale", "arrive", "count", "step", "step", "lose", "later")
MOVES = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SIDES), st.integers(1, 4)), max_size=40)
KINDS = (("shopify", "shopify"), ("shopify", "woocommerce"))


class Publishers(Protocol):
    """Two channels and whoever tells them."""

    def sold(self, side: int, units: int) -> None:
        """A channel sells, and lowers its own number."""

    def level(self, quantity: int, *, source: int | None, units: int, ordered_at: int, now: int) -> None:
        """The hub has a new level: by an order of a channel, or (None) by a count."""

    def step(self, side: int, now: int) -> None:
        """One call may be made at a channel."""

    def lose(self, side: int) -> None:
        """The next answer of a channel is lost."""

    def end(self, now: int) -> tuple[int, int]:
        """All that is left to do is done; return what the channels show."""


@dataclass
class Ours:
    """The product's core, once for each channel."""

    benches: tuple[Any, Any]

    def sold(self, side: int, units: int) -> None:
        """The shop lowers its own number."""
        self.benches[side].shop.numbers["A"] -= units

    def level(self, quantity: int, *, source: int | None, units: int, ordered_at: int, now: int) -> None:
        """Both hear of it; the order itself means something to its own channel's publisher only."""
        for side, bench in enumerate(self.benches):
            bench.now = max(bench.now, now)
            if source is None:
                bench.level("A", quantity)
            elif side == source:
                bench.ordered("A", quantity, units, ordered_at=ordered_at)
                bench.outcome("A", units, ordered_at=ordered_at)
            else:
                cause = {"channel": "other", "listing_sku": "A", "order_id": f"other_{now}_1", "ordered_at": ordered_at}
                bench.level("A", quantity, kind=CauseKind.ORDER, delta=units, **cause)

    def step(self, side: int, now: int) -> None:
        """Make one call, if the publisher wants to."""
        bench = self.benches[side]
        bench.now = max(bench.now, now)
        if isinstance(call := bench.plan(), Call):
            bench.answer(call)

    def lose(self, side: int) -> None:
        """It is acted on, and not heard."""
        self.benches[side].shop.lost = 1

    def end(self, now: int) -> tuple[int, int]:
        """Work until nothing is left, let the order poll pass, and work on; nothing is open then."""
        for bench in self.benches:
            bench.now, bench.shop.lost = max(bench.now, now), 0
            for _ in range(1_000):  # rungs of the ladder, and waits for the limits
                bench.now += 5_000
                if not bench.work() and not len(bench.controller.tasks.queue):
                    break
            bench.watermark(bench.now + 60_000)
            bench.work(until=bench.now + SETTLE_MS)
            assert (bench.record("A").status, bench.record("A").hidden) == (Status.IN_STEP, 0)
            assert all(shown.request_id is None for shown in bench.record("A").listings.values())
        left, right = (bench.shop.numbers["A"] for bench in self.benches)
        return left, right


@dataclass
class Plain:
    """Push to all but the source: the source has lowered its own number, so it is left alone."""

    shows: list[int] = field(default_factory=lambda: [STOCK, STOCK])
    owed: dict[int, int] = field(default_factory=dict)

    def sold(self, side: int, units: int) -> None:
        """The shop lowers its own number."""
        self.shows[side] -= units

    def level(self, quantity: int, *, source: int | None, units: int, ordered_at: int, now: int) -> None:
        """The newest level is owed to every channel but the one that sold."""
        del units, ordered_at, now
        self.owed.update({side: max(0, quantity) for side in SIDES if side != source})

    def step(self, side: int, now: int) -> None:
        """Push what is owed."""
        del now
        self.shows[side] = self.owed.pop(side, self.shows[side])

    def lose(self, side: int) -> None:
        """Nothing is lost here: the rule needs no bad luck to be wrong."""

    def end(self, now: int) -> tuple[int, int]:
        """Push all that is owed."""
        for side in SIDES:
            self.step(side, now)
        return self.shows[0], self.shows[1]


def play(history: list[Move], publishers: Publishers) -> tuple[int, tuple[int, int]]:
    """Let it all happen, 50 ms apart, and every order arrive; return the hub's number and those that are shown."""
    hub, now, pending = STOCK, 2_000_000, list[tuple[int, int, int]]()

    def arrive(order: tuple[int, int, int]) -> None:
        nonlocal hub
        pending.remove(order)
        source, units, at = order
        hub -= units
        publishers.level(hub, source=source, units=units, ordered_at=at, now=now)

    for what, side, units in history:
        now += 7_000 if what == "later" else 50
        if what == "sale":
            publishers.sold(side, units)
            pending.append((side, units, now))
        elif what == "arrive":
            for order in [order for order in pending if order[0] == side][:1]:
                arrive(order)
        elif what == "count":
            hub += units if units % 2 else -units
            publishers.level(hub, source=None, units=0, ordered_at=0, now=now)
        elif what == "step":
            publishers.step(side, now)
        elif what == "lose":
            publishers.lose(side)
    for order in tuple(pending):
        now += 50
        arrive(order)
    return max(0, hub), publishers.end(now)


@pytest.mark.parametrize("kinds", KINDS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(history=MOVES)
def test_with_hidden_sales_in_flight_both_channels_show_the_level_in_the_end(
    bench_of: Any, kinds: tuple[str, str], history: list[Move]
) -> None:
    """Whatever was sold where while nobody knew, whichever calls crossed it, whichever answers were lost."""
    left, right = (bench_of(kind, {"A": STOCK}) for kind in kinds)
    hub, shown = play(history, Ours((left, right)))
    assert shown == (hub, hub)


def _flat(found: tuple[int, tuple[int, int]]) -> tuple[int, int, int]:
    hub, (left, right) = found
    return hub, left, right


def test_the_plain_rule_leaves_a_channel_wrong_for_good_where_ours_does_not(bench_of: Any) -> None:
    """
    The smallest story: a sale nobody has heard of, a count that is pushed over it, and then the order.

    The plain rule takes the source for right, and the source has just been given its unit back.  Of stories drawn
    without any design it gets more than half wrong.
    """
    story: list[Move] = [("sale", 0, 1), ("count", 0, 1), ("step", 0, 1), ("arrive", 0, 1)]
    assert play(story, Plain()) == (STOCK, (STOCK + 1, STOCK))
    dice = Random(7)
    drawn = [[(dice.choice(WORDS), dice.choice(SIDES), dice.randint(1, 4)) for _ in range(20)] for _ in range(200)]
    wrong = [history for history in drawn if len({*_flat(play(history, Plain()))}) > 1]
    assert len(wrong) > 100
    for history in (story, *wrong[:3]):
        for kinds in KINDS:
            left, right = (bench_of(kind, {"A": STOCK}) for kind in kinds)
            hub, shown = play(history, Ours((left, right)))
            assert shown == (hub, hub)
