"""Taking messages: deleted only once Kafka has them, kept while it has not, and what is done when either is away."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.lines import Messages
from ingest.message import Message
from ingest.producer import Unavailable
from ingest.queue.health import STILL_MS, Health
from ingest.queue.reader import Reader, Tools
from ingest.queue.sorting import Sorted
from ingest.queue.sqs import CredentialsRefused, Letter, Trouble, _judged
from ingest.webhook import Reading


class Outside:
    """Stands in for SQS, Kafka and the clock; `story` is what happened, in order."""

    name = "orders"

    def __init__(self) -> None:
        self.story: list[str] = []
        self.waiting: list[list[Letter] | Trouble] = []
        self.kafka: list[Exception] = []
        self.undeleted = 0
        self.trouble: list[Trouble] = []
        self.slept: list[int] = []
        self.stopping = asyncio.Event()
        self.kafka_open = asyncio.Event()
        self.kafka_open.set()
        self.now = 1_000
        self.keeps = asyncio.Event()

    async def receive(self) -> list[Letter]:
        """Give the next batch, or wait as a long poll does."""
        if not self.waiting:
            await asyncio.Event().wait()
        given = self.waiting.pop(0)
        if isinstance(given, Trouble):
            raise given
        self.story.append(f"received {len(given)}")
        return given

    async def delete(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete all but as many as told."""
        if self.trouble:
            raise self.trouble.pop(0)
        left, self.undeleted = self.undeleted, 0
        self.story.append(f"deleted {len(letters) - left}")
        return list(letters)[:left]

    async def keep(self, letters: Sequence[Letter]) -> None:
        """Note it."""
        self.story.append(f"kept {len(letters)}")
        self.keeps.set()

    async def send(self, messages: Sequence[Message]) -> None:
        """Take records, once open, unless told to fail."""
        await self.kafka_open.wait()
        if self.kafka:
            raise self.kafka.pop(0)
        self.story.append(f"wrote {len(messages)}")

    async def sleep(self, ms: int) -> None:
        """Let time pass at once; a heartbeat waits for its turn."""
        self.slept.append(ms)
        self.now += ms
        await asyncio.sleep(0)

    def reader(self) -> Reader:
        """Return a reader of this world."""
        tools = Tools(sender=self, sort=sort, now_ms=lambda: self.now, sleep_ms=self.sleep, luck=lambda: 0.5)
        return Reader(channel="amazon-us", source=self, tools=tools, stopping=self.stopping)


def sort(body: bytes) -> Sorted:
    record = Message(topic="order.confirmed", key=body, value=body, headers=[])
    ready = Messages(orders=(record,), dead=(), reasons={})
    return Sorted(channel="amazon-us", reading=Reading(), ready=ready, records=(record,))


def letters(count: int) -> list[Letter]:
    return [Letter(body=b"x", receipt=str(number), sent_at=0) for number in range(count)]


@pytest.fixture
async def outside() -> Outside:
    """Return the world around a reader."""
    return Outside()


async def until(done: Callable[[], bool], outside: Outside, reader: Reader | None = None) -> Reader:
    """Run a reader until something has happened, then stop it."""
    reader = reader or outside.reader()
    outside.stopping.clear()
    running = asyncio.create_task(reader.run())
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - the reader knows no events; each turn of the loop is a step of it
            await asyncio.sleep(0)
        outside.stopping.set()
        await running
    return reader


async def test_a_message_is_deleted_only_after_kafka_has_its_records(outside: Outside) -> None:
    """The order is the guarantee: received, written, deleted."""
    outside.waiting = [letters(10), letters(3)]
    await until(lambda: "deleted 3" in outside.story, outside)
    assert [event for event in outside.story if "kept" not in event] == [
        "received 10",
        "wrote 10",
        "deleted 10",
        "received 3",
        "wrote 3",
        "deleted 3",
    ]


async def test_while_kafka_is_away_nothing_is_deleted_and_the_messages_stay_ours(outside: Outside) -> None:
    """The batch is sent again with growing waits; meanwhile its visibility is renewed."""
    outside.waiting = [letters(2)]
    outside.kafka = [Unavailable("_MSG_TIMED_OUT")] * 6
    reader = await until(lambda: "deleted 2" in outside.story, outside)
    assert outside.story.index("kept 2") < outside.story.index("wrote 2") < outside.story.index("deleted 2")
    backed_off = [ms for ms in outside.slept if ms != 5_000]
    assert backed_off[:5] == [200, 400, 800, 1_600, 3_200]
    assert reader.moved_at > 1_000


