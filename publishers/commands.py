"""
`python -m publishers command`: tell a channel's active publisher to do something, wherever it runs.

`enable`, `shadow` and `stop` hold until the next of them: every publisher reads the command topic from its start and
folds them, after the configuration's `mode`.  The topic keeps 7 days, what shall last belongs in the configuration.
A `replay` is executed once: its position is committed with the records that it caused.
"""

from confluent_kafka import KafkaError, Message, Producer

from schemas.channel_records import PublisherCommand
from schemas.cluster import now_ms
from schemas.codec import encode
from schemas.events import headers
from schemas.logs import LIBRARY
from schemas.settings import Config
from schemas.topics import publisher_command
from schemas.words import Command

SENT_WITHIN_S = 30.0
COMMANDS = (Command.REPLAY, Command.ENABLE, Command.SHADOW, Command.STOP)
"""What the publisher executes."""


class UnsentError(Exception):
    """Kafka did not take the command; nothing will happen."""


def send(config: Config, channel: str, command: Command, sku: str | None, actor: str, reason: str = "") -> int:
    """Write the command's record and wait until Kafka has it; returns its time.  Raises `UnsentError` if it has not."""
    record = PublisherCommand(command=command, sku=sku, actor=actor, reason=reason, at=now_ms())
    failures: list[str] = []

    def written(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error.str())

    name = publisher_command(channel)
    producer = Producer(config.kafka.producer(), logger=LIBRARY)
    producer.produce(
        config.kafka.topic(name),
        key=sku,
        value=encode(record),
        headers=[*headers(name, f"{command}@{record.at}", "/publishers/command", sku or "", record.at)],
        on_delivery=written,
    )
    if producer.flush(SENT_WITHIN_S):
        failures.append(f"no answer within {SENT_WITHIN_S:g} s")
    if failures:
        raise UnsentError(f"the command was not written: {failures[0]}")
    return record.at
