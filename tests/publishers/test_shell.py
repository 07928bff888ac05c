"""The shell around the controller: threads, secrets and transactions that go wrong."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from publishers import journal, membership, reader
from publishers.channels import woocommerce
from publishers.credentials import Access
from publishers.delivery import Delivery
from publishers.journal import Journal
from publishers.life import Life, Parts
from publishers.membership import Membership
from publishers.metrics import Metrics
from publishers.push import Response
from publishers.reader import Item, Reader
from publishers.sending import Sending
from publishers.work import Call
from schemas.config import Secrets
from schemas.settings import Channel, Config, Kafka, Kind

CONFIG = Config(kafka=Kafka(bootstrap="127.0.0.1:1"))


class Broken:
    """A client whose every call fails in a way that nobody expects."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take what a client takes."""

    def list_topics(self, **_: Any) -> Any:
        """Answer without the topics: a broker that has just started."""
        return SimpleNamespace(topics={})

    def subscribe(self, *_: Any, **__: Any) -> None:
        """Fail."""
        raise RuntimeError("a bug of the client")

    def assign(self, _: Any) -> None:
        """Take any partitions."""

    def close(self) -> None:
        """End."""


async def test_a_reader_that_dies_of_anything_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its tables stay as they are, and the process looks well."""
    monkeypatch.setattr(reader, "Consumer", Broken)
    one = Reader(CONFIG, "shop", asyncio.Event())
    one.start()
    await asyncio.to_thread(one.join)
    assert one.failed is not None
    assert "listing" in one.failed or "stock.level" in one.failed


async def test_a_membership_that_dies_of_anything_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the process stands by for ever."""
    monkeypatch.setattr(membership, "Consumer", Broken)
    one = Membership(CONFIG, "shop", asyncio.Event(), None)
    one.start()
    await asyncio.to_thread(one.join)
    assert one.failed == "RuntimeError('a bug of the client')"


async def test_a_member_that_is_put_out_for_good_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has its name: the client never comes back by itself."""
    fenced = KafkaError(KafkaError._FATAL, "fenced", fatal=True)

    class Fenced(Broken):
        def subscribe(self, *_: Any, **__: Any) -> None:
            """Do nothing."""

        def poll(self, _: float) -> Any:
            """Return the error."""
            return SimpleNamespace(error=lambda: fenced)

    monkeypatch.setattr(membership, "Consumer", Fenced)
    one = Membership(CONFIG, "shop", asyncio.Event(), "a")
    one.start()
    await asyncio.to_thread(one.join)
    assert one.failed == "fenced"


async def test_a_flood_of_records_does_not_keep_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes in while records are taken up waits for the next round: calls are made in between."""
    monkeypatch.setattr(reader, "Consumer", Broken)
    one = Reader(CONFIG, "shop", asyncio.Event())
    item = Item("listing", 0, b"shop|A", 0, None)
    one.inbox.append(item)
    taken = 0
    for _ in one.drain():
        taken += 1
        one.inbox.append(item)
        assert taken < 10
    assert (taken, len(one.inbox)) == (1, 1)


