"""Names that are made of parts can be told apart."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import adjustment_order_id, line_key, listing_key, order_id, order_prefix


def test_an_order_id_is_channel_order_and_line() -> None:
    """The parts stand in the design's order; their own separators are percent-encoded."""
    assert order_id("shopify-uk", "820982911946154508", "1") == "shopify-uk_820982911946154508_1"
    assert order_id("woo", "A_1%", "x|y z") == "woo_A%5F1%25_x%7Cy%20z"


@given(st.tuples(st.text(max_size=5), st.text(max_size=5)), st.tuples(st.text(max_size=5), st.text(max_size=5)))
def test_two_lines_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Different parts give different ids."""
    assert (order_id("c", *one) == order_id("c", *other)) == (one == other)


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_line_belongs_to_its_order_only(order: str, line: str) -> None:
    """The prefix finds an order's lines and no other's."""
    assert order_id("c", order, line).startswith(order_prefix("c", order))
    assert not order_id("c", order + "1", line).startswith(order_prefix("c", order))


def test_keys_are_utf8() -> None:
    """The key on the topic is made of the same names."""
    assert adjustment_order_id("count_1") == "adj_count%5F1"
    assert line_key("woo_1_1", "ТИ") == "woo_1_1|ТИ".encode()
    assert listing_key("woo", "93") == b"woo|93"
