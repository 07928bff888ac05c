"""The order of work."""

from hypothesis import given
from hypothesis import strategies as st

from publishers.queue import LOOK, MATES, WorkQueue
from publishers.turns import PATIENCE_MS
from publishers.urgency import HOT


def everything(_sku: str) -> bool:
    """Accept any SKU."""
    return True


def order(queue: WorkQueue, now: int, limit: int = 100) -> list[str]:
    """Return the SKUs in the order in which they are taken."""
    return [sku for sku, _ in queue.take(now, limit, everything)]


def test_the_nearest_oversell_is_served_first() -> None:
    """Highest risk first, whoever came first."""
    queue = WorkQueue()
    for sku, danger in (("calm", 1), ("hot", 900), ("warm", 50)):
        queue.offer(sku, danger, since=0)
    assert order(queue, 1) == ["hot", "warm", "calm"]
    assert len(queue) == 0


def test_equal_risk_is_served_in_order_of_arrival() -> None:
    """Nothing is shuffled without a reason."""
    queue = WorkQueue()
    for sku in ("c", "a", "b"):
        queue.offer(sku, 5, since=0)
    assert order(queue, 1) == ["c", "a", "b"]


def test_who_has_waited_too_long_is_served_by_age_in_turns() -> None:
    """From 10 s on, exactly; of two overdue SKUs the older one first, whatever their dangers."""
    queue = WorkQueue()
    queue.offer("old", 3, since=0)
    queue.offer("older", 0, since=-5)
    for n in range(16):
        queue.offer(f"hot{n:02}", HOT, since=PATIENCE_MS)
    assert order(queue, PATIENCE_MS - 6, limit=1) == ["hot00"]
    taken = order(queue, PATIENCE_MS)
    assert [n for n, sku in enumerate(taken) if not sku.startswith("hot")] == [7, 15]
    assert (taken[7], taken[15]) == ("older", "old")


def test_the_overdue_are_served_even_when_nothing_else_waits() -> None:
    """Taking turns does not mean waiting for one."""
    queue = WorkQueue()
    for n in range(5):
        queue.offer(f"s{n}", n, since=n)
    assert sorted(order(queue, PATIENCE_MS + 10)) == [f"s{n}" for n in range(5)]
    assert order(queue, PATIENCE_MS + 10) == []


def test_offering_again_replaces_the_place() -> None:
    """A SKU stands in the queue once, with its newest risk and due time."""
    queue = WorkQueue()
    queue.offer("a", 1, since=3)
    queue.offer("b", 2, since=4)
    queue.offer("a", 9, since=3)
    assert len(queue) == 2
    assert queue.take(10, 5, everything) == [("a", 3), ("b", 4)]


def test_nobody_is_served_before_the_due_time() -> None:
    """A later due time keeps a SKU out until then, to the ms."""
    queue = WorkQueue()
    assert queue.due_at(0) is None
    queue.offer("later", 9, since=0, due=500)
    queue.offer("last", 9, since=0, due=700)
    assert queue.due_at(100) == 500
    queue.discard("last")
    assert order(queue, 499) == []
    assert queue.due_at(500) == 500
    assert order(queue, 500) == ["later"]
    queue.offer("now", 1, since=0)
    queue.offer("later", 9, since=0, due=900)
    assert queue.due_at(600) == 600
    assert order(queue, 600) == ["now"]
    assert queue.due_at(600) == 900


def test_who_is_due_already_is_not_sent_back_by_a_later_time() -> None:
    """Being offered again, with another danger even, makes nobody wait longer."""
    queue = WorkQueue()
    queue.offer("a", 1, since=0, due=500)
    queue.offer("a", 9, since=0, due=900)
    assert (queue.due_at(499), queue.due_at(500)) == (500, 500)
    queue.offer("a", 50, since=0, due=900)
    assert order(queue, 500) == ["a"]


def test_a_discarded_sku_is_gone() -> None:
    """From every order and from the counts; discarding a stranger does nothing."""
    queue = WorkQueue()
    queue.offer("a", 1, since=1)
    queue.offer("b", 1, since=2)
    queue.discard("a")
    queue.discard("stranger")
    assert ("a" in queue, "b" in queue, len(queue), list(queue)) == (False, True, 1, ["b"])
    assert (queue.since("a"), queue.since("b"), queue.oldest()) == (None, 2, 2)
    assert order(queue, 5) == ["b"]
    assert queue.oldest() is None


def test_who_is_not_accepted_keeps_the_place() -> None:
    """A call takes what belongs together; the rest stays in order."""
    queue = WorkQueue()
    for n in range(6):
        queue.offer(f"{'x' if n % 2 else 'y'}{n}", 10 - n, since=0)
    assert [sku for sku, _ in queue.take(0, 2, lambda sku: sku.startswith("x"))] == ["x1", "x3"]
    assert order(queue, 0) == ["y0", "y2", "y4", "x5"]


