"""What tests of running processes do from outside: call an address, drive a stand-in, read a topic as a stranger."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from schemas.config import Config

FAST = ({"calls": 1_000, "per_ms": 1_000, "burst": 1_000},)
"""A budget that holds nobody up."""
CALL_S, READ_S = 20, 20
AT_ONCE: dict[str, str | float] = {"enable_partition_eof": "true", "fetch_wait_max_ms": 10}
"""A reader to the end hears of it at once: a broker holds its empty answer back for half a second unless told so."""


def http(url: str, body: bytes | None = None, method: str | None = None, **headers: str) -> bytes:
    """Return what a server on this machine answers; `_` in a header's name stands for `-`.  Raises `HTTPError`."""
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    request = Request(url, data=body, headers=told, method=method)  # noqa: S310 - our own addresses
    with urlopen(request, timeout=CALL_S) as answer:  # noqa: S310 - likewise
        return bytes(answer.read())


def status(url: str, body: bytes | None = None, **headers: str) -> int:
    """Return the status of an answer, whatever it is."""
    try:
        http(url, body, **headers)
    except HTTPError as error:
        error.close()
        return error.code
    return 200


def control(base_url: str, word: str, **wish: Any) -> Any:
    """Make something happen at a stand-in."""
    return json.loads(http(f"{base_url}/_control/{word}", json.dumps(wish).encode()))


def books(base_url: str) -> Any:
    """Return what a stand-in says of itself."""
    return json.loads(http(f"{base_url}/_control/state"))


def messages(config: Config, topic: str) -> list[Message]:
    """Return every message of a topic, in each partition's order."""
    name = config.kafka.topic(topic)
    reader = Consumer(config.kafka.consumer("outside", **AT_ONCE))
    parts = reader.list_topics(name, timeout=READ_S).topics[name].partitions
    reader.assign([TopicPartition(name, part, OFFSET_BEGINNING) for part in parts])
    found, ends = list[Message](), 0
    while ends < len(parts):
        message = reader.poll(READ_S)
        assert message is not None, "no answer from Kafka"
        if message.error():
            ends += 1
        else:
            found.append(message)
    reader.close()
    return found


def records(config: Config, topic: str) -> list[dict[str, Any]]:
    """Return every record of a topic, in each partition's order."""
    return [json.loads(value) for message in messages(config, topic) if (value := message.value()) is not None]
