"""The registry's own rules."""

import re

from schemas.topics import DAY_MS, channel_level, publisher_command, registry

TOPICS = {topic.name: topic for topic in registry(["shop", "woo"])}


def test_names_are_unique_and_legal() -> None:
    """Kafka allows letters, digits, dot, dash and underscore, 249 at most."""
    names = [topic.name for topic in registry(["shop", "woo"])]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9.-]{1,249}", name) for name in names)


def test_each_channel_has_its_own_topics() -> None:
    """One writer a topic: a channel's publisher shares none with another's."""
    assert {channel_level("shop"), channel_level("woo"), publisher_command("shop")} <= TOPICS.keys()


def test_state_is_compacted_and_history_is_kept_for_its_time() -> None:
    """What is state survives for ever, what is history for the stated time."""
    assert {name for name, topic in TOPICS.items() if topic.cleanup == "compact"} == {
        "stock.level",
        "listing",
        "ingest.watermark",
        "channel.level.shop",
        "channel.level.woo",
        "sync.incident",
    }
    assert {name: (t.retention_ms or 0) // DAY_MS for name, t in TOPICS.items() if t.retention_ms} == {
        "order.confirmed": 30,
        "stock.adjusted": 30,
        "order.outcome": 90,
        "sync.log": 90,
        "sync.drift": 90,
        "sync.run": 90,
        "stock.deadletter": 90,
        "ingest.wake": 7,
        "publisher.command.shop": 7,
        "publisher.command.woo": 7,
    }


def test_order_lines_leave_with_the_dedupe_horizon() -> None:
    """Old lines must not pile up for ever, and must not vanish in large steps."""
    settings = TOPICS["order.outcome"].settings()

    assert settings["cleanup.policy"] == "compact,delete"
    assert settings["segment.ms"] == str(DAY_MS)


def test_every_topic_is_stamped_by_the_broker_and_compaction_waits() -> None:
    """A producer's clock is not trusted, and a slow reader still sees each state for a week."""
    for topic in TOPICS.values():
        settings = topic.settings()
        assert settings["message.timestamp.type"] == "LogAppendTime"
        assert ("min.compaction.lag.ms" in settings) == ("compact" in topic.cleanup)