def test_one_batch_looks_at_a_bounded_number_of_places() -> None:
    """However long the queue, a call that fits nobody ends its search."""
    queue, looked = WorkQueue(), list[str]()

    def nobody(sku: str) -> bool:
        looked.append(sku)
        return False

    for n in range(LOOK + 50):
        queue.offer(f"s{n}", 1, since=0)
    assert queue.take(0, 1, nobody) == []
    assert len(looked) == LOOK
    assert len(order(queue, 0, LOOK + 50)) == LOOK + 50


def test_memory_stays_bounded_under_endless_changes() -> None:
    """A hundred thousand changes of one SKU leave no hundred thousand places behind."""
    queue = WorkQueue()
    for n in range(100_000):
        queue.offer("a", n % 1_000, since=n, due=n % 7)
        queue.due_at(0)
    assert queue.places() <= 4 * (1 + LOOK) + 3


def test_so_it_does_while_nobody_asks_what_is_due() -> None:
    """A SKU waits for its ladder and sells on and on: each sale leaves two void places until they are swept."""
    queue = WorkQueue()
    for n in range(8 * LOOK):
        queue.offer("a", 1 + n % 2, since=0, due=60_000)
    assert queue.places() <= 3 * LOOK
    assert order(queue, 60_000) == ["a"]


def test_so_it_does_with_many_that_are_pending_and_all_change_again_and_again() -> None:
    """A million that wait take five places each at most, however often each of them has changed."""
    queue, many = WorkQueue(), 1_500
    for turn in range(12):
        for n in range(many):
            queue.offer(f"s{n}", (n * 7919 + turn * 104729) % 2**20, since=n, due=(n + turn) % 3, group=f"g{n % 50}")
        queue.due_at(turn % 3)
        assert queue.places() <= 5 * many + 3 * LOOK
    assert len(queue) == many
    assert len(order(queue, 2, 2 * many)) == many
    assert len(queue) == 0


def test_a_wait_raises_the_urgency_as_danger_does() -> None:
    """Three times the wait outweighs an eighth of the danger and not a sixteenth; a second is added to every wait."""
    queue = WorkQueue()
    for danger, since, first in ((32, 5_000, "waits"), (64, 5_000, "fresh"), (8, 6_900, "fresh")):
        queue.offer("fresh", danger, since=7_000)
        queue.offer("waits", 4, since=since)
        assert order(queue, 7_000, limit=1) == [first]
        queue = WorkQueue()


