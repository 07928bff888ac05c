"""Named orders in the poller's loop, and access tokens: with a scripted channel and Kafka."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest

from ingest.channels import woocommerce_poll
from ingest.channels.woocommerce import read_order
from ingest.poll.grant import Tokens
from ingest.poll.kind import Answer, Denied, Expired, Page, Request, Token
from ingest.poll.torn import AFTER_MS as TORN_AFTER_MS
from ingest.poll.wakes import AGAIN_MS, SOME_MAX
from ingest.poller import Ended, Poller
from ingest.webhook import Reading
from schemas.channel_records import Watermark
from schemas.codec import decode
from schemas.records import OrderConfirmed
from schemas.settings import Channel
from schemas.topics import INGEST_WATERMARK, ORDER_CONFIRMED
from tests.ingest.test_poller import SHOP, T0, World, order

DOWN = Answer(status=503, headers={}, body=b"")


def woken(world: World) -> list[int]:
    """Return the offsets of wakes that were acknowledged."""
    return [decode(Watermark, m.value).woken for m in world.sent if m.topic == INGEST_WATERMARK]


async def test_a_named_order_is_read_before_the_search_and_acknowledged_before_its_offset() -> None:
    """The question for the order comes first; the offset is written behind its line."""
    world = World([order(9, 1)], [])
    world.name("9")
    assert await world.poller.read() is Ended.READ
    assert "include=9" in world.calls[0].url
    assert "modified_after" in world.calls[1].url
    assert [m.topic for m in world.sent[:2]] == [ORDER_CONFIRMED, INGEST_WATERMARK]
    assert woken(world)[0] == 1


async def test_between_searches_only_the_named_orders_are_asked_for() -> None:
    """A turn without a search asks one question, and writes no time that it has not searched."""
    world = World([order(9, 1)])
    world.name("9", "9")
    await world.poller.read_named()
    assert len(world.calls) == 1
    assert (world.marks(), woken(world)) == ([T0], [2])


async def test_named_orders_go_between_the_pages_of_a_search_that_is_far_behind() -> None:
    """The search has pages left: what a webhook names meanwhile is read next."""
    page = [order(100 + i, i // 2) for i in range(100)]
    world = World(page, [order(9, 1)], [])
    taken = world.call

    async def call(request: Request) -> Answer:
        if not world.calls:
            world.name("9")
        return await taken(request)

    world.poller = Poller(SHOP, woocommerce_poll, world.tools(call=call), T0)
    await world.poller.read()
    assert ["include=9" in call.url for call in world.calls] == [False, True, False]


async def test_without_an_acknowledgement_a_wake_is_not_passed() -> None:
    """Kafka says no to the line: the offset is not written before it has it."""
    world = World([order(9, 1)], [order(9, 1)])
    world.name("9")
    world.refuse = 1
    await world.poller.read_named()
    assert [m.topic for m in world.sent] == [ORDER_CONFIRMED, INGEST_WATERMARK]
    assert len(world.calls) == 2


async def test_an_offset_that_kafka_did_not_take_goes_with_the_next_watermark() -> None:
    """The order's line was taken, its offset was not: nothing is lost, and it is written later."""
    world = World([order(9, 1)], [order(7, 5)])
    world.name("9")
    sends = iter([0, 1, 0, 0, 0])
    taken = world.send

    async def send(messages: Sequence[Any]) -> None:
        world.refuse = next(sends)
        await taken(messages)

    world.send = send  # type: ignore[method-assign]  # the offset's own record alone is refused
    await world.poller.read()
    assert woken(world)[-1] == 1


async def test_an_order_that_the_channel_does_not_show_yet_is_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The webhook was faster than the channel: the second question finds the order; one that never comes is told."""
    world = World([], [order(9, 1)], [], [], [], [])
    world.name("9")
    await world.poller.read_named()
    assert woken(world) == []
    world.now += AGAIN_MS[0]
    await world.poller.read_named()
    assert (world.lines(), woken(world)) == ([("woo_9_1", "A", 2)], [1])
    world.name("10")
    for pause in (0, *AGAIN_MS):
        world.now += pause
        await world.poller.read_named()
    assert woken(world) == [1, 2]
    assert "order 10: a webhook named it" in caplog.text


async def test_named_orders_that_cannot_be_read_hold_up_no_search() -> None:
    """The question by numbers fails again and again: the search is put, and the orders are asked for alone later."""
    world = World(*[DOWN] * 3, [order(7, 5)])
    world.name("8", "9")
    assert await world.poller.read() is Ended.READ
    assert world.lines() == [("woo_7_1", "A", 2)]
    world.now += AGAIN_MS[0]
    world.script = [[order(8, 5)], [order(9, 5)]]
    await world.poller.read_named()
    assert [call.url.partition("include=")[2] for call in world.calls[-2:]] == ["8", "9"]
    assert woken(world)[-1] == 2


async def test_an_order_that_is_refused_is_not_taken_for_refused_credentials() -> None:
    """A named order may be another account's: the search is put all the same, and its answer is what counts."""
    world = World(Answer(status=403, headers={}, body=b""), [order(7, 5)])
    world.name("99")
    assert await world.poller.read() is Ended.READ
    assert world.lines() == [("woo_7_1", "A", 2)]
    world.script = [Answer(status=403, headers={}, body=b"")]
    assert await world.poller.read() is Ended.DENIED


