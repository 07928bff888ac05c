"""What the same shoppers would have met otherwise."""

from compose.flashsale.demand import MINUTE_MS, Demand, Wish
from compose.flashsale.timeline import Delay, oversold_by_events, oversold_by_polling


def demand(stock: int, *wishes: tuple[str, int, int]) -> Demand:
    return Demand(
        wishes=tuple(
            Wish(channel=channel, order_id=str(n), line_id="1", sku="A", qty=qty, at=at)
            for n, (channel, qty, at) in enumerate(wishes)
        ),
        stock={"A": stock},
        channels=("amazon", "shopify"),
        hot=("A",),
        flash_run_at=None,
    )


def test_the_story_of_ten_units() -> None:
    """10 units; Amazon sells 8 after 3 minutes, Shopify 5 after 7: polling finds minus 3 after 15."""
    story = demand(10, ("amazon", 8, 3 * MINUTE_MS), ("shopify", 5, 7 * MINUTE_MS))
    quick = Delay(decided_ms=100, told_ms=2_000)

    assert oversold_by_polling(story) == 3
    assert oversold_by_events(story, {}, [quick]) == 0


def test_polling_helps_after_its_round() -> None:
    """What a round has corrected is not sold again."""
    assert oversold_by_polling(demand(10, ("amazon", 8, 3 * MINUTE_MS), ("shopify", 5, 15 * MINUTE_MS))) == 0
    assert oversold_by_polling(demand(10, ("amazon", 8, 3 * MINUTE_MS), ("shopify", 5, 15 * MINUTE_MS - 1))) == 3


def test_a_shop_never_sells_what_it_does_not_show() -> None:
    """One shop alone cannot oversell."""
    assert oversold_by_polling(demand(3, ("amazon", 2, 1), ("amazon", 2, 2), ("amazon", 1, 3))) == 0


def test_a_sale_within_the_delay_is_oversold() -> None:
    """The measured delay of that very order decides."""
    story = demand(1, ("amazon", 1, 1_000), ("shopify", 1, 3_000))
    slow, quick = Delay(decided_ms=10, told_ms=2_001), Delay(decided_ms=10, told_ms=2_000)

    assert oversold_by_events(story, {"0": slow}, [quick]) == 1
    assert oversold_by_events(story, {"0": quick}, [slow]) == 0


def test_a_number_on_its_way_overwrites_a_sale_not_heard_of() -> None:
    """Amazon's push of 2 reaches Shopify after Shopify's own sale, which is heard of later: one unit too many."""
    story = demand(3, ("amazon", 1, 0), ("shopify", 2, 500), ("shopify", 2, 1_500))
    first, second = Delay(decided_ms=100, told_ms=1_000), Delay(decided_ms=5_000, told_ms=6_000)

    assert oversold_by_events(story, {"0": first, "1": second}, [second]) == 2
