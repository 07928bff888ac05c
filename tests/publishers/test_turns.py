"""Whose turn it is: the urgent or the overdue."""

from hypothesis import given
from hypothesis import strategies as st

from publishers.turns import LAG, PATIENCE_MS, TURN, Turns

NOW = 50_000
OVERDUE = NOW - PATIENCE_MS


def test_nobody_is_served_by_age_before_the_time() -> None:
    """To the ms; nobody at all takes no place either."""
    turns = Turns()
    assert not any(turns.aged(OVERDUE + 1, NOW, hot=True) for _ in range(1_000))
    assert not turns.aged(None, NOW, hot=False)


def test_a_burst_of_hot_skus_gives_up_every_eighth_place() -> None:
    """Fifty hot places are over within 1.15 times their number."""
    turns = Turns()
    served = [turns.aged(OVERDUE, NOW, hot=True) for _ in range(57)]
    assert served.count(False) == 50
    assert [n for n, aged in enumerate(served) if aged] == list(range(TURN - 1, 57, TURN))


def test_hot_skus_without_end_get_half_of_the_places() -> None:
    """Once they are ahead by the lag the two take turns, however long it lasts."""
    turns = Turns()
    served = [turns.aged(OVERDUE, NOW, hot=True) for _ in range(10_000)]
    assert served.count(False) - served.count(True) in (LAG, LAG - 1)
    assert served[-100:].count(True) == 50


def test_what_the_overdue_are_behind_is_made_good_when_nobody_is_hot() -> None:
    """No sale is slowed by it then; after that the two orders take turns."""
    turns = Turns()
    for _ in range(16):
        turns.aged(OVERDUE, NOW, hot=True)
    assert [turns.aged(OVERDUE, NOW, hot=False) for _ in range(16)] == [True] * 12 + [False, True, False, True]


@given(st.integers(0, 40), st.lists(st.booleans(), max_size=400), st.lists(st.booleans(), max_size=400))
def test_the_bound_holds_whatever_came_before(older: int, before: list[bool], ahead: list[bool]) -> None:
    """With `k` older ones an overdue SKU is served within `2 * (k + 1) + LAG` places, whoever else is urgent."""
    turns = Turns()
    for hot in before:
        turns.aged(OVERDUE, NOW, hot=hot)
    by_age = places = 0
    while by_age <= older:
        hot = ahead[places] if places < len(ahead) else True
        by_age += turns.aged(OVERDUE, NOW, hot=hot)
        places += 1
    assert places <= 2 * (older + 1) + LAG
