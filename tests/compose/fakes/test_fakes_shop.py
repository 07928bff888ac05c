"""The stand-in's own stock and order book."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.fakes.books import ChangeKind, Listing, Reason, RestockType, Unknown, Wanted
from compose.fakes.shop import Shop


def shop_with(**levels: int) -> Shop:
    shop = Shop("a")
    for sku, level in levels.items():
        shop.put(Listing(key=f"k-{sku}", sku=sku, ids={}, level=level))
    return shop


def want(sku: str, quantity: int, line_id: str = "1") -> Wanted:
    return Wanted(listing=sku, quantity=quantity, line_id=line_id)


def test_a_sale_lowers_the_shops_own_number() -> None:
    """The channel sells from its own level and records what the line holds."""
    shop = shop_with(tee=5)
    change = shop.sell(1000, "o1", [want("tee", 2)], respect_levels=True)
    assert change is not None
    assert change.kind is ChangeKind.CREATED
    assert shop.listing("tee").level == 3
    assert change.order.lines["1"].held == 2
    assert [(one.reason, one.delta, one.level, one.at) for one in shop.journal] == [(Reason.SALE, -2, 3, 1000)]


def test_a_shop_that_respects_its_level_refuses_what_it_does_not_have() -> None:
    """Sold out: nothing moves, no order exists, the refusal is remembered."""
    shop = shop_with(tee=1)
    assert shop.sell(1, "o1", [want("tee", 2)], respect_levels=True) is None
    assert shop.orders == {}
    assert shop.listing("tee").level == 1
    assert [one.quantity for one in shop.sold_out] == [2]


def test_an_order_of_several_lines_is_sold_whole_or_not_at_all() -> None:
    """Two lines of one SKU count together against its level."""
    shop = shop_with(tee=3, cap=9)
    lines = [want("tee", 2, "1"), want("cap", 1, "2"), want("tee", 2, "3")]
    assert shop.sell(1, "o1", lines, respect_levels=True) is None
    assert (shop.listing("tee").level, shop.listing("cap").level) == (3, 9)


def test_a_shop_told_to_go_on_selling_goes_below_zero_and_counts_the_units() -> None:
    """Only the units below zero are oversold, also when the level is already negative."""
    shop = shop_with(tee=1)
    shop.sell(1, "o1", [want("tee", 3)], respect_levels=False)
    shop.sell(2, "o2", [want("tee", 1)], respect_levels=False)
    assert shop.listing("tee").level == -3
    assert shop.oversold == {"tee": 3}


def test_a_cancelled_order_puts_its_units_back() -> None:
    """With restock the line holds nothing and the level is what it was."""
    shop = shop_with(tee=5)
    shop.sell(1, "o1", [want("tee", 2)], respect_levels=True)
    change = shop.cancel(2, "o1")
    assert change.refund is not None
    assert shop.listing("tee").level == 5
    assert shop.order("o1").lines["1"].held == 0
    assert shop.order("o1").cancelled_at == 2


def test_a_cancellation_without_restock_leaves_the_units_out_of_stock() -> None:
    """The order has no units any more, but the stock has not got them back either."""
    shop = shop_with(tee=5)
    shop.sell(1, "o1", [want("tee", 2)], respect_levels=True)
    shop.cancel(2, "o1", restock=False)
    line = shop.order("o1").lines["1"]
    assert (line.current, line.held, shop.listing("tee").level) == (0, 2, 3)


@pytest.mark.parametrize(("kind", "held"), [("return", 1), ("cancel", 1), ("no_restock", 2)])
def test_a_refund_restocks_only_by_its_type(kind: str, held: int) -> None:
    """A refund of money is not a return of goods."""
    shop = shop_with(tee=5)
    shop.sell(1, "o1", [want("tee", 2)], respect_levels=True)
    shop.refund(2, "o1", [("1", 1)], RestockType(kind))
    assert shop.order("o1").lines["1"].held == held
    assert shop.listing("tee").level == 5 - held


def test_an_edit_moves_the_difference_in_either_direction() -> None:
    """More units are taken from stock, fewer go back to it."""
    shop = shop_with(tee=5)
    shop.sell(1, "o1", [want("tee", 2)], respect_levels=True)
    shop.edit(2, "o1", "1", 4)
    assert shop.listing("tee").level == 1
    shop.edit(3, "o1", "1", 1)
    assert shop.listing("tee").level == 4
    assert shop.order("o1").revision == 3


def test_more_units_than_an_order_has_cannot_be_refunded() -> None:
    """A wrong wish changes nothing, not even the lines before it."""
    shop = shop_with(tee=5)
    shop.sell(1, "o1", [want("tee", 2, "1"), want("tee", 1, "2")], respect_levels=True)
    with pytest.raises(ValueError, match="has 1 units, not 2"):
        shop.refund(2, "o1", [("1", 1), ("2", 2)], RestockType.RETURN)
    assert shop.listing("tee").level == 2


def test_a_line_is_sold_only_once() -> None:
    """The same line of the same order cannot be sold again; another line joins the order."""
    shop = shop_with(tee=5)
    shop.sell(1, "o1", [want("tee", 1, "1")], respect_levels=True)
    with pytest.raises(ValueError, match="already has the lines"):
        shop.sell(2, "o1", [want("tee", 1, "1")], respect_levels=True)
    joined = shop.sell(3, "o1", [want("tee", 1, "2")], respect_levels=True)
    assert joined is not None
    assert joined.kind is ChangeKind.UPDATED
    assert shop.listing("tee").level == 3


def test_what_a_shop_does_not_have_is_named() -> None:
    """Unknown listings, orders and lines are told by name."""
    shop = shop_with(tee=5)
    with pytest.raises(Unknown, match="no listing 'cap'"):
        shop.sell(1, "o1", [want("cap", 1)], respect_levels=True)
    with pytest.raises(Unknown, match="no order 'o1'"):
        shop.cancel(1, "o1")
    shop.sell(1, "o1", [want("tee", 1)], respect_levels=True)
    with pytest.raises(Unknown, match="'9'"):
        shop.edit(1, "o1", "9", 1)


STEPS = st.lists(
    st.tuples(st.sampled_from(["sell", "cancel", "edit", "refund"]), st.integers(0, 4), st.integers(1, 5)), max_size=30
)


@given(level=st.integers(0, 10), steps=STEPS)
def test_units_are_neither_made_nor_lost(level: int, steps: list[tuple[str, int, int]]) -> None:
    """Whatever happens in a shop: its level is what it began with less what its lines hold, and the journal adds up."""
    shop = shop_with(tee=level)
    for at, (verb, order, quantity) in enumerate(steps):
        name = f"o{order}"
        line = shop.orders[name].lines["1"] if name in shop.orders else None
        if verb == "sell" and line is None:
            shop.sell(at, name, [want("tee", quantity)], respect_levels=bool(quantity % 2))
        elif line is not None and verb == "cancel":
            shop.cancel(at, name, restock=bool(quantity % 2))
        elif line is not None and verb == "edit":
            shop.edit(at, name, "1", quantity - 1, restock=bool(quantity % 2))
        elif line is not None and line.current >= quantity:
            shop.refund(at, name, [("1", quantity)], list(RestockType)[quantity % 3])
    held = sum(line.held for order in shop.orders.values() for line in order.lines.values())
    current = sum(line.current for order in shop.orders.values() for line in order.lines.values())
    assert shop.listing("tee").level == level - held
    assert shop.listing("tee").committed == current
    assert sum(one.delta for one in shop.journal) == shop.listing("tee").level - level
