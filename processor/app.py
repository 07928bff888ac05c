"""The Faust app: one agent over both source topics, two tables whose changelogs are the public topics."""

from typing import Any

import faust
from faust.app.base import BootStrategy
from yarl import URL

from processor.deck import Deck
from processor.faust_tables import LaneTable, LaneTables
from processor.lanes import Lanes
from processor.sources import Source
from processor.transport import Transport, Whole, sources_by_topic
from schemas.settings import Config
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

HEARTBEATS = 6
"""Heartbeats in a session: some may be lost."""
HEARTBEAT_S = 1.0
"""At most this between two: it is by a heartbeat's answer that a member learns of a rebalance."""


class NoProducer(BootStrategy):
    """Starts no producer of Faust's and no web server: lanes write, and `processor.web` serves."""

    enable_kafka_producer = False
    enable_web = False


class App(faust.App):
    """A worker's app; `deck` and `lanes` are set before it starts."""

    BootStrategy = NoProducer
    deck: Deck
    lanes: Lanes
    source_of: dict[str, Source]

    async def on_first_start(self) -> None:
        """Make no folders: stores make their own."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)


def make(config: Config, deck: Deck, lanes: Lanes, instance: str) -> App:
    """
    Return the app of one worker.

    Args:
        config: the deployment.
        deck: the worker's fixed parts.
        lanes: what the agent hands its batches to.
        instance: this worker's lasting name (static membership): started again under the same name, it has its
            partitions back at once; "" for none.

    """
    partitions, session_s = config.kafka.partitions, config.processor.session_timeout_ms / 1000
    app = App(
        config.kafka.group("processor"),
        broker=[URL(f"kafka://{server}") for server in config.kafka.bootstrap.split(",")],
        store=URL("memory://"),
        canonical_url=URL(f"http://{instance or 'processor'}"),
        consumer_group_instance_id=instance or None,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=config.processor.standbys,
        stream_wait_empty=False,
        web_enabled=False,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=min(session_s / HEARTBEATS, HEARTBEAT_S),
        broker_request_timeout=max(120.0, session_s),
        TableManager=LaneTables,
        Table=LaneTable,
    )
    app.deck, app.lanes = deck, lanes
    app.source_of = sources_by_topic(config.kafka.topic)
    for name in (STOCK_LEVEL, ORDER_OUTCOME):
        app.Table(config.kafka.topic(name), partitions=partitions, key_type=bytes, value_type=bytes)
    source = app.topic(*app.source_of, schema=Whole(), partitions=partitions)
    app.agent(source, name="stock")(_agent(lanes))
    return app


def _agent(lanes: Lanes) -> Any:
    async def stock(stream: Any) -> None:
        """Hand each share to its lane, which acknowledges it by committing."""
        async for event in stream.noack().events():
            lanes.deliver(event.value)

    return stock
