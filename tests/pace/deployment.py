"""The whole product beside a stand-in account of each kind: what `tests.pace.run` measures."""

import csv
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from compose.runner.child import Child
from compose.runner.deployment import create_topics, write_config
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import HOME
from compose.runner.stack import Stack, stack
from tests.chaos.facts import FACTS, Account
from tests.chaos.shops import Shop, open_account

PARTITIONS = 4
COMMAND_S, READ_S = 60.0, 10.0
SHOPIFY_LOCATION = "gid://shopify/Location/24826418"


@dataclass(slots=True, kw_only=True)
class Deployment:
    """What runs."""

    stack: Stack
    accounts: Sequence[Account]
    config: Path
    environment: Mapping[str, str]
    port: int
    services: dict[str, Child] = field(default_factory=dict)

    def open(self, shops: Sequence[Shop], skus: Sequence[str], stock: int) -> None:
        """Map what the shops list, count the stock, and start the product."""
        rows = [
            {"channel": shop.account.name, "sku": sku, **shop.facts.row(shop.shelves[sku])}
            for shop in shops
            for sku in skus
        ]
        self._import("listings.csv", rows)
        self._import("stock.csv", [{"sku": sku, "qty": stock} for sku in skus])
        self._start()

    def _import(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        path = self.stack.data / name
        columns = dict.fromkeys(column for row in rows for column in row)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*columns], restval="")
            writer.writeheader()
            writer.writerows(rows)
        argv = [sys.executable, "-m", "ingest", "import", str(path), "--apply", "--json", "--config", str(self.config)]
        env = {**os.environ, **self.environment}
        subprocess.run(argv, check=True, capture_output=True, cwd=HOME, env=env, timeout=COMMAND_S)

    def _start(self) -> None:
        commands = {"processor": ["processor"], "ingest": ["ingest", "serve", "--port", str(self.port)]}
        for account in self.accounts:
            commands[f"poll-{account.name}"] = ["ingest", "poll", account.name]
            commands[f"publisher-{account.name}"] = ["publishers", "run", account.name]
            if FACTS[account.kind].queue:
                commands[f"queue-{account.name}"] = ["ingest", "queue", account.name]
        with ThreadPoolExecutor(len(commands)) as pool:
            self.services.update(zip(commands, pool.map(self._service, commands, commands.values()), strict=True))

    def _service(self, name: str, command: Sequence[str]) -> Child:
        argv = [sys.executable, "-m", *command, "--config", str(self.config)]
        return self.stack.supervisor.start(name, argv, env=self.environment)

    def records(self, topic: str) -> list[dict[str, Any]]:
        """Return all committed records of a topic as any stranger reads them: partition by partition, plain JSON."""
        settings = {
            "bootstrap.servers": self.stack.kafka.bootstrap,
            "group.id": "pace-oracle",
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",
            "enable.partition.eof": "true",
        }
        consumer, found, ended = Consumer(settings), list[dict[str, Any]](), 0
        parts = consumer.list_topics(topic, timeout=READ_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in parts])
        while ended < len(parts):
            message = consumer.poll(READ_S)
            assert message is not None, f"{topic}: no end within {READ_S:g} s"
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                ended += 1
            else:
                found.append(json.loads(message.value() or b"{}"))
        consumer.close()
        return found


@contextmanager
def deployed(kinds: Sequence[str], seed: str) -> Iterator[Deployment]:
    """Run everything but the product while the block runs; a run that fails keeps its data."""
    with stack(with_postgres=False) as running:
        (port,) = free_ports(1)
        ingest = f"http://{LOOPBACK}:{port}"
        with ThreadPoolExecutor(len(kinds)) as pool:
            accounts = [*pool.map(lambda kind: open_account(running.supervisor, kind, seed, ingest), kinds)]
        config = write_config(
            running.data / "lastunit.toml",
            bootstrap=running.kafka.bootstrap,
            channels=[_settings(account) for account in accounts],
            sections={"kafka": {"partitions": PARTITIONS}, "processor": {"session_timeout_ms": 6_000}},
        )
        create_topics(config)
        try:
            yield Deployment(
                stack=running, accounts=accounts, config=config, environment=_environment(accounts), port=port
            )
        except BaseException:
            running.supervisor.keep()
            sys.stderr.write(f"data and logs: {running.data}\n")
            raise


def _settings(account: Account) -> dict[str, Any]:
    more = {"shopify": {"location": SHOPIFY_LOCATION}, "amazon": {"auth_url": f"{account.url}/auth/o2/token"}}
    return {
        "name": account.name,
        "kind": account.kind,
        "since": time.time_ns() // 1_000_000,
        "base_url": account.url,
        "mode": "push",
        **more.get(account.kind, {}),
        **FACTS[account.kind].settings(account),
    }


def _environment(accounts: Sequence[Account]) -> dict[str, str]:
    given = {"LASTUNIT_STOCK_TOKENS": secrets.token_hex(16)}
    for account in accounts:
        prefix = f"LASTUNIT_{account.name.upper().replace('-', '_')}_"
        given[f"{prefix}WEBHOOK_SECRETS"] = account.webhook_secret
        given |= {prefix + name: value for name, value in FACTS[account.kind].secrets(account).items()}
    return given
