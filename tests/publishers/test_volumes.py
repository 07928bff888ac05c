"""Which SKUs are the best-selling fifth."""

from hypothesis import given
from hypothesis import strategies as st

from publishers.volumes import TOP, Volumes
from schemas import records
from schemas.words import CauseKind, Policy

HOUR_MS = 3_600_000


def level(
    sku: str, units: int, at: int = 0, velocity: int = 0, kind: CauseKind = CauseKind.ORDER
) -> records.StockLevel:
    """Return a level that an order (or an adjustment) of so many units left."""
    return records.StockLevel(
        sku=sku,
        quantity=1,
        version=1,
        paused=None,
        policy=Policy.REJECT,
        velocity=velocity,
        cause=records.Cause(kind=kind, delta=units, received_at=at),
        source={},
        updated_at=at,
    )


def best(volumes: Volumes, skus: int) -> set[str]:
    """Return the SKUs `s0`, `s1`, ... that are at the top."""
    return {f"s{n}" for n in range(skus) if volumes.top(f"s{n}")}


def test_the_best_selling_fifth_is_found() -> None:
    """By units, in however many orders they came."""
    volumes = Volumes()
    for n in range(100):
        for _ in range(1 + n % 2):
            volumes.note(level(f"s{n}", 2 ** (n // 10 + 1) // (1 + n % 2)))
    assert best(volumes, 100) == {f"s{n}" for n in range(80, 100)}


def test_what_never_sold_is_never_at_the_top() -> None:
    """Though there be fewer sellers than a fifth; counts and returns are no sales."""
    volumes = Volumes()
    for n in range(50):
        volumes.note(level(f"s{n}", 9, kind=CauseKind.ADJUSTMENT))
        volumes.note(level(f"s{n}", -4))
    assert best(volumes, 51) == set()
    volumes.note(level("s7", 1))
    assert best(volumes, 51) == {"s7"}


def test_last_weeks_sales_count_half() -> None:
    """Four units two weeks ago are one today."""
    volumes, week = Volumes(), 7 * 24 * HOUR_MS
    for n in range(8):
        volumes.note(level(f"s{n}", 0))
    volumes.note(level("s8", 7, at=week))
    volumes.note(level("s9", 2, at=3 * week))
    assert best(volumes, 10) == {"s8", "s9"}
    volumes.note(level("s10", 3, at=3 * week))
    assert best(volumes, 11) == {"s9", "s10"}


def test_a_publisher_that_starts_goes_by_the_rate_of_sale() -> None:
    """The last level is all that it has, and its cause may be a count."""
    volumes = Volumes()
    for n in range(10):
        volumes.note(level(f"s{n}", 0, velocity=693 * 2**n, kind=CauseKind.ADJUSTMENT))
    assert best(volumes, 10) == {"s8", "s9"}


@given(st.lists(st.integers(0, 6), min_size=5, max_size=300))
def test_about_a_fifth_is_at_the_top(volumes_of: list[int]) -> None:
    """Never more than that but for the equals of the very best, and none that sold less than one that is not there."""
    volumes = Volumes()
    for n, exponent in enumerate(volumes_of):
        volumes.note(level(f"s{n}", 2**exponent))
    chosen = best(volumes, len(volumes_of))
    very_best = {f"s{n}" for n, exponent in enumerate(volumes_of) if exponent == max(volumes_of)}
    assert chosen == very_best or len(chosen) <= len(volumes_of) // TOP + 1
    inside = [volumes_of[int(sku[1:])] for sku in chosen]
    outside = [exponent for n, exponent in enumerate(volumes_of) if f"s{n}" not in chosen]
    assert min(inside) > max(outside, default=-1)
