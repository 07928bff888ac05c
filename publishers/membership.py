"""
Who is the active publisher: the member of the channel's group that owns the one partition of its command topic.

The group only chooses; the transactional id is what keeps an old owner from calling.
"""

import asyncio
import logging
import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.settings import Config
from schemas.topics import publisher_command

POLL_S = 0.2
SESSION_MS = 6_000
"""How long a dead member keeps its place (the brokers' default allows no less)."""
COMMITTED_S = 10.0
log = logging.getLogger(__name__)


class Membership(threading.Thread):
    """Polls the group; `owned` says whether this process is the active one."""

    def __init__(self, config: Config, channel: str, wake: asyncio.Event, instance: str | None) -> None:
        """Prepare to join; with `instance` (a name of its own) a restart takes its old place back at once."""
        super().__init__(name="membership", daemon=True)
        self.owned = False
        self.failed: str | None = None
        self._topic = config.kafka.topic(publisher_command(channel))
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._ending = threading.Event()
        named = {} if instance is None else {"group_instance_id": f"publisher-{channel}-{instance}"}
        self.consumer = Consumer(
            config.kafka.consumer(
                f"publisher-{channel}",
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=SESSION_MS // 4,
                # A newcomer must not take the place of an active member that is well.
                partition_assignment_strategy="cooperative-sticky",
                **named,
            )
        )

    def run(self) -> None:
        """Take part until `close`."""
        try:
            self.consumer.subscribe([self._topic], on_assign=self._won, on_revoke=self._lost, on_lost=self._lost)
            while not self._ending.is_set():
                # Commands are read with the tables; what comes here only keeps the membership alive.
                self.consumer.poll(POLL_S)
        except KafkaException as error:
            self.failed = error.args[0].str()
        finally:
            self.consumer.close()
            self._set(owned=False)

    def _won(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        if places:
            self._set(owned=True)

    def _lost(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        if places:
            self._set(owned=False)

    def _set(self, *, owned: bool) -> None:
        self.owned = owned
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def executed(self) -> int:
        """Return the offset below which all commands have been executed (blocking)."""
        (position,) = self.consumer.committed([TopicPartition(self._topic, 0)], COMMITTED_S)
        return max(0, position.offset)

    def close(self) -> None:
        """Leave the group and wait for it (blocking)."""
        self._ending.set()
        if self.is_alive():
            self.join()
