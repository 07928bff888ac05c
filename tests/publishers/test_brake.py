"""The brake holds zeros that would empty a shop, and never one that an order caused."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from publishers.brake import Brake, ordered
from publishers.rules import number
from schemas.records import Cause, StockLevel
from schemas.settings import Rules
from schemas.words import CauseKind, Pause, Policy

ORDERS, ADJUSTMENTS = "orders", "adjustments"
SKUS = [f"S{n}" for n in range(20)]


@dataclass
class Shop:
    """One channel with a listing for each SKU, told at once whatever the brake lets pass."""

    brake: Brake
    rules: Rules = field(default_factory=Rules)
    levels: dict[str, StockLevel] = field(default_factory=dict)
    shows: dict[str, int] = field(default_factory=dict)
    now: int = 1_790_000_000_000

    def level(self, sku: str, quantity: int, topic: str, paused: Pause | None = None, skip: int = 1) -> None:
        """Give a SKU its next level; with `skip` 2 an order of one unit came in the same transaction before it."""
        before = self.levels.get(sku)
        source = dict(before.source) if before else {ADJUSTMENTS: 0}
        source[topic] = source.get(topic, 0) + 1
        if skip == 2:
            source[ORDERS] = source.get(ORDERS, 0) + 1
        kind = CauseKind.ORDER if topic == ORDERS else CauseKind.ADJUSTMENT
        delta = (before.quantity or 0) - quantity if before else 0
        after = StockLevel(
            sku=sku,
            quantity=quantity,
            version=1 if before is None else before.version + skip,
            paused=paused,
            policy=Policy.REJECT,
            cause=Cause(kind=kind, delta=delta, received_at=self.now),
            source=source,
            updated_at=self.now,
        )
        self.levels[sku] = after
        self.brake.level(before, after, self.rules, by_order=ordered(before, after))

    def look(self, sku: str) -> bool:
        """Return whether the SKU's number may be told now."""
        desired = number(self.levels[sku], self.rules)
        assert desired is not None
        if desired > 0:
            self.brake.above((sku, "L"))
            return True
        return self.brake.zero((sku, "L"), self.levels[sku], shows=self.shows.get(sku), sending=False)

    def tell(self) -> None:
        """Tell every SKU that may be told; what the brake changes its mind about is looked at again."""
        for sku in self.levels:
            self.look(sku)
        for sku, level in self.levels.items():
            desired = number(level, self.rules)
            assert desired is not None
            if self.look(sku):
                self.shows[sku] = desired
                self.look(sku)

    def rule(self, rules: Rules) -> None:
        """Change the rules."""
        self.rules = rules
        self.brake.rules(self.levels, lambda _: rules)

    def later(self, ms: int) -> None:
        """Let time pass."""
        self.now += ms
        self.brake.at(self.now)


def shop(percent: int = 20, quantity: int = 10) -> Shop:
    """Make a shop of twenty listings in step."""
    made = Shop(Brake(percent))
    made.brake.listings = len(SKUS)
    made.later(1)
    for sku in SKUS:
        made.level(sku, quantity, ADJUSTMENTS)
    made.tell()
    return made


def empty(made: Shop) -> set[str]:
    """Return what shows 0."""
    return {sku for sku, shown in made.shows.items() if shown == 0}


def test_a_rules_file_that_empties_the_shop_is_held_whole() -> None:
    """All come at once, so none is told; a person's release tells them all."""
    made = shop()
    made.rule(Rules(percent=0))
    made.tell()
    assert (empty(made), made.brake.engaged, len(made.brake.held)) == (set(), True, 20)
    assert made.brake.release() == sorted(SKUS)
    made.tell()
    assert (empty(made), made.brake.engaged) == (set(SKUS), False)


def test_a_count_that_comes_row_by_row_is_held_once_it_proves_large() -> None:
    """Of a hundred listings a fifth is told before; the rest waits, however long."""
    made = Shop(Brake(20))
    made.brake.listings = 100
    names = [f"S{n}" for n in range(100)]
    for sku in names:
        made.level(sku, 5, ADJUSTMENTS)
    made.tell()
    for sku in names:
        made.level(sku, 0, ADJUSTMENTS)
        made.tell()
    assert len(empty(made)) == 20
    made.later(3_600_000)
    made.tell()
    assert (len(empty(made)), len(made.brake.held)) == (20, 80)


def test_few_zeros_are_never_held() -> None:
    """Nine of twenty are almost half, and still nobody's accident worth waiting for."""
    made = shop()
    for sku in SKUS[:9]:
        made.level(sku, 0, ADJUSTMENTS)
    made.tell()
    assert empty(made) == set(SKUS[:9])


def test_zeros_that_are_far_apart_are_no_one_change() -> None:
    """Nine a minute."""
    made = shop()
    for start in (0, 9):
        for sku in SKUS[start : start + 9]:
            made.level(sku, 0, ADJUSTMENTS)
        made.tell()
        made.later(60_001)
    assert empty(made) == set(SKUS[:18])


