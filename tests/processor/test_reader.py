"""Look-ups whose answers aiokafka does not look at closely enough."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NotCoordinatorError,
)
from aiokafka.protocol.commit import OffsetFetchRequest

from processor import reader as module
from processor.reader import Reader

AT = TopicPartition("orders", 0)
GOOD = SimpleNamespace(error_code=0, topics=[("orders", [(0, 7, "id", 0)])])


def whole(error: Any) -> Any:
    """Return an answer that failed as a whole: it names no partition."""
    return SimpleNamespace(error_code=error.errno, topics=[])


def partial(error: Any) -> Any:
    """Return an answer that failed for the partition."""
    return SimpleNamespace(error_code=0, topics=[("orders", [(0, -1, "", error.errno)])])


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what the coordinator will answer, one after the other."""
    script: list[Any] = []

    async def nothing(*_: Any) -> None:
        """Do nothing."""

    async def found(*_: Any) -> int:
        return 1

    async def send(_: Any, request: Any, node: Any = None) -> Any:
        assert isinstance(request, OffsetFetchRequest)
        assert node == 1
        return script.pop(0)

    monkeypatch.setattr(module, "RETRY_S", 0)
    for name, stand_in in (
        ("start", nothing),
        ("close", nothing),
        ("find_coordinator", found),
        ("_send_request", send),
    ):
        monkeypatch.setattr(AIOKafkaAdminClient, name, stand_in)
    return script


async def test_a_coordinator_that_cannot_answer_is_not_a_group_without_positions(answers: list[Any]) -> None:
    """It moves or loads: it is asked again until it knows."""
    answers += [
        whole(CoordinatorLoadInProgressError),
        whole(NotCoordinatorError),
        partial(CoordinatorLoadInProgressError),
        GOOD,
    ]
    found = await Reader({"bootstrap_servers": "127.0.0.1:1"}, "group").committed([AT])
    assert {tp: (at.offset, at.metadata) for tp, at in found.items()} == {AT: (7, "id")}
    assert answers == []


async def test_a_position_that_may_not_be_read_is_an_error(answers: list[Any]) -> None:
    """Not a group without positions either."""
    answers += [whole(GroupAuthorizationFailedError)]
    with pytest.raises(GroupAuthorizationFailedError):
        await Reader({"bootstrap_servers": "127.0.0.1:1"}, "group").committed([AT])


async def test_a_look_that_begins_while_no_broker_is_there_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted broker ends no worker, although a client that finds none at its start gives up at once."""
    made: list[Any] = []

    class Client:
        """Stands in for aiokafka's consumer: brokers are there when the third one starts."""

        def __init__(self) -> None:
            self.stopped = False
            made.append(self)

        async def start(self) -> None:
            """Look for brokers."""
            if len(made) < 3:
                raise KafkaConnectionError("Unable to bootstrap")

        async def stop(self) -> None:
            """Let go of connections."""
            self.stopped = True

        async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
            """Return where the logs end."""
            return dict.fromkeys(partitions, 7)

    monkeypatch.setattr(module, "RETRY_S", 0)
    monkeypatch.setattr(module, "_consumer", lambda *_: Client())
    assert await Reader({}, "g").highs([AT]) == {AT: 7}
    assert [client.stopped for client in made] == [True, True, False]
