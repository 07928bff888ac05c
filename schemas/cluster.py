"""The registry against a real cluster: create what is missing, say what differs."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from schemas.config import Config
from schemas.logs import LIBRARY
from schemas.topics import Topic, registry

TIMEOUT_S = 30.0
"""How long an answering cluster may take for a change."""
ANSWER_S = 10.0
"""How long to wait for a cluster that may not be there at all."""

LIST_S = 1.0
"""How long one look at the cluster may take before its client is asked what went wrong."""
LOOK_S = 0.05
MISSING = "is missing: run `python -m schemas topics --create`"


class ClusterError(Exception):
    """The cluster cannot be used as it is; the message says what to do."""


class _Ear:
    """Hears why brokers and clients do not come together: what librdkafka raises says only that they do not."""

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._SSL, KafkaError._AUTHENTICATION):  # noqa: SLF001 - the library's public names
            self.refused = error.str()


def now_ms() -> int:
    """Return the time, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def partitions(config: Config, topic: Topic) -> int:
    """Return how many partitions a topic has in this deployment."""
    return config.kafka.partitions if topic.partitions == "sku" else 1


def create(config: Config) -> list[str]:
    """Create the topics that are missing, and return their names; raises `ClusterError` when the cluster refuses."""
    reach(config)
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


def _admin(config: Config, hear: Callable[[KafkaError], None] | None = None) -> AdminClient:
    settings: dict[str, Any] = dict(config.kafka.client(socket_timeout_ms=10_000))
    if hear is not None:
        settings["error_cb"] = hear
    return AdminClient(settings, logger=LIBRARY)


def reach(config: Config) -> dict[str, int]:
    """
    Return all topics with how many partitions each has.

    Raises `ClusterError` when the cluster does not answer, with what is wrong where it is a certificate or a password.
    """
    ear = _Ear()
    admin, deadline = _admin(config, ear), time.monotonic() + ANSWER_S
    while True:
        try:
            return {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=LIST_S).topics.items()}
        except KafkaException as error:
            admin.poll(0)
            if ear.refused:
                raise ClusterError(f"Kafka at {config.kafka.bootstrap} and we: {ear.refused}") from None
            if time.monotonic() > deadline:
                raise ClusterError(f"no answer from Kafka at {config.kafka.bootstrap}: {error.args[0].str()}") from None


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
        found = reach(config)
        return [*_count_faults(config, found), *_setting_faults(config, found)]
    except KafkaException as error:
        raise ClusterError(f"no answer from Kafka at {config.kafka.bootstrap}: {error.args[0].str()}") from None
    except TimeoutError:
        raise ClusterError(f"no answer from Kafka at {config.kafka.bootstrap} within {TIMEOUT_S:g} s") from None


def settled(config: Config) -> list[str]:
    """Return what `check` finds, once brokers have had the time to hear of new topics: each answers for itself."""
    deadline = time.monotonic() + ANSWER_S
    faults = check(config)
    while any(fault.endswith(MISSING) for fault in faults) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
        faults = check(config)
    return faults


def _count_faults(config: Config, found: dict[str, int]) -> Iterator[str]:
    for topic in registry(config.channel_names):
        name, want = config.kafka.topic(topic.name), partitions(config, topic)
        if name not in found:
            yield f"topic {name} {MISSING}"
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
    return TopicIds(config)(names)


class TopicIds:
    """`topic_ids` for who asks often: over one client, since a new one each time costs a handshake each time."""

    def __init__(self, config: Config) -> None:
        """Connect when first asked."""
        self._config = config
        self._admin: AdminClient | None = None

    def __call__(self, names: Iterable[str]) -> dict[str, str]:
        """Return each topic's id; raises `ClusterError`, or `TimeoutError` where nobody answers."""
        real = {self._config.kafka.topic(name): name for name in names}
        admin = self._admin = self._admin or _admin(self._config)
        try:
            futures = admin.describe_topics(TopicCollection(list(real)), request_timeout=ANSWER_S)
            return {real[name]: str(future.result(ANSWER_S).topic_id) for name, future in futures.items()}
        except KafkaException as error:
            raise ClusterError(f"cannot describe topics: {error.args[0].str()}") from None
        finally:
            admin.poll(0)  # the library's log lines wait for it


def members(config: Config, group: str) -> dict[str, str]:
    """
    Return a consumer group's members that have a lasting name (`group.instance.id`): their member ids by name.

    Args:
        config: the deployment.
        group: the group's name without the deployment's prefix.

    """
    return {name: member for member, name in crew(config, group).items() if name}


def crew(config: Config, group: str) -> dict[str, str]:
    """
    Return the lasting name of each of a consumer group's members, "" for none, by member id; empty without a group.

    Args:
        config: the deployment.
        group: the group's name without the deployment's prefix.

    """
    name = config.kafka.group(group)
    admin = _admin(config)  # held until the answer is in, as above
    try:
        found = admin.describe_consumer_groups([name], request_timeout=ANSWER_S)[name].result(ANSWER_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return {}
        raise ClusterError(f"cannot describe group {name}: {error.args[0].str()}") from None
    return {one.member_id: one.group_instance_id or "" for one in found.members}