async def test_secrets_that_were_refused_and_then_missing_are_tried_when_they_are_back(
    bench_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The account was repaired without a new secret: an operator's `enable` must not be the last that helps.

    The log says each time that nothing is told and which secrets to look at, and when they are tried again.
    """
    bench = bench_of("woocommerce", {"A": 5})
    environ = {"LASTUNIT_SHOP_CONSUMER_KEY": "refused", "LASTUNIT_SHOP_CONSUMER_SECRET": "cs"}

    async def send(*_: Any) -> Response:
        return Response(status=401)

    channel = Channel(name="shop", kind=Kind.WOOCOMMERCE, since=0)
    delivery = cast("Delivery", SimpleNamespace(send=send))
    access = Access(channel, woocommerce, None, Secrets(environ), delivery)
    given = SimpleNamespace(
        channel="shop",
        controller=bench.controller,
        access=access,
        metrics=Metrics("shop"),
        wake=asyncio.Event(),
        alarm=SimpleNamespace(load=None),
    )
    life = Life(cast("Parts", given))

    async def call(level: int) -> None:
        bench.level("A", level)
        planned = bench.plan()
        assert isinstance(planned, Call)
        await life._send(planned)
        await asyncio.gather(*life.sending._tasks)
        (answered,) = life.sending.drain()
        life._take_up(answered)

    bench.now = life.progressed_at
    await call(4)
    life._look_around()
    assert bench.controller.calling.refused is not None
    bench.controller.secrets_changed()
    key = environ.pop("LASTUNIT_SHOP_CONSUMER_KEY")
    bench.now += 1_000
    await call(3)
    life._look_around()
    assert "CONSUMER_KEY is missing" in (bench.controller.calling.refused or "")
    environ["LASTUNIT_SHOP_CONSUMER_KEY"] = key
    with caplog.at_level("INFO", "publishers.life"):
        life._look_around()
    assert bench.controller.calling.refused is None
    *refusals, ended = [record for record in caplog.records if record.name == "publishers.life"]
    names = ["LASTUNIT_SHOP_CONSUMER_KEY", "LASTUNIT_SHOP_CONSUMER_SECRET"]
    assert [vars(one)["secrets"] for one in refusals] == [names, names]
    assert ended.message == "other secrets: the channel is tried again"


def producer_of(failures: int, groups: list[object]) -> Callable[[Any], Any]:
    """Return a producer whose first marks are refused: the group has changed since it was asked."""

    class Producer:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.left = failures

        def send_offsets_to_transaction(self, _: Any, group: object, __: float) -> None:
            groups.append(group)
            if self.left:
                self.left -= 1
                raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "old", txn_requires_abort=True))

        def __getattr__(self, _: str) -> Callable[..., None]:
            return lambda *_, **__: None

    return Producer


def test_a_mark_that_the_group_refuses_is_tried_with_the_group_as_it_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby that joins changes the generation: the same answer again would fail for two minutes on end."""
    groups: list[object] = []
    waits: list[float] = []
    monkeypatch.setattr(journal, "Producer", producer_of(2, groups))
    monkeypatch.setattr("publishers.journal.time.sleep", waits.append)
    generations = iter(range(10))
    Journal(CONFIG, "shop").commit([], 7, lambda: next(generations))
    assert groups == [0, 1, 2]
    assert len(waits) == 2


async def test_a_request_that_dies_of_anything_ends_the_life() -> None:
    """Else its call is under way for ever, and its SKUs are told nothing."""
    wake = asyncio.Event()

    async def send(*_: Any) -> Response:
        raise RuntimeError("a bug of ours")

    sending = Sending(cast("Access", SimpleNamespace(send=send)), wake)
    sending.start(Call(request_id="r", rows=(), at=0, since={}), 1_000)
    await wake.wait()
    with pytest.raises(RuntimeError, match="a bug of ours"):
        list(sending.drain())


async def test_very_many_records_are_written_in_several_transactions(bench_of: Any) -> None:
    """The commands' position goes with the last of them: what they led to is written before."""
    bench, commits = bench_of("woocommerce", {}), list[tuple[int, int | None]]()
    parts = SimpleNamespace(
        channel="shop",
        controller=bench.controller,
        access=None,
        wake=asyncio.Event(),
        alarm=SimpleNamespace(load=None),
        membership=SimpleNamespace(group=None),
    )
    life = Life(cast("Parts", parts))
    record = SimpleNamespace(commit=lambda records, done, _: commits.append((len(records), done)))
    life._journal = cast("Journal", record)
    bench.controller.tasks.out, life.intake.done = [cast("Any", n) for n in range(45_000)], 7
    await life._commit()
    assert commits == [(20_000, None), (20_000, None), (5_000, 7)]
