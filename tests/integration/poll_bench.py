"""One polled channel's deployment: its stand-in, its poller, and what Kafka holds."""

import sys
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from schemas import codec
from schemas.channel_records import Wake
from schemas.config import load
from tests.integration.outside import FAST, books, control, records

TOKENS = {"shopify": "shpat_secret", "woocommerce": "ck_one:cs_two"}
ENV = {
    "LASTUNIT_SHOP_ACCESS_TOKEN": "shpat_secret",
    "LASTUNIT_SHOP_CONSUMER_KEY": "ck_one",
    "LASTUNIT_SHOP_CONSUMER_SECRET": "cs_two",
    "LASTUNIT_STOCK_TOKENS": "token",
}
Lines = dict[tuple[str, str], int]


class Bench:
    """One channel's deployment: its stand-in, its poller, and what Kafka holds."""

    def __init__(self, path: Path, base_url: str, service: Any, name: str = "shop") -> None:
        self.path, self.base_url, self.service, self.name = path, base_url, service, name
        self.config = load(path)

    def control(self, word: str, **wish: Any) -> Any:
        """Drive the stand-in."""
        return control(self.base_url, word, **wish)

    def truth(self) -> Lines:
        """Return the units of every line as the stand-in itself says."""
        lines = books(self.base_url)["lines"]
        return {(f"{self.name}_{line['order_id']}_{line['line_id']}", line["sku"]): line["qty"] for line in lines}

    def sell(self, number: int, lines: int = 1, sku: str = "TEE") -> None:
        """Let shoppers place so many orders."""
        for _ in range(number):
            sold = [{"sku": f"{sku}-{i}", "qty": 1 + i % 3} for i in range(lines)]
            assert self.control("sell", lines=sold, respect_levels=False)["result"] == "sold"

    def poller(self, *argv: str, ready: bool = True) -> Any:
        """Start the poller."""
        command = [sys.executable, "-m", "ingest", "poll", "shop", "--config", str(self.path), *argv]
        return self.service("poll", *command, env=ENV, **({} if ready else {"ready": None}))

    def once(self, *argv: str) -> int:
        """Read one time; returns the exit code."""
        child = self.poller("--once", *argv, ready=False)
        return int(child.wait(60))

    def records(self, topic: str) -> list[dict[str, Any]]:
        """Return every record of a topic, in each partition's order."""
        return records(self.config, topic)

    def newest(self) -> Lines:
        """Return the newest state of every line in `order.confirmed`, as its readers decide what is newest."""
        states: dict[tuple[str, str], tuple[int, int, int]] = {}
        for record in self.records("order.confirmed"):
            if record["channel"] != self.name:
                continue
            key, state = (record["orderId"], record["sku"]), (record["revision"], record["seenAt"], record["qty"])
            states[key] = max(states.get(key, state), state)
        return {key: state[2] for key, state in states.items()}

    def wake(self, *orders: str, channel: str = "shop") -> None:
        """Do as `ingest` does for webhooks that name orders and do not say what they hold."""
        producer = Producer(self.config.kafka.producer())
        for order in orders:
            wake = Wake(channel=channel, order=order, at=int(time.time() * 1000))
            producer.produce(self.config.kafka.topic("ingest.wake"), codec.encode(wake), channel.encode())
        assert producer.flush(20) == 0

    def watermark(self) -> int:
        """Return the channel's watermark, milliseconds."""
        return int(self.records("ingest.watermark")[-1]["through"])


def settings(kind: str, base_url: str, since: int, name: str = "shop") -> dict[str, object]:
    return {
        "name": name,
        "kind": kind,
        "since": since,
        "base_url": base_url,
        "orders_limit": FAST,
        "poll_every_ms": 300,
    }