async def test_a_hanging_kafka_keeps_the_messages_too(outside: Outside) -> None:
    """An acknowledgement that does not come is no reason to let another process have the messages."""
    outside.waiting = [letters(2)]
    outside.kafka_open.clear()
    running = asyncio.create_task(outside.reader().run())
    async with asyncio.timeout(10):
        await outside.keeps.wait()
        assert "deleted 2" not in outside.story
        outside.kafka_open.set()
        outside.stopping.set()
        await running
    assert outside.story[-1] == "deleted 2"


async def test_told_to_stop_it_finishes_what_it_has_and_takes_no_more(outside: Outside) -> None:
    """A long poll that waits is given up at once; a batch in hand is written and deleted."""
    outside.waiting = [letters(1), letters(1)]
    outside.kafka_open.clear()
    running = asyncio.create_task(outside.reader().run())
    async with asyncio.timeout(10):
        await outside.keeps.wait()
        outside.stopping.set()
        outside.kafka_open.set()
        await running
    assert [event for event in outside.story if "kept" not in event] == ["received 1", "wrote 1", "deleted 1"]


async def test_what_is_not_deleted_is_tried_again_and_then_left(outside: Outside) -> None:
    """It comes again and changes nothing; a queue that is away must not hold the reader for ever."""
    outside.waiting = [letters(3), letters(1)]
    outside.undeleted = 2
    outside.trouble = [Trouble("InternalError")]
    await until(lambda: outside.story.count("deleted 1") == 2, outside)
    assert [event for event in outside.story if "deleted" in event] == ["deleted 1", "deleted 2", "deleted 1"]

    outside.waiting, outside.trouble = [letters(3), letters(1)], [Trouble("InternalError")] * 4
    await until(lambda: outside.story.count("deleted 1") == 3, outside)
    assert "deleted 3" not in outside.story


async def test_a_queue_in_trouble_is_asked_again_with_growing_waits(outside: Outside) -> None:
    """With jitter, up to a minute; the first answer ends it."""
    outside.waiting = [*[Trouble("EndpointConnectionError")] * 12, letters(1)]
    await until(lambda: "deleted 1" in outside.story, outside)
    waits = [ms for ms in outside.slept if ms != 5_000][:12]
    assert waits == [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000]


async def test_refused_credentials_show_until_they_are_taken(outside: Outside) -> None:
    """Not ready, and alive all the same: a restart would not help."""
    outside.waiting = [CredentialsRefused("InvalidClientTokenId")]
    reader = await until(lambda: bool(outside.slept), outside)
    health = Health(threads=lambda: True, now_ms=lambda: outside.now, readers=[reader])
    assert (health.unready, health.alive) == ("AWS refuses the credentials for orders", True)

    outside.waiting = [letters(1)]
    await until(lambda: "deleted 1" in outside.story, outside, reader)
    assert health.unready == ""
    outside.now += STILL_MS + 1
    assert not health.alive


async def test_before_the_listings_are_there_nothing_is_ready() -> None:
    """A line without a SKU could not be mapped."""
    health = Health(threads=lambda: True, now_ms=lambda: 0)
    assert (health.unready, health.alive) == ("loading listings", True)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InvalidClientTokenId", 403, CredentialsRefused),
        ("AccessDenied", 403, CredentialsRefused),
        ("ExpiredToken", 400, CredentialsRefused),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, Trouble),
        ("QueueDoesNotExist", 400, Trouble),
        ("RequestThrottled", 403, Trouble),
        ("ThrottlingException", 400, Trouble),
        ("InternalError", 500, Trouble),
        ("", 503, Trouble),
    ],
)
def test_an_error_is_a_matter_of_credentials_or_of_the_queue(code: str, status: int, kind: type) -> None:
    """By AWS's own code; its sentence, which may quote ids, goes nowhere."""
    answer: Any = {
        "Error": {"Code": code, "Message": "secret-ish"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    found = _judged(ClientError(answer, "ReceiveMessage"))
    assert type(found) is kind
    assert "secret-ish" not in str(found)
