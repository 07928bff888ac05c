"""The channel's own sales that its confirmed number does not reflect yet."""

from publishers.sales import OPEN_MAX, REMEMBERED, Sales, key


def test_a_sale_counts_once_however_often_it_is_told() -> None:
    """From the level and from the outcome, before and after it is settled."""
    sales = Sales()
    assert sales.add("A", "5", 2)
    assert not sales.add("A", "5", 2)
    assert (sales.sold("A"), sales.known("A")) == (2, ("5",))
    sales.settle("A", ["5"])
    assert not sales.add("A", "5", 2)
    assert (sales.sold("A"), sales.known("A"), sales.sold("B")) == (0, (), 0)


def test_settling_takes_only_what_the_told_number_reflects() -> None:
    """A sale during the call stays; settling nothing or a stranger changes nothing."""
    sales = Sales()
    sales.add("A", "5", 2)
    sales.add("A", "6", -1)
    sales.settle("A", [])
    sales.settle("B", ["5"])
    assert sales.sold("A") == 1
    sales.settle("A", ["5"])
    assert (sales.sold("A"), sales.known("A")) == (-1, ("6",))


def test_what_a_read_number_reflects_already_is_not_taken_from_it_again() -> None:
    """A level brings its own sale and all before it; a shortfall, which moved no level, counts in any case."""
    sales = Sales()
    for sale, taken in (("4", 1), ("5", 2), ("6", 4), ("shop_1_1", 8)):
        sales.add("A", sale, taken)
    assert [sales.sold("A", version) for version in (0, 4, 5, 6)] == [15, 14, 12, 8]


def test_a_sale_is_known_by_its_version_or_else_by_its_line() -> None:
    """A shortfall may come without a version."""
    assert (key("shop_1_1", 7), key("shop_1_1", None)) == ("7", "shop_1_1")


def test_memory_is_bounded_and_no_unit_is_lost() -> None:
    """A channel in shadow sells for months and is never told; what is settled is forgotten in the end."""
    sales = Sales()
    for n in range(10 * OPEN_MAX):
        assert sales.add("A", key(f"shop_{n}_1", n if n % 2 else None), 1)
    assert len(sales.known("A")) == OPEN_MAX + 1
    assert sales.sold("A") == 10 * OPEN_MAX
    sales.settle("A", sales.known("A"))
    assert sales.sold("A") == 0
    assert len(sales._settled["A"]) == REMEMBERED
