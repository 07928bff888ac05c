"""The watchdog: what it says, what it switches on, how often, and that it never does so in a tight loop."""

import logging
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from ingest.channels import woocommerce_watch
from ingest.poll.kind import Answer, Request
from ingest.poll.watch import PAUSE_MAX_MS, PAUSE_MS, STEADY_MS, Hook, Revivals, missing
from ingest.poll.watchdog import EVERY_MS, REVIVE_MAX, Watchdog
from schemas.settings import Channel, Kind

SHOP = Channel(name="watched", kind=Kind.WOOCOMMERCE, since=0, base_url="http://shop")
TOPICS = ("order.created", "order.updated")


class Shop:
    """A shop's webhooks; `failing` ones fall again as soon as they are on, `answer` replaces every answer."""

    def __init__(self, *, failing: bool = False) -> None:
        self.on = dict.fromkeys(range(1, len(TOPICS) + 1), True)
        self.failing = failing
        self.calls, self.now = list[Request](), 1_000_000
        self.answer: Answer | None = None
        self.dog = Watchdog(
            SHOP, woocommerce_watch, call=self.call, secrets=lambda: ("ck", "cs"), now_ms=lambda: self.now
        )

    async def call(self, request: Request) -> Answer:
        """Answer as the API does."""
        self.calls.append(request)
        if self.answer is not None:
            return self.answer
        if request.method == "PUT":
            number = int(request.url.rpartition("/")[2])
            self.on[number] = not self.failing
            return self._ok(self.row(number) | {"status": "active"})
        return self._ok([self.row(number) for number in self.on])

    @staticmethod
    def _ok(value: object) -> Answer:
        return Answer(status=200, headers={}, body=orjson.dumps(value))

    def row(self, number: int) -> dict[str, Any]:
        """Show a webhook."""
        status = "active" if self.on[number] else "disabled"
        url = "https://hub.example/webhooks/watched/order"
        return {"id": number, "topic": TOPICS[(number - 1) % 2], "delivery_url": url, "status": status}

    def revived(self) -> int:
        """Return how often a webhook was switched on."""
        return sum(call.method == "PUT" for call in self.calls)


def metric(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"lastunit_ingest_watch_{name}", {"channel": "watched"})


async def test_a_webhook_that_is_off_is_told_switched_on_and_its_orders_are_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One ERROR, the metric, one PUT, and the word to read everything now; after that there is nothing to do."""
    shop, before = Shop(), metric("revived_total") or 0
    shop.on[2] = False
    assert await shop.dog.turn()
    assert [record.levelno for record in caplog.records if "switched off" in record.message] == [logging.ERROR]
    assert (metric("off_count"), metric("revived_total"), shop.revived()) == (1, before + 1, 1)
    shop.now += EVERY_MS
    assert not await shop.dog.turn()
    assert (metric("off_count"), metric("missing_count"), shop.revived()) == (0, 0, 1)


async def test_it_looks_once_a_minute_however_often_its_turn_comes() -> None:
    """A turn each hundred milliseconds for ten minutes: eleven looks."""
    shop = Shop()
    for _ in range(6_001):
        await shop.dog.turn()
        shop.now += 100
    assert len(shop.calls) == 11


async def test_a_webhook_that_falls_again_and_again_is_left_alone_for_longer_each_time() -> None:
    """A receiver that is down for a day: about a dozen attempts, not one a minute."""
    shop = Shop(failing=True)
    shop.on[1] = False
    times = list[int]()
    for _ in range(24 * 60):
        count = shop.revived()
        await shop.dog.turn()
        if shop.revived() > count:
            times.append(shop.now)
        shop.now += 60_000
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:4] == [PAUSE_MS, 2 * PAUSE_MS, 4 * PAUSE_MS, 8 * PAUSE_MS]
    assert len(times) <= 13
    assert max(gaps) <= PAUSE_MAX_MS + EVERY_MS


@pytest.mark.parametrize("status", [0, 401, 404, 503])
async def test_a_shop_that_does_not_show_its_webhooks_changes_nothing(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that may read orders only, an outage: said and counted; neither off nor missing is concluded from it."""
    shop = Shop()
    await shop.dog.turn()
    shop.answer = Answer(status=status, headers={}, body=b"")
    for expected in (1, 2):
        shop.now += EVERY_MS
        assert not await shop.dog.turn()
        assert metric("failures_count") == expected
    assert (metric("off_count"), metric("missing_count")) == (0, 0)
    assert "webhooks are not watched" in caplog.text
    shop.answer = None
    shop.now += EVERY_MS
    await shop.dog.turn()
    assert metric("failures_count") == 0


async def test_a_topic_without_a_webhook_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody can make it but the shop's administrator: a metric that stays, one line in the log, one at the end."""
    caplog.set_level("INFO")
    shop = Shop()
    del shop.on[2]
    for _ in range(3):
        await shop.dog.turn()
        shop.now += EVERY_MS
    assert metric("missing_count") == 1
    shop.on[2] = True
    await shop.dog.turn()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "no webhook for order.updated"),
        ("INFO", "there is a webhook for every topic again"),
    ]


async def test_many_webhooks_are_switched_on_some_at_a_time() -> None:
    """Twenty that are off: five calls at one look."""
    shop = Shop()
    shop.on = dict.fromkeys(range(1, 21), False)
    await shop.dog.turn()
    assert shop.revived() == REVIVE_MAX


def test_one_that_stayed_on_has_recovered() -> None:
    """After an hour on, the next fall is repaired at once again."""
    revivals, off, on = Revivals(), Hook(number="1", topic="x", on=False), Hook(number="1", topic="x", on=True)
    assert revivals.due([off], 0) == ["1"]
    assert revivals.tried("1", 0) == PAUSE_MS
    assert revivals.due([off], PAUSE_MS - 1) == []
    assert revivals.due([on], STEADY_MS - 1) == []
    assert revivals.tried("1", STEADY_MS - 1) == 2 * PAUSE_MS
    assert revivals.due([on], 2 * STEADY_MS) == []
    assert revivals.due([off], 2 * STEADY_MS + 1) == ["1"]
    assert revivals.tried("1", 2 * STEADY_MS + 1) == PAUSE_MS


@given(st.lists(st.tuples(st.integers(0, 3_600_000), st.booleans()), max_size=100))
def test_two_attempts_are_never_closer_than_the_first_pause(looks: list[tuple[int, bool]]) -> None:
    """Whenever it is looked at and however it flaps."""
    revivals, now, last = Revivals(), 0, None
    for gap, on in looks:
        now += gap
        for number in revivals.due([Hook(number="1", topic="x", on=on)], now):
            assert last is None or now - last >= PAUSE_MS
            last = now
            revivals.tried(number, now)


def test_a_topic_counts_as_there_even_while_its_webhook_is_off() -> None:
    """Off is another fault than missing."""
    assert missing(TOPICS, [Hook(number="1", topic=TOPICS[0], on=False)]) == [TOPICS[1]]


def test_what_a_person_has_paused_is_not_switched_on() -> None:
    """It is told, and left; one that failures have switched off beside it is revived."""
    paused, fallen = Hook(number="1", topic="x", on=False, paused=True), Hook(number="2", topic="x", on=False)
    assert Revivals().due([paused, fallen], 0) == ["2"]
