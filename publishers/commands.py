"""
`python -m publishers command`: tell a channel's active publisher to do something, wherever it runs.

`enable`, `shadow` and `stop` hold until the next of them: every publisher reads the command topic from its start and
folds them, after the configuration's `mode`.  The topic keeps 7 days, what shall last belongs in the configuration.
The others are executed once: their position is committed with the records that they caused.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from publishers.watch import LIVE
from schemas.channel_records import PublisherCommand
from schemas.cluster import ClusterError, now_ms
from schemas.codec import WireError, encode
from schemas.config import ConfigError, load
from schemas.events import Headers, headers
from schemas.logs import LIBRARY
from schemas.settings import Config
from schemas.topics import publisher_command
from schemas.words import Command

SENT_WITHIN_S = 30.0
METADATA_S = 10.0
COMMANDS = tuple(Command)
"""What the publisher executes."""
BY_SKU = (Command.REPLAY, Command.DISCARD)
"""Those that one SKU may be named for; the others are the whole channel's."""
MEANINGS: Mapping[Command, str] = {
    Command.ENABLE: "make calls; until the next of the first three, at most 7 days: what shall last is its `mode`",
    Command.SHADOW: "show the difference and change nothing at the channel",
    Command.STOP: "make no call at all",
    Command.REPLAY: "try what was given up or waits on its ladder at once, with the newest levels (--sku: this one)",
    Command.DISCARD: "close the dead letters (--sku: this one)",
    Command.RECONCILE: "read all back (`python -m publishers reconcile` waits for the result and prints it)",
    Command.BRAKE_RELEASE: "let out the zeros that the brake holds",
}
"""What each does, for the command line's help."""
BATCH = 1_000
"""After how many records the client's queue is let drain."""
Advance = Callable[[int], None]
"""Called with how many steps have been done."""


class UnsentError(Exception):
    """Kafka did not take the command; nothing will happen."""


def configuration(path: Path) -> Config:
    """
    Return the configuration of a command that is carried out by a running publisher; raises `ConfigError`.

    That publisher refuses a wrong rule and goes on; nobody must be kept from stopping it by the same fault.  So faults
    in what a publisher takes up while it runs are only said.
    """
    try:
        return load(path)
    except ConfigError as fault:
        try:
            config = load(path, without=LIVE)
        except ConfigError:
            raise fault from None
        sys.stderr.write(f"{fault}\nThe publishers refuse that file and go on by the older one.\n")
        return config


def send(config: Config, channel: str, command: Command, sku: str | None, actor: str, reason: str = "") -> int:
    """Write the command's record and wait until Kafka has it; returns its time.  Raises what `send_all` raises."""
    record = PublisherCommand(command=command, sku=sku, actor=actor, reason=reason, at=now_ms())
    send_all(config, channel, [record], lambda _count: None)
    return record.at


def send_all(config: Config, channel: str, records: Iterable[PublisherCommand], advance: Advance) -> None:
    """
    Write commands in their order and wait until Kafka has them all.

    Raises `UnsentError` if it has not, `ClusterError` where their topic is not there, and `ConfigError` for words that
    fit into no record: then none of them is written.
    """
    failures: list[str] = []

    def written(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error.str())

    name, made = publisher_command(channel), [(record, _encoded(record)) for record in records]
    producer = Producer(config.kafka.producer(), logger=LIBRARY)
    _look(config, producer, config.kafka.topic(name))
    for number, (record, value) in enumerate(made, start=1):
        producer.produce(
            config.kafka.topic(name),
            key=record.sku,
            value=value,
            headers=[*_headers(name, record)],
            on_delivery=written,
        )
        advance(1)
        if number % BATCH == 0:
            producer.flush(SENT_WITHIN_S)
    if producer.flush(SENT_WITHIN_S):
        failures.append(f"no answer from Kafka at {config.kafka.bootstrap} within {SENT_WITHIN_S:g} s")
    if failures:
        raise UnsentError(f"the command was not written: {failures[0]}")


def _encoded(record: PublisherCommand) -> bytes:
    try:
        return encode(record)
    except WireError as error:
        raise ConfigError(f"the command was not written: {error}") from None


def _look(config: Config, producer: Producer, topic: str) -> None:
    """Find out at once what a write would take half a minute to fail of."""
    try:
        found = producer.list_topics(timeout=METADATA_S).topics
    except KafkaException as error:
        why = f"no answer from Kafka at {config.kafka.bootstrap}: {error.args[0].str()}"
        raise UnsentError(f"the command was not written: {why}") from None
    if topic not in found:
        raise ClusterError(f"no topic {topic} in Kafka: `python -m schemas topics --create` makes what is missing")


def _headers(name: str, record: PublisherCommand) -> Headers:
    sku = record.sku or ""
    return headers(name, f"{record.command}@{record.at}@{sku}", "/publishers/command", sku, record.at)
