"""The registry against a real cluster: create what is missing, say what differs."""

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from schemas.config import Config
from schemas.topics import Topic, registry

TIMEOUT_S = 30.0
"""How long an answering cluster may take for a change."""
ANSWER_S = 10.0
"""How long to wait for a cluster that may not be there at all."""

LOOK_S = 0.05


class ClusterError(Exception):
    """The cluster cannot be used as it is; the message says what to do."""


def now_ms() -> int:
    """Return the time, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def partitions(config: Config, topic: Topic) -> int:
    """Return how many partitions a topic has in this deployment."""
    return config.kafka.partitions if topic.partitions == "sku" else 1


def create(config: Config) -> list[str]:
    """Create the topics that are missing, and return their names; raises `ClusterError` when the cluster refuses."""
    admin = _admin(config)
    new = [_new_topic(config, topic) for topic in registry(config.channel_names)]
    created = []
    for name, future in admin.create_topics(new, operation_timeout=TIMEOUT_S, request_timeout=TIMEOUT_S).items():
        try:
            future.result(TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ClusterError(f"topic {name}: {error.args[0].str()}") from None
    _await_listed(admin, {topic.topic for topic in new})
    return created


def _await_listed(admin: AdminClient, names: set[str]) -> None:
    """Wait until the broker lists them: it answers a creation before its own metadata has it."""
    deadline = time.monotonic() + TIMEOUT_S
    while missing := names - admin.list_topics(timeout=TIMEOUT_S).topics.keys():
        if time.monotonic() > deadline:
            raise ClusterError(f"created, but not listed after {TIMEOUT_S:g} s: {', '.join(sorted(missing))}")
        time.sleep(LOOK_S)


def _admin(config: Config) -> AdminClient:
    return AdminClient(config.kafka.client(socket_timeout_ms=10_000))


def _new_topic(config: Config, topic: Topic) -> NewTopic:
    return NewTopic(
        config.kafka.topic(topic.name),
        num_partitions=partitions(config, topic),
        replication_factor=config.kafka.replication,
        config={**topic.settings(), "min.insync.replicas": str(config.kafka.min_isr)},
    )


def check(config: Config) -> list[str]:
    """
    Return what differs between the cluster and the registry, one sentence a fault; empty when all is well.

    Every service calls it before it starts: unequal partition counts would tear a SKU's records apart silently.
    Raises `ClusterError` when the cluster does not answer.
    """
    try:
        found = {name: len(t.partitions) for name, t in _admin(config).list_topics(timeout=ANSWER_S).topics.items()}
        return [*_count_faults(config, found), *_setting_faults(config, found)]
    except KafkaException as error:
        raise ClusterError(f"no answer from Kafka at {config.kafka.bootstrap}: {error.args[0].str()}") from None


def _count_faults(config: Config, found: dict[str, int]) -> Iterator[str]:
    for topic in registry(config.channel_names):
        name, want = config.kafka.topic(topic.name), partitions(config, topic)
        if name not in found:
            yield f"topic {name} is missing: run `python -m schemas topics --create`"
        elif found[name] != want:
            yield f"topic {name} has {found[name]} partitions, want {want}: the count cannot change without a migration"


def _setting_faults(config: Config, found: dict[str, int]) -> Iterator[str]:
    wanted = {config.kafka.topic(t.name): t.settings() for t in registry(config.channel_names)}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted if name in found]
    if not resources:
        return
    admin = _admin(config)  # held until the answers are in: a client that is let go ends its open requests
    for resource, future in admin.describe_configs(resources, request_timeout=TIMEOUT_S).items():
        entries = future.result(TIMEOUT_S)
        for key, want in wanted[resource.name].items():
            if not _same(entries[key].value, want):
                yield f"topic {resource.name}: {key} is {entries[key].value!r}, want {want!r}"


def _same(have: str | None, want: str) -> bool:
    return have is not None and sorted(have.split(",")) == sorted(want.split(","))


def topic_ids(config: Config, names: Iterable[str]) -> dict[str, str]:
    """
    Return each topic's id: a topic that was deleted and made again has another, and its offsets mean other records.

    Args:
        config: the deployment.
        names: topic names without the deployment's prefix.

    """
    real = {config.kafka.topic(name): name for name in names}
    admin = _admin(config)  # held until the answers are in, as above
    try:
        futures = admin.describe_topics(TopicCollection(list(real)), request_timeout=ANSWER_S)
        return {real[name]: str(future.result(ANSWER_S).topic_id) for name, future in futures.items()}
    except KafkaException as error:
        raise ClusterError(f"cannot describe topics: {error.args[0].str()}") from None
