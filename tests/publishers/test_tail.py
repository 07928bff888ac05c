"""What a look at topics makes of partitions that have no leader."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from publishers import tail


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], str]]:
    """Return a maker of brokers that fail in these ways, one after the other, and answer then; nobody waits."""
    monkeypatch.setattr(tail, "POLL_S", 0)

    def make(*codes: int) -> Callable[[], str]:
        left = [*codes]

        def ask() -> str:
            if left:
                raise KafkaException(KafkaError(left.pop(0)))
            return "offsets"

        return ask

    return make


def test_a_partition_without_a_leader_is_asked_again(broker: Callable[..., Callable[[], str]]) -> None:
    """A topic made a moment ago, or a broker that has just gone, ends no start of a publisher."""
    ask = broker(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 3, KafkaError.LEADER_NOT_AVAILABLE)
    assert tail.settled(ask) == "offsets"


def test_it_is_not_asked_for_ever(broker: Callable[..., Callable[[], str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is over the error is the caller's."""
    monkeypatch.setattr(tail, "METADATA_S", 0)
    with pytest.raises(KafkaException):
        tail.settled(broker(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 99_999))


def test_other_errors_are_told_at_once(broker: Callable[..., Callable[[], str]]) -> None:
    """Only a leader is worth waiting for."""
    with pytest.raises(KafkaException):
        tail.settled(broker(KafkaError.TOPIC_AUTHORIZATION_FAILED))
