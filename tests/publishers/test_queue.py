"""The order of work."""

from hypothesis import given
from hypothesis import strategies as st

from publishers.queue import LOOK, PATIENCE_MS, WorkQueue, risk


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


def test_who_has_waited_too_long_gets_every_second_place() -> None:
    """From 10 s on, exactly: the overdue and the risky take turns."""
    queue = WorkQueue()
    queue.offer("old", 0, since=0)
    queue.offer("older", 0, since=-5)
    for n in range(4):
        queue.offer(f"hot{n}", 100 - n, since=PATIENCE_MS)
    assert order(queue, PATIENCE_MS - 6, limit=1) == ["hot0"]
    taken = order(queue, PATIENCE_MS)
    assert set(taken[:4]) == {"old", "older", "hot1", "hot2"}
    assert taken.index("older") < taken.index("old")


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
    assert queue.due_at(100) == 500
    assert order(queue, 499) == []
    assert queue.due_at(500) == 500
    assert order(queue, 500) == ["later"]
    queue.offer("now", 1, since=0)
    queue.offer("later", 9, since=0, due=900)
    assert queue.due_at(600) == 600
    assert order(queue, 600) == ["now"]
    assert queue.due_at(600) == 900


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
        queue.offer("a", n, since=0)
        queue.due_at(0)
    assert len(queue._by_risk) + len(queue._by_age) + len(queue._later) <= 4 * (1 + LOOK) + 3


def test_risk_grows_with_sales_and_with_scarcity() -> None:
    """A channel that shows nothing cannot oversell; one that may show anything is near to it."""
    assert risk(1_000, 1) > risk(1_000, 10) > risk(1_000, 100)
    assert risk(2_000, 10) > risk(1_000, 10)
    assert (risk(1_000, 0), risk(1_000, -2), risk(1_000, None), risk(0, 1)) == (0, 0, 1_001, 1)


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
