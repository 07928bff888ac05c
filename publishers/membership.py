"""
Who is the active publisher: the member of the channel's group that owns the one partition of its command topic.

The group only chooses; the transactional id is what keeps an old owner from calling.
"""

import asyncio
import logging
import threading

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.logs import LIBRARY
from schemas.settings import Config
from schemas.topics import publisher_command

POLL_S = 0.2
SESSION_MS = 6_000
"""How long a dead member keeps its place (the brokers' default allows no less)."""
COMMITTED_S = 10.0
log = logging.getLogger(__name__)


def group(channel: str) -> str:
    """Return the name of the group of a channel's publishers, without the deployment's prefix."""
    return f"publisher-{channel}"


class Membership(threading.Thread):
    """Polls the group; `owned` says whether this process is the active one."""

    def __init__(self, config: Config, channel: str, wake: asyncio.Event, instance: str | None) -> None:
        """Prepare to join; with `instance` (a name of its own) a restart takes its old place back at once."""
        super().__init__(name="membership", daemon=True)
        self.owned = False
        self.failed: str | None = None
        self.executed = 0
        """The offset below which all commands have been executed, as of the assignment."""
        self.group: object = None
        """What a transaction that marks commands as executed must show of our membership."""
        self._topic = config.kafka.topic(publisher_command(channel))
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._ending = threading.Event()
        named = {} if instance is None else {"group_instance_id": f"publisher-{channel}-{instance}"}
        self._consumer = Consumer(
            config.kafka.consumer(
                group(channel),
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=SESSION_MS // 4,
                # A newcomer must not take the place of an active member that is well.
                partition_assignment_strategy="cooperative-sticky",
                **named,
            ),
            logger=LIBRARY,
        )

    def run(self) -> None:
        """Take part until `close`."""
        try:
            self._consumer.subscribe([self._topic], on_revoke=self._lost, on_lost=self._lost)
            while not self._ending.is_set():
                # Commands are read with the tables; what comes here only keeps the membership alive.
                self._note(self._consumer.poll(POLL_S))
                self._look()
        except KafkaException as error:
            self.failed = error.args[0].str()
        except Exception as error:  # whatever it was: a thread that died silently would stand by for ever
            log.exception("the membership has ended")
            self.failed = repr(error)
        finally:
            self._consumer.close()
            self._set(owned=False)

    def _note(self, message: Message | None) -> None:
        """Say what keeps us out of the group; raises where the client itself gives up (another has our name)."""
        error = None if message is None else message.error()
        if error is None:
            return
        if error.fatal():
            raise KafkaException(error)
        log.warning("the group does not take us in, librdkafka goes on: %s", error.str())

    def _look(self) -> None:
        """Follow the assignment.  In this thread: calls from another one wait for ever behind `poll` (2.16)."""
        won = bool(self._consumer.assignment())
        if won:
            self.group = self._consumer.consumer_group_metadata()
        if won and not self.owned:
            (position,) = self._consumer.committed([TopicPartition(self._topic, 0)], COMMITTED_S)
            self.executed = max(0, position.offset)
        if won != self.owned:
            self._set(owned=won)

    def _lost(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        if places:
            self._set(owned=False)

    def _set(self, *, owned: bool) -> None:
        self.owned = owned
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def close(self) -> None:
        """Leave the group and wait for it (blocking)."""
        self._ending.set()
        if self.is_alive():
            self.join()