def test_what_is_back_in_stock_belongs_to_no_change_any_more() -> None:
    """Nine zeros were told and corrected within the minute: nine others are again few."""
    made = shop()
    for sku in SKUS[:9]:
        made.level(sku, 0, ADJUSTMENTS)
    made.tell()
    for sku in SKUS[:9]:
        made.level(sku, 8, ADJUSTMENTS)
    for sku in SKUS[9:18]:
        made.level(sku, 0, ADJUSTMENTS)
    made.tell()
    assert empty(made) == set(SKUS[9:18])


def test_a_listing_that_shows_less_than_nothing_is_not_emptied_by_a_zero() -> None:
    """A shop may show what it oversold as a negative number; no shopper misses what was never offered."""
    made = shop()
    made.shows = dict.fromkeys(SKUS, -2)
    made.rule(Rules(percent=0))
    made.tell()
    assert empty(made) == set(SKUS)


def test_100_percent_means_never() -> None:
    """The brake is off."""
    made = shop(percent=100)
    made.rule(Rules(paused=True))
    made.tell()
    assert empty(made) == set(SKUS)


def test_taking_the_change_back_lets_go() -> None:
    """Old rules again: nothing is held, and a later small change is told at once."""
    made = shop()
    made.rule(Rules(floor=50))
    made.tell()
    assert made.brake.engaged
    made.rule(Rules())
    made.tell()
    assert (made.brake.engaged, empty(made)) == (False, set())
    made.level("S0", 0, ADJUSTMENTS)
    made.tell()
    assert empty(made) == {"S0"}


def test_what_is_left_of_a_change_is_told_once_it_is_small() -> None:
    """Most of the count is corrected; the SKUs for which the brake has changed its mind are named."""
    made = shop()
    for sku in SKUS:
        made.level(sku, 0, ADJUSTMENTS)
    made.tell()
    made.brake.moved.clear()
    for sku in SKUS[3:]:
        made.level(sku, 8, ADJUSTMENTS)
    made.tell()
    assert (made.brake.engaged, empty(made)) == (False, set(SKUS[:3]))
    assert set(SKUS[:3]) <= made.brake.moved


def test_oversell_and_an_operators_pause_pass_while_others_are_held() -> None:
    """So does what an order sells out meanwhile."""
    made = shop()
    made.rule(Rules(percent=0))
    made.tell()
    made.level("S1", 10, ORDERS, Pause.OVERSELL)
    made.level("S2", 10, ADJUSTMENTS, Pause.OPERATOR)
    made.level("S3", 0, ORDERS)
    made.tell()
    assert empty(made) == {"S1", "S2", "S3"}


def test_an_order_does_not_excuse_what_the_rules_did() -> None:
    """Each SKU's newest cause is an order, and yet it is the rules that empty the shop."""
    made = shop()
    for sku in SKUS:
        made.level(sku, 9, ORDERS)
    made.tell()
    made.rule(Rules(percent=0))
    made.tell()
    for sku in SKUS:
        made.level(sku, 8, ORDERS)
    made.tell()
    assert (empty(made), len(made.brake.held)) == (set(), 20)


def test_an_order_does_not_excuse_the_count_that_emptied_the_shop_before_it() -> None:
    """The channel still shows ten, a shopper takes one: it was the count that left none."""
    made = shop()
    for sku in SKUS:
        made.level(sku, 0, ADJUSTMENTS)
    made.tell()
    made.level("S0", -1, ORDERS)
    made.tell()
    assert "S0" not in empty(made)


def test_of_a_sku_whose_first_record_is_an_order_the_order_itself_is_judged() -> None:
    """A buffer of five hides what is left: it was the order that took the rest if there was more before it."""
    source, rules = {ORDERS: 7}, Rules(buffer=5)
    held = []
    for sku, delta in (("SOLD", 3), ("HIDDEN", 2)):
        cause = Cause(kind=CauseKind.ORDER, delta=delta, received_at=0)
        first = StockLevel(
            sku=sku, quantity=3, version=1, paused=None, policy=Policy.REJECT, cause=cause, source=source, updated_at=0
        )
        brake = Brake(20)
        brake.resume(10)
        brake.level(None, first, rules, by_order=ordered(None, first))
        if not brake.zero((sku, "L"), first, shows=9, sending=False):
            held.append(sku)
    assert held == ["HIDDEN"]


def test_a_sold_out_sku_that_is_counted_again_is_still_sold_out() -> None:
    """The order's zero is not told yet when a count confirms it; nor when both come as one record."""
    made = shop()
    for sku in SKUS[:10]:
        made.level(sku, 0, ORDERS)
        made.level(sku, 0, ADJUSTMENTS)
    for sku in SKUS[10:]:
        made.level(sku, 0, ADJUSTMENTS, skip=2)
    made.tell()
    assert empty(made) == set(SKUS)


