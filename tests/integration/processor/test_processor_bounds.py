"""What is as large as the contract allows, and what brokers leave unanswered, against a real Kafka."""

import time
from collections import Counter
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from processor import options
from processor.plan import Write
from processor.reader import Reader
from processor.writer import REFUSED, Names, Writer
from schemas.codec import encode
from schemas.records import OrderConfirmed
from schemas.topics import ORDER_CONFIRMED, STOCK_LEVEL

NOW = int(time.time() * 1000)
LINES = 1_000


def test_a_thousand_waiting_lines_with_long_names_fit_and_settle(shop: Any) -> None:
    """The largest level record there is, and one `add` that settles all of its lines, are written and read again."""
    for number in range(LINES):
        order_id = f"shop_{number}_".ljust(149, "\x01")  # six bytes a letter in JSON
        record = OrderConfirmed(
            sku="BIG", listing_sku="\x01" * 255, qty=1, channel="shop", order_id=order_id, revision=1, seen_at=NOW,
            ordered_at=NOW, received_at=NOW,
        )  # fmt: skip
        shop.send(ORDER_CONFIRMED, b"BIG", encode(record))
    shop.adjust("BIG", "set", 0, "count")
    worker = shop.worker()
    shop.settle()
    for number in range(LINES, LINES + 10):
        shop.order("BIG", number)
    shop.settle()
    assert max(len(message.value()) for message in shop.read(STOCK_LEVEL)) > 850_000
    shop.adjust("BIG", "add", LINES + 7, "delivery")
    shop.settle()
    level = shop.levels()["BIG"]
    settled = Counter(outcome["result"] for outcome in shop.outcomes())["settled"]
    assert settled + level["waitingMore"] == LINES + 10
    assert level["quantity"] == LINES + 7 - settled
    assert level["waiting"] == []
    assert shop.get(worker, "/readyz")[0] == 200


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_end_of_a_transaction_without_an_answer_can_be_resolved(shop: Any, *, arrives: bool) -> None:
    """Its error is not taken for a refusal, and behind a new fence the group's position says what became of it."""
    client = options.client(shop.config.kafka)
    group = shop.config.kafka.group("processor")
    at = TopicPartition(shop.config.kafka.topic(ORDER_CONFIRMED), 0)
    writer = Writer(client, Names(group=group, prefix=shop.config.kafka.prefix), 0)
    await writer.fence()
    producer = writer._producer
    assert producer is not None
    send = producer.client.send

    async def unanswered(node: Any, request: Any, **more: Any) -> Any:
        ends = "EndTxn" in type(request).__name__
        if arrives or not ends:
            answer = await send(node, request, **more)
        if ends:
            raise KafkaConnectionError("the answer is lost")
        return answer

    producer.client.send = unanswered
    write = Write(STOCK_LEVEL, 0, b"k", b"v", [])
    with pytest.raises(KafkaError) as failed:
        await writer.commit([write], {at: OffsetAndMetadata(1, "id")})
    assert not isinstance(failed.value, REFUSED)
    await writer.fence()
    found = await Reader(client, group).committed([at])
    assert {tp: (position.offset, position.metadata) for tp, position in found.items()} == (
        {at: (1, "id")} if arrives else {}
    )
    await writer.close()
