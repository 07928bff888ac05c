"""Where what sells fast needs no smaller call, it shares one with the rest."""

from publishers.work import Call
from tests.publishers.conftest import BenchOf


def test_a_hot_and_a_calm_product_of_one_etsy_listing_are_one_call(bench_of: BenchOf) -> None:
    """A listing is read and written as a whole: two calls would cost twice as much and wait for one another."""
    bench = bench_of("etsy")
    for sku in ("hot", "calm"):
        bench.listing(sku, listing="900", product=sku)
        bench.level(sku, 9)
    bench.ordered("hot", 8, 1, ordered_at=bench.now, channel="elsewhere")
    call = bench.plan()
    assert isinstance(call, Call)
    assert {row.sku for row in call.rows} == {"hot", "calm"}