def test_a_release_holds_for_what_was_held_and_not_for_the_next_change() -> None:
    """A released zero that fails to be told passes again; the next change is judged by itself."""
    made = shop()
    made.rule(Rules(percent=0))
    made.tell()
    made.brake.release()
    made.later(3_600_000)
    assert all(made.look(sku) for sku in SKUS)
    made.tell()
    made.rule(Rules())
    made.tell()
    assert empty(made) == set()
    made.rule(Rules(percent=0))
    made.tell()
    assert empty(made) == set()


def test_a_new_owner_goes_on_holding_what_is_left() -> None:
    """Though what is left would be small by itself; once nothing is left it ends."""
    made = shop()
    made.brake.resume(20)
    made.level("S0", 0, ADJUSTMENTS)
    made.tell()
    assert (made.brake.held, made.brake.zeros) == ({("S0", "L")}, 20)
    made.level("S0", 3, ADJUSTMENTS)
    made.tell()
    assert not made.brake.engaged


def test_a_zero_that_passes_does_not_end_what_a_new_owner_has_not_found_yet() -> None:
    """A SKU that an operator has paused is looked at before the one whose 0 was held."""
    made = shop()
    made.brake.resume(20)
    made.level("S0", 5, ADJUSTMENTS, paused=Pause.OPERATOR)
    made.level("S1", 0, ADJUSTMENTS)
    made.tell()
    assert (made.brake.held, empty(made)) == ({("S1", "L")}, {"S0"})


def test_a_zero_whose_call_is_open_or_that_nobody_was_told_yet_passes() -> None:
    """The one may be shown already; of the other nothing is known."""
    made = shop()
    made.rule(Rules(percent=0))
    made.tell()
    level = made.levels["S0"]
    assert made.brake.zero(("S0", "L"), level, shows=10, sending=True)
    assert made.brake.zero(("S1", "L"), level, shows=None, sending=False)
    assert not made.brake.zero(("S2", "L"), level, shows=10, sending=False)


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from(SKUS), st.integers(1, 4)),
        st.tuples(st.just("count"), st.sampled_from(SKUS), st.integers(0, 12)),
        st.tuples(st.just("both"), st.sampled_from(SKUS), st.integers(0, 3)),
        st.tuples(st.just("sweep"), st.just(""), st.integers(0, 2)),
        st.tuples(st.just("floor"), st.just(""), st.integers(0, 6)),
        st.tuples(st.just("tell"), st.just(""), st.integers(0, 90_000)),
        st.tuples(st.just("release"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


class Oracle:
    """A shop in traffic, and which of its SKUs went from something to nothing by an order, kept by itself."""

    def __init__(self, percent: int) -> None:
        self.shop = shop(percent, quantity=3)
        self.by_order = set[str]()

    def offers(self, sku: str) -> bool:
        """Return whether there is anything to sell."""
        level = self.shop.levels[sku]
        return level.paused is None and (level.quantity or 0) >= max(1, self.shop.rules.floor)

    def happens(self, what: str, sku: str, n: int) -> None:
        """Let one thing happen."""
        getattr(self, f"_{what}")(sku, n)
        self.by_order -= {one for one in self.by_order if self.offers(one)}

    def _sells(self, sku: str, quantity: int, topic: str, **more: Any) -> None:
        had = self.offers(sku)
        self.shop.level(sku, quantity, topic, **more)
        if had and not self.offers(sku):
            self.by_order.add(sku)

    def _order(self, sku: str, n: int) -> None:
        left = (self.shop.levels[sku].quantity or 0) - n
        self._sells(sku, max(left, 0), ORDERS, paused=Pause.OVERSELL if left < 0 else None)

    def _both(self, sku: str, n: int) -> None:
        self._sells(sku, n, ADJUSTMENTS, skip=2)

    def _count(self, sku: str, n: int) -> None:
        self.shop.level(sku, n, ADJUSTMENTS)

    def _sweep(self, _: str, n: int) -> None:
        for sku in SKUS:
            self.shop.level(sku, n, ADJUSTMENTS)

    def _floor(self, _: str, n: int) -> None:
        self.shop.rule(Rules(floor=n))

    def _release(self, _: str, _n: int) -> None:
        self.shop.brake.release()

    def _tell(self, _: str, n: int) -> None:
        self.shop.later(n)
        self.shop.tell()


@given(moves=MOVES, percent=st.sampled_from([0, 20, 50]))
def test_a_zero_that_an_order_caused_is_never_held(moves: list[tuple[str, str, int]], percent: int) -> None:
    """A count that empties much, then anything: what an order takes from something to nothing is told at once."""
    oracle = Oracle(percent)
    for sku in SKUS[8:]:
        oracle.happens("count", sku, 0)
    oracle.happens("tell", "", 0)
    assert oracle.shop.brake.engaged
    for move in moves:
        oracle.happens(*move)
        assert all(oracle.shop.look(sku) for sku in oracle.by_order)