async def test_a_torn_order_that_never_answers_ends_its_reading() -> None:
    """The search is over and counts; the torn order is asked for again with the next readings."""
    world = World()
    world.decide("woo_9_1", revision=T0, held=2)
    world.decide("woo_9_2", revision=T0 + 1_000, held=1)
    await world.poller.read()
    world.now += TORN_AFTER_MS + 1
    world.script = [[], *[DOWN] * 50]
    assert await world.poller.read() is Ended.READ
    assert "include=9" in world.calls[-1].url
    assert len(world.script) > 40


async def test_orders_that_are_named_faster_than_they_are_read_hold_up_no_search() -> None:
    """Each named order takes a second and the next one is named meanwhile: the search comes all the same."""
    world = World()

    async def call(request: Request) -> Answer:
        world.now += 1_000
        world.calls.append(request)
        number = request.url.partition("include=")[2]
        world.name(str(len(world.calls) + 1))
        return Answer(status=200, headers={}, body=orjson.dumps([order(int(number), 1)] if number else []))

    world.poller = Poller(SHOP, woocommerce_poll, world.tools(call=call), T0)
    world.name("1")
    assert await world.poller.read() is Ended.READ
    assert sum("modified_after" in asked.url for asked in world.calls) == 1
    assert len(world.calls) < 30


async def test_a_channel_that_asks_to_wait_is_not_asked_by_somebody_else_meanwhile() -> None:
    """Named orders are given up at the third 429; the search waits for as long as the last of them asked for."""
    world, at = World(), list[int]()

    async def call(request: Request) -> Answer:
        at.append(world.now)
        world.calls.append(request)
        return Answer(status=429, headers={"retry-after": "300"}, body=b"")

    world.poller = Poller(SHOP, woocommerce_poll, world.tools(call=call), T0)
    world.name("9")
    await world.poller.read(tries=2)
    assert "modified_after" in world.calls[3].url
    assert [later - earlier for earlier, later in pairwise(at)] == [300_000] * 4


async def test_a_kind_that_reads_one_order_a_call_gives_the_search_its_turn() -> None:
    """With a minute between two calls, sixty named orders do not keep the search from being put."""
    world = World()

    class OneByOne(Guarded):
        AT_ONCE = 1

        def read(self, state: Any, answer: Answer) -> Any:
            page = woocommerce_poll.read(state, answer)
            return replace(page, pause_ms=60_000) if isinstance(page, Page) else page

    async def call(request: Request) -> Answer:
        world.calls.append(request)
        number = request.url.partition("include=")[2]
        return Answer(status=200, headers={}, body=orjson.dumps([order(int(number), 1)] if number else []))

    world.poller = Poller(SHOP, OneByOne(Auth(), set()), world.tools(call=call), T0)
    world.name(*map(str, range(1, 61)))
    began = world.now
    await world.poller.read()
    assert ["modified_after" in call.url for call in world.calls] == [False, False, True]
    assert world.now - began == 120_000
    await world.poller.read_named()
    assert "include=3" in world.calls[3].url
    assert world.now - began >= 180_000, "the pause that the search was told holds for the named order"


async def test_what_is_not_counted_is_named_once_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    """An order in draft, read twice and then changed: two lines in the log."""
    caplog.set_level("INFO")
    draft = order(7, 1) | {"status": "checkout-draft"}
    world = World()
    for page in ([draft], [draft], [draft | {"date_modified_gmt": "2026-11-21T10:00:30"}]):
        world.script = [page]
        await world.poller.read()
    told = [record for record in caplog.records if "not counted: draft" in record.getMessage()]
    assert [getattr(record, "orderId", "") for record in told] == ["7", "7"]