def test_only_what_is_hot_grows_more_urgent_without_end() -> None:
    """A calm SKU's danger is the same after an hour; a hot one is told in turn with others that are hotter."""
    queue = WorkQueue()
    queue.offer("calm", HOT // 2, since=0)
    queue.offer("hotter", HOT * 128, since=60_000)
    assert order(queue, 60_000, limit=1) == ["hotter"]
    queue = WorkQueue()
    queue.offer("hot", HOT, since=0)
    queue.offer("hotter", HOT * 64, since=58_000)
    assert order(queue, 60_000, limit=1) == ["hot"]


def test_a_hot_sku_stands_back_for_eight_seconds_at_most() -> None:
    """Then it goes before all that is more dangerous and has waited less, to the ms."""
    queue = WorkQueue()
    queue.offer("hot", HOT, since=0)
    for n in range(3):
        queue.offer(f"hotter{n}", HOT * 2**20, since=5_000)
    assert order(queue, 7_999, limit=1) == ["hotter0"]
    assert order(queue, 8_000, limit=1) == ["hot"]


def test_a_danger_offered_again_keeps_its_place_in_the_line() -> None:
    """A SKU that sells on and on is not sent to the end each time."""
    queue = WorkQueue()
    for sku in ("a", "b"):
        queue.offer(sku, 100, since=5)
    queue.offer("a", 101, since=5)
    assert order(queue, 9) == ["a", "b"]


def test_a_sku_that_waits_for_its_ladder_counts_as_waiting() -> None:
    """The oldest one is the oldest of all, due or not, awake or woken since."""
    queue = WorkQueue()
    queue.offer("asleep", 1, since=3, due=1_000)
    queue.offer("awake", 1, since=5)
    queue.offer("gone", 1, since=1, due=1_000)
    assert queue.oldest() == 1
    queue.discard("gone")
    assert queue.oldest() == 3
    queue.due_at(1_000)
    assert queue.oldest() == 3
    assert order(queue, 1_000, limit=1) == ["asleep"]
    assert queue.oldest() == 5


def test_the_mates_of_a_group_are_found_wherever_they_stand() -> None:
    """A call of one parent's variations is filled even when a hundred thousand others wait before them."""
    queue = WorkQueue()
    for n in range(3 * LOOK):
        queue.offer(f"other{n}", 50, since=0, group="" if n % 2 else f"p{n}")
    for n in range(4):
        queue.offer(f"mine{n}", 4**n, since=0, group="mine", due=0 if n else 500)
    assert [sku for sku, _ in queue.mates(0, 2, everything, "mine")] == ["mine3", "mine2"]
    assert [sku for sku, _ in queue.mates(500, 9, lambda sku: sku != "mine1", "mine")] == ["mine0"]
    assert queue.mates(500, 9, everything, "nobody") == []
    queue.offer("mine1", 1, since=0, group="theirs")
    assert queue.mates(500, 9, everything, "mine") == []
    assert queue.mates(500, 9, everything, "theirs") == [("mine1", 0)]
    assert len(queue.mates(500, 9 * LOOK, everything)) == 3 * LOOK
    assert not queue._groups


def test_mates_are_looked_for_beside_the_sku_that_they_go_with() -> None:
    """A calm one that was taken in its turn finds its like, however many hot ones stand before them."""
    queue = WorkQueue()
    for n in range(4 * MATES):
        queue.offer(f"hot{n}", HOT, since=20_000)
        queue.offer(f"calm{n}", 9, since=n)
    for _ in range(8):
        taken = order(queue, 20_000, limit=1)
    assert taken == ["calm0"]
    assert [sku for sku, _ in queue.mates(20_000, 3, lambda sku: "calm" in sku)] == ["calm1", "calm2", "calm3"]


def test_mates_of_two_lines_are_no_more_than_a_call_holds() -> None:
    """First those of the same danger, then the most urgent, and together as many as were asked for."""
    queue = WorkQueue()
    for n in range(3):
        queue.offer(f"calm{n}", 9, since=0)
    for n in range(9):
        queue.offer(f"hot{n}", HOT, since=0)
    assert queue.take(0, 1, lambda sku: "calm" in sku) == [("calm0", 0)]
    assert [sku for sku, _ in queue.mates(0, 4, everything)] == ["calm1", "calm2", "hot0", "hot1"]


def test_mates_take_nobodys_turn() -> None:
    """How full the calls are says nothing about who is served next."""
    queue = WorkQueue()
    queue.offer("old", 0, since=0)
    for n in range(100):
        queue.offer(f"hot{n}", HOT, since=PATIENCE_MS)
    for _ in range(7):
        assert order(queue, PATIENCE_MS, limit=1) != ["old"]
        assert len(queue.mates(PATIENCE_MS, 9, lambda sku: sku != "old")) == 9
    assert order(queue, PATIENCE_MS, limit=1) == ["old"]


def test_a_bulk_takes_from_the_calm_end() -> None:
    """Least danger first and the oldest of these, so that the dangerous are left for calls of their own."""
    queue = WorkQueue()
    for n, danger in enumerate((500, 3, 40, 2, 1, 41)):
        queue.offer(f"s{n}", danger, since=-n)
    queue.offer("later", 0, since=0, due=9)
    assert queue.take_calm(0, 4, lambda sku: sku != "s4") == [("s3", -3), ("s1", -1), ("s5", -5), ("s2", -2)]
    assert order(queue, 0) == ["s0", "s4"]


def test_those_who_may_be_told_are_counted_by_danger() -> None:
    """What waits for its ladder, was taken or has moved to another class is not counted there."""
    queue = WorkQueue()
    for n, danger in enumerate((0, 1, 5, 6, 900)):
        queue.offer(f"s{n}", danger, since=0, due=0 if n else 50)
    assert (queue.count(49), queue.count(50)) == (4, 5)
    assert [queue.count(50, below) for below in (0, 1, 2, 4, 8, 1_024)] == [0, 1, 2, 2, 4, 5]
    queue.offer("s2", 800, since=0)
    queue.discard("s3")
    queue.take(50, 1, lambda sku: sku == "s4")
    assert [queue.count(50, below) for below in (2, 8, 1_024)] == [2, 2, 3]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 50), st.integers(0, 40), st.integers(0, 60)), max_size=60
    )
)
def test_every_sku_is_taken_once_with_its_newest_place(offers: list[tuple[str, int, int, int]]) -> None:
    """Whatever is offered when, taking at the end gives each SKU once."""
    queue, newest = WorkQueue(), {}
    for sku, danger, since, due in offers:
        queue.offer(sku, danger, since, due)
        newest[sku] = since
    assert len(queue) == len(newest)
    assert dict(queue.take(100, 100, everything)) == newest
