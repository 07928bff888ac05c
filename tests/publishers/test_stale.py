"""A number that the channel called stale is read, whatever has changed meanwhile."""

from typing import Any


def test_a_stale_number_is_read_even_where_the_level_has_come_back_to_what_we_believed(
    bench_of: Any, trade_of: Any
) -> None:
    """
    An answer was lost, the level went back to the old number, and the second try was stale.

    By what we believed there is nothing to tell then; the channel shows what the lost call told it.
    """
    bench = bench_of(levels={"A": 40})
    trade = trade_of(bench)
    for move, units in (("other", 1), ("other", 3), ("lose", 1), ("step", 1), ("other", 4)):
        trade.happens(move, units)
    bench.work(until=bench.now + 60_000)
    assert [what for what, _ in bench.shop.calls] == ["tell", "tell", "read", "tell"]
    assert bench.shop.numbers["A"] == trade.hub == 40
