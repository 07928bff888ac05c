"""What webhooks named: which orders are asked for, when again, and up to where all have been read."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.poll.turns import DEBOUNCE_MS, SEARCH_MS, Turns
from ingest.poll.wakes import AGAIN_MS, SOME_MAX, Batch, Wakes


def named(*orders: str, start: int = 0) -> Wakes:
    wakes = Wakes(start)
    wakes.take([(start + i, order) for i, order in enumerate(orders)], start + len(orders), 0)
    return wakes


def batch(wakes: Wakes, now: int = 0) -> Batch:
    found = wakes.due(now)
    assert found is not None
    return found


def test_orders_are_asked_for_once_each_and_some_at_a_time() -> None:
    """A thousand wakes for thirty orders are two questions."""
    wakes = named(*[str(i % 30) for i in range(1_000)])
    first = batch(wakes)
    assert first.orders == tuple(str(i) for i in range(SOME_MAX))
    assert wakes.done(first, first.orders, 0) == []
    second = batch(wakes)
    assert second.orders == tuple(str(i) for i in range(SOME_MAX, 30))
    assert wakes.done(second, second.orders, 0) == []
    assert wakes.due(0) is None
    assert wakes.woken == 1_000


def test_what_is_behind_an_unread_order_is_not_behind_woken() -> None:
    """The second of three is read: the first one holds the offset back."""
    wakes = named("a", "b", "c")
    wakes.done(Batch(orders=("b",), upto=3), ["b"], 0)
    assert wakes.woken == 0
    wakes.done(Batch(orders=("a",), upto=3), ["a"], 0)
    assert wakes.woken == 2


def test_a_wake_that_comes_while_its_order_is_being_read_is_read_again() -> None:
    """What changed after the question need not be in the answer."""
    wakes = named("a")
    asked = batch(wakes)
    wakes.take([(1, "a")], 2, 0)
    wakes.done(asked, ["a"], 0)
    assert (batch(wakes).orders, wakes.woken) == (("a",), 1)


def test_an_order_that_is_not_shown_yet_is_asked_for_again_a_few_times_and_then_given_up() -> None:
    """After 5 s, half a minute, two minutes; then it is named in the log and holds nothing back."""
    wakes, now = named("a"), 0
    for pause in AGAIN_MS:
        assert wakes.done(batch(wakes, now), [], now) == []
        assert wakes.due(now + pause - 1) is None
        assert (wakes.next_at(), wakes.woken) == (now + pause, 0)
        now += pause
    assert wakes.done(batch(wakes, now), [], now) == ["a"]
    assert (len(wakes), wakes.woken, wakes.next_at()) == (0, 1, None)


def test_an_order_that_spoils_the_answer_for_all_is_asked_for_alone() -> None:
    """The others are read beside it; it is given up after its tries, each of them while the channel answers."""
    wakes, now = named("a", "bad", "c"), 0
    whole = batch(wakes)
    wakes.later(whole, now)
    assert wakes.failed(whole, now) == []
    assert wakes.due(now) is None
    now, lost, read = AGAIN_MS[0], list[str](), list[str]()
    for _ in range(20):
        now += max(AGAIN_MS)
        while (one := wakes.due(now)) is not None:
            assert len(one.orders) == 1
            if one.orders == ("bad",):
                lost += wakes.failed(one, now)
            else:
                read += one.orders
                wakes.done(one, one.orders, now)
    assert (read, lost, wakes.woken) == (["a", "c"], ["bad"], 3)


def test_a_wake_without_an_order_waits_for_a_whole_search_that_began_after_it() -> None:
    """The end of an older search proves nothing."""
    wakes = named("", "")
    assert wakes.due(0) is None
    wakes.searched(1)
    assert (wakes.unnamed, wakes.woken) == (True, 1)
    wakes.searched(2)
    assert (wakes.unnamed, wakes.woken) == (False, 2)


def test_a_name_that_can_be_no_order_is_not_put_into_a_question() -> None:
    """Spaces, control characters, endless text: everything that changed is searched instead."""
    wakes = named("a b", "\n", "x" * 101, "ü")
    assert (wakes.due(0), wakes.unnamed) == (None, True)


def test_a_log_that_was_made_anew_is_counted_anew() -> None:
    """What waits is still read, and the offset follows the new log."""
    wakes = named("a", "", start=500)
    wakes.take([], 0, 0)
    assert wakes.woken == 0
    wakes.take([(0, "b")], 1, 0)
    wakes.done(batch(wakes), ["a", "b"], 0)
    wakes.searched(1)
    assert (wakes.woken, len(wakes), wakes.unnamed) == (1, 0, False), "read, whatever the old log's numbers were"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("name"), st.sampled_from(["", "a", "b", "c"])),
            st.tuples(st.just("ask"), st.lists(st.booleans(), min_size=3, max_size=3)),
            st.tuples(st.just("search"), st.none()),
            st.tuples(st.just("other"), st.none()),
        ),
        max_size=60,
    )
)
def test_the_offset_passes_no_wake_that_was_not_read_afterwards(steps: list[tuple[str, object]]) -> None:
    """Whatever comes in which order: below `woken` each named order was shown, or asked for to the last try."""
    wakes, log, now = Wakes(0), list[tuple[str, bool]](), 0
    asks: dict[str, int] = {}
    for step, value in steps:
        now += 1_000_000
        if step in ("name", "other"):
            order = str(value) if step == "name" else "other channel"
            log.append((order, step == "other"))
            wakes.take([(len(log) - 1, order)] if step == "name" else [], len(log), now)
            asks[order] = 0
        elif step == "ask" and (some := wakes.due(now)) is not None:
            assert isinstance(value, list)
            shown = [order for order, shows in zip(some.orders, value, strict=False) if shows]
            wakes.done(some, shown, now)
            for order in some.orders:
                asks[order] = asks.get(order, 0) + 1
                if order in shown or asks[order] > len(AGAIN_MS):
                    log = [(name, done or name == order) for name, done in log]
                    asks[order] = 0
        elif step == "search":
            wakes.searched(len(log))
            log = [(name, done or not name) for name, done in log]
        behind = [name for name, done in log[: wakes.woken] if not done]
        assert behind == []
    # And it does not stay behind for ever.
    wakes.searched(len(log))
    for _ in range(10):
        now += 1_000_000
        while (some := wakes.due(now)) is not None:
            wakes.done(some, some.orders, now)
    assert wakes.woken == len(log)


def test_a_burst_of_webhooks_is_a_handful_of_searches() -> None:
    """A thousand within ten seconds: one search at once, then one each five seconds."""
    turns, searches = Turns(0), list[int]()
    turns.searched(0, 60_000)
    now = 100_000 - 60_000
    for _ in range(1_000):
        now += 10
        turns.ask(now)
        if turns.search(now):
            searches.append(now)
            turns.searched(now, 60_000)
    assert len(searches) <= 1 + 10_000 // SEARCH_MS
    assert turns.wait_ms(now, None) <= SEARCH_MS
    assert DEBOUNCE_MS < SEARCH_MS


def test_a_person_who_asks_waits_for_nothing() -> None:
    """`POST /poll` searches at once, however short ago the last search was."""
    turns = Turns(0)
    turns.searched(0, 60_000)
    turns.ask(10)
    assert not turns.search(10)
    turns.ask(10, at_once=True)
    assert turns.search(10)


def test_a_pause_ends_when_a_named_order_is_due() -> None:
    """Sooner than the search, never in the past."""
    turns = Turns(0)
    turns.searched(0, 60_000)
    assert [turns.wait_ms(1_000, at) for at in (None, 5_000, 90_000, 500)] == [59_000, 4_000, 59_000, 0]