async def test_a_failed_question_is_counted_once_a_search() -> None:
    """A search with many pages asks for the same order between them; its tries are not used up by one search."""
    page = [order(100 + i, i // 2) for i in range(100)]
    world = World(*[DOWN] * 3, page, *[DOWN] * 3, [])
    world.name("9")
    taken = world.call

    async def call(request: Request) -> Answer:
        world.now += AGAIN_MS[0]
        return await taken(request)

    world.poller = Poller(SHOP, woocommerce_poll, world.tools(call=call), T0)
    await world.poller.read()
    assert len(world.poller.wakes) == 1
    assert set(woken(world)) <= {0}


async def test_an_answer_without_orders_makes_the_next_order_no_older() -> None:
    """Order 8 is not shown; order 9 is as old as its own question."""
    world = World([], [order(9, 1)])
    world.name("8")
    await world.poller.read_named()
    world.now += 50_000
    world.name("9")
    await world.poller.read_named()
    (found,) = [decode(OrderConfirmed, m.value) for m in world.sent if m.topic == ORDER_CONFIRMED]
    assert found.seen_at == world.now


async def test_an_order_that_is_not_paid_holds_what_the_channel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `hold_pending` off, a poll counts nothing of it, as a webhook would not."""

    def pending(body: Any, seen_at: int) -> Reading:
        whole = read_order(body, seen_at)
        return replace(whole, lines=tuple(replace(line, pending=True) for line in whole.lines))

    monkeypatch.setattr(woocommerce_poll, "read_order", pending)
    for hold, qty in ((True, 2), (False, 0)):
        world = World([order(7, 1)], channel=replace(SHOP, hold_pending=hold))
        await world.poller.read()
        assert world.lines() == [("woo_7_1", "A", qty)]


async def test_a_burst_is_read_in_as_many_questions_as_it_has_orders_for() -> None:
    """A thousand webhooks about forty orders: two questions."""
    world = World()
    world.script = [[order(i, 1) for i in range(1, 21)], [order(i, 1) for i in range(21, 41)]]
    world.name(*[str(1 + i % 40) for i in range(1_000)])
    await world.poller.read_named()
    assert len(world.calls) == 40 // SOME_MAX
    assert woken(world)[-1] == 1_000


class Auth:
    """The kind's grant: the first token is `t1`, the next one `t2`."""

    SECRETS = ("KEY",)

    def __init__(self) -> None:
        self.fetched = 0

    def request(self, _channel: Channel, _secrets: Sequence[str]) -> Request:
        """Ask for a token."""
        return Request(method="POST", url="http://auth/token", headers={})

    def read(self, _answer: Answer) -> Token | Denied:
        """Grant one."""
        self.fetched += 1
        return Token(value=f"t{self.fetched}", lasts_ms=3_600_000)


class Guarded:
    """WooCommerce's questions with a token beside them: whether it is refused is the test's to say, by 403."""

    def __init__(self, auth: Auth, refused: set[str]) -> None:
        self.auth, self.refused, self.seen = auth, refused, list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(woocommerce_poll, name)

    def request(self, channel: Channel, secrets: Sequence[str], state: Any) -> Request:
        """Note the token, the last of the secrets."""
        self.seen.append(secrets[-1])
        return woocommerce_poll.request(channel, secrets, state)

    def read(self, state: Any, answer: Answer) -> Any:
        """Refuse what the test refuses."""
        return (
            Expired(why="403 ExpiredToken") if self.seen[-1] in self.refused else woocommerce_poll.read(state, answer)
        )


@pytest.mark.parametrize(
    ("refused", "ended", "seen"),
    [
        (set(), Ended.READ, ["t1"]),
        ({"t1"}, Ended.READ, ["t1", "t2"]),
        ({"t1", "t2"}, Ended.DENIED, ["t1", "t2"]),
    ],
)
async def test_a_token_that_is_refused_is_fetched_anew_once(refused: set[str], ended: Ended, seen: list[str]) -> None:
    """One that ended early costs a second question; a second refusal in a row stops the poll."""
    world, auth = World(), Auth()
    guarded = Guarded(auth, refused)

    async def granted(_request: Request) -> Answer:
        return Answer(status=200, headers={}, body=b"")

    tokens = Tokens(SHOP, auth, lambda: ("key",), granted, lambda: world.now)
    poller = Poller(SHOP, guarded, world.tools(tokens=tokens), T0)
    assert await poller.read() is ended
    assert guarded.seen == seen
    assert auth.fetched == len(seen)
