"""What a deployment's file says of the Kafka cluster, and the settings of every client that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from schemas.shapes import Bytes, Pattern, Range

Short = Annotated[str, Bytes(0, 1_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """
    The cluster, and how clients talk to it.

    `prefix` stands before every topic, consumer group and transactional id, so that several deployments can share a
    cluster.  `options` are passed to librdkafka as they are (`security.protocol`, `sasl.mechanism`, ...); a value
    `file:/path` is the content of that file, and a secret has no other place here.
    """

    bootstrap: Annotated[str, Bytes(1, 10_000)]
    prefix: Annotated[str, Pattern(r"[A-Za-z0-9._-]{0,60}")] = ""
    partitions: Annotated[int, Range(1, 10_000)] = 12
    replication: Annotated[int, Range(1, 10)] = 3
    min_isr: Annotated[int, Range(1, 10)] = 2
    options: Mapping[str, Short] = field(default_factory=dict, repr=False)

    def topic(self, name: str) -> str:
        """Return a topic's name in this deployment."""
        return self.prefix + name

    def group(self, name: str) -> str:
        """Return the name of a consumer group, or of a transactional id, in this deployment."""
        return self.prefix + name

    def client(self, **more: str | float) -> dict[str, str | float]:
        """Return the librdkafka settings of any client; `more` uses `_` for `.` in the names."""
        options = {key.replace("_", "."): value for key, value in more.items()}
        return {"bootstrap.servers": self.bootstrap, **self.options, **options}

    def producer(self, **more: str | float) -> dict[str, str | float]:
        """Return the settings of a producer: nothing acknowledged before all replicas in sync have it."""
        fixed = {"acks": "all", "enable_idempotence": "true", "partitioner": "murmur2_random"}
        return self.client(**fixed, compression_type="lz4", **more)

    def consumer(self, group: str, **more: str | float) -> dict[str, str | float]:
        """Return the settings of a consumer that sees committed records only and commits by itself never."""
        fixed = {"isolation_level": "read_committed", "enable_auto_commit": "false", "auto_offset_reset": "earliest"}
        return self.client(group_id=self.group(group), allow_auto_create_topics="false", **fixed, **more)
