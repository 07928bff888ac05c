"""The producer without a broker: what is not acknowledged is said to be unavailable, in time."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from ingest.message import Message
from ingest.producer import Producer, Unavailable
from schemas.config import parse

CONFIG = parse(
    {"kafka": {"bootstrap": "127.0.0.1:1", "options": {"log_level": "0"}}, "ingest": {"answer_within_ms": 300}}
)
MESSAGE = Message(topic="order.confirmed", key=b"A", value=b"{}", headers=[])


async def test_without_a_broker_a_send_fails_within_its_time() -> None:
    """Not when librdkafka gets round to it: when the answer is due."""
    producer = Producer(CONFIG)
    began = time.monotonic()

    with pytest.raises(Unavailable):
        await producer.send([MESSAGE] * 3)

    assert time.monotonic() - began < 1.0
    assert producer.alive
    await producer.close()
    assert not producer.alive


async def test_a_full_queue_is_unavailable_and_not_a_fault() -> None:
    """Memory is bounded: what does not fit is refused at once."""
    config = parse(
        {
            "kafka": {
                "bootstrap": "127.0.0.1:1",
                "options": {"log_level": "0", "queue.buffering.max.messages": "2"},
            },
            "ingest": {"answer_within_ms": 300},
        }
    )
    producer = Producer(config)

    with pytest.raises(Unavailable, match="Queue full"):
        await producer.send([MESSAGE] * 3)

    await producer.close()


@pytest.mark.parametrize("acknowledged_first", [True, False])
async def test_an_acknowledgement_in_the_moment_of_a_cancellation_does_not_undo_it(
    monkeypatch: pytest.MonkeyPatch, *, acknowledged_first: bool
) -> None:
    """Who is told to end does end: the record is in Kafka, and nobody waits for it any more."""
    producer, acknowledge = Producer(CONFIG), list[Callable[[], None]]()
    monkeypatch.setattr(producer, "_produce", lambda _message, batch: acknowledge.append(batch.resolve))
    sending = asyncio.ensure_future(producer.send([MESSAGE]))
    await asyncio.sleep(0.01)
    for act in (acknowledge[0], sending.cancel) if acknowledged_first else (sending.cancel, acknowledge[0]):
        act()

    with pytest.raises(asyncio.CancelledError):
        await sending

    await producer.close()


async def test_nothing_to_send_is_done_at_once() -> None:
    """A webhook whose lines are all ignored needs no broker."""
    producer = Producer(CONFIG)

    await producer.send([])

    await producer.close()


async def test_after_a_fatal_error_the_producer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idempotent producer that lost its place never sends again: without a new one every answer would be 503."""

    class Dead:
        def produce(self, *_: object, **__: object) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL))

        def poll(self, timeout_s: float) -> int:
            time.sleep(timeout_s)
            return 0

    producer = Producer(CONFIG)
    dead = Dead()
    monkeypatch.setattr(producer, "_client", dead)

    with pytest.raises(Unavailable):
        await producer.send([MESSAGE])

    assert producer._client is not dead
    await producer.close()


async def test_batches_that_end_together_are_all_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From two threads at once, as at the end of a drain: whoever waits is told, however the threads interleave."""
    patient = parse(
        {"kafka": {"bootstrap": "127.0.0.1:1", "options": {"log_level": "0"}}, "ingest": {"answer_within_ms": 60_000}}
    )
    producer, batches = Producer(patient), list[Any]()
    monkeypatch.setattr(producer, "_produce", lambda _message, batch: batches.append(batch))
    sending = [asyncio.ensure_future(producer.send([MESSAGE])) for _ in range(200)]
    await asyncio.sleep(0)

    def acknowledge(some: list[Any]) -> None:
        for batch in some:
            batch.acknowledged(None, None)

    halves = [threading.Thread(target=acknowledge, args=(batches[start::2],)) for start in (0, 1)]
    for half in halves:
        half.start()
    async with asyncio.timeout(30):  # less than the time for an answer: nothing has expired
        await asyncio.gather(*sending)
    for half in halves:
        half.join()
    await producer.close()
