"""The shoppers of the rehearsal."""

import pytest

from compose.flashsale.demand import DAY_MS, BadFile, from_rows, made_up

CSV = ["channel,order_id,line_id,sku,qty,timestamp"]
CHANNELS = ("a", "b")


def test_the_same_seed_brings_the_same_shoppers() -> None:
    """A run can be repeated."""
    one, again, other = (made_up(orders=50, seconds=10, skus=30, seed=seed, channels=CHANNELS) for seed in (1, 1, 2))

    assert one == again
    assert one.wishes != other.wishes


def test_a_day_and_then_a_flash_sale_in_real_time() -> None:
    """The day is compressed; the flash sale has 300 orders a minute on ten SKUs with little stock."""
    demand = made_up(orders=847, seconds=60, skus=500, seed=1, channels=CHANNELS)
    day = [wish for wish in demand.wishes if not wish.flash]
    flash = [wish for wish in demand.wishes if wish.flash]

    assert (len(day), len(flash)) == (847, 150)
    assert all(0 <= wish.at < DAY_MS and 0 <= wish.run_at < 60_000 for wish in day)
    assert all(wish.at - DAY_MS == wish.run_at - 60_000 and 60_000 <= wish.run_at < 90_000 for wish in flash)
    assert {wish.sku for wish in flash} <= set(demand.hot)
    assert len(demand.hot) == 10
    assert all(demand.stock[sku] == 8 for sku in demand.hot)
    assert not {wish.sku for wish in day} & set(demand.hot)
    assert [wish.run_at for wish in demand.wishes] == sorted(wish.run_at for wish in demand.wishes)
    assert 0.02 < sum(wish.twice for wish in demand.wishes) / len(demand.wishes) < 0.09
    assert len({wish.order_id for wish in demand.wishes}) == len(demand.wishes)


def test_a_history_is_compressed_and_keeps_its_order() -> None:
    """Rows are sorted by time; times may be ISO 8601, seconds or milliseconds; lines of an order stay together."""
    demand = from_rows(
        [
            *CSV,
            "My Shop!,B,1,MUG,2,2026-11-21T10:10:00Z",
            "woo,A,1,TEE,1,1795255200",
            "My Shop!,B,2,TEE,1,1795255800000",
        ],
        ["sku,qty", "TEE,1", "MUG,5"],
        seconds=6,
        seed=1,
    )

    assert [(w.channel, w.sku, w.qty, w.at, w.run_at) for w in demand.wishes] == [
        ("woo", "TEE", 1, 0, 0),
        ("my-shop", "MUG", 2, 600_000, 6_000),
        ("my-shop", "TEE", 1, 600_000, 6_000),
    ]
    assert demand.wishes[1].order_id == demand.wishes[2].order_id != demand.wishes[0].order_id
    assert (demand.channels, demand.stock, demand.flash_run_at) == (("woo", "my-shop"), {"TEE": 1, "MUG": 5}, None)


def test_without_a_stock_file_there_is_half_of_what_was_ordered() -> None:
    """So that something sells out."""
    demand = from_rows([*CSV, "a,1,1,TEE,3,1", "b,2,1,TEE,2,2"], None, seconds=1, seed=1)

    assert demand.stock == {"TEE": 2}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,1,1,TEE,0,1", "row 2: qty 0 is not positive"),
        ("a,1,1,TEE,x,1", "row 2: invalid literal"),
        ("a,1,1,TEE,1,yesterday", "row 2: Invalid isoformat"),
        ("a,1,1", "row 2: want channel,order_id"),
        ("!,1,1,TEE,1,1", "row 2: channel is empty"),
    ],
)
def test_a_bad_row_is_named(row: str, problem: str) -> None:
    """Whoever made the file finds the line."""
    with pytest.raises(BadFile, match=problem):
        from_rows([*CSV, row], None, seconds=1, seed=1)


def test_an_empty_file_is_refused() -> None:
    """There is nothing to play."""
    with pytest.raises(BadFile, match="no rows"):
        from_rows(CSV, None, seconds=1, seed=1)


def test_a_bad_stock_row_is_named() -> None:
    """The stock file has its own rows."""
    with pytest.raises(BadFile, match="stock row 3"):
        from_rows([*CSV, "a,1,1,TEE,1,1"], ["sku,qty", "TEE,1", "MUG,many"], seconds=1, seed=1)
