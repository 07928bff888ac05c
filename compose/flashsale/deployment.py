"""Everything that runs for the rehearsal: broker, database, shops and services, as on a cluster."""

import csv
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from compose.flashsale.shops import KINDS, Account, open_account
from compose.runner.child import Child
from compose.runner.deployment import create_topics, write_config
from compose.runner.errors import CannotRun
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import HOME
from compose.runner.stack import Stack

PARTITIONS = 4
POLL_EVERY_MS = 3_000
HOUR_MS = 3_600_000
IMPORT_S = 60.0
LISTING_COLUMNS = ("channel", "listing_id", "sku", "variant", "inventory_item", "product", "variation")


class NotDeployed(CannotRun):
    """A step of the set-up failed; the message has its output."""


@dataclass(slots=True, kw_only=True)
class Deployment:
    """The running system."""

    stack: Stack
    accounts: tuple[Account, ...]
    config: Path
    environment: Mapping[str, str]
    ingest_url: str
    services: dict[str, Child] = field(default_factory=dict)

    def import_file(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Write a CSV file and import it as an operator would."""
        path = self.stack.data / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        self.run("ingest", "import", str(path), "--apply", "--json")

    def run(self, *command: str) -> str:
        """Run one of our commands to its end and return what it printed; raises `NotDeployed` when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", *command, "--config", str(self.config)],
            capture_output=True,
            text=True,
            cwd=HOME,
            env={**os.environ, **self.environment},
            timeout=IMPORT_S,
            check=False,
        )
        if done.returncode != 0:
            raise NotDeployed(f"`python -m {' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start_services(self) -> None:
        """Start the three services, one publisher and one poller a channel, and the ledger; all at once."""
        port = self.ingest_url.rpartition(":")[2]
        commands = {
            "processor": ["processor"],
            "ingest": ["ingest", "serve", "--port", port],
            "ledger": ["publishers.ledger"],
            # A name of its own, as in a StatefulSet: who is started again takes its old place at once.
            **{f"publisher-{a.name}": ["publishers", "run", a.name, "--instance", "0"] for a in self.accounts},
            **{f"poller-{a.name}": ["ingest", "poll", a.name] for a in self.accounts},
        }
        with ThreadPoolExecutor(max_workers=len(commands)) as pool:
            self.services.update(zip(commands, pool.map(self._start, commands, commands.values()), strict=True))

    def _start(self, name: str, command: list[str]) -> Child:
        argv = [sys.executable, "-m", *command, "--config", str(self.config)]
        return self.stack.supervisor.start(name, argv, env=self.environment)

    def matching(self, name: str) -> list[Child]:
        """Return the services called `name`, or of that sort (`publisher` is every publisher); at least one."""
        if found := [c for n, c in self.services.items() if n == name or n.startswith(f"{name}-")]:
            return found
        raise NotDeployed(f"there is no service {name!r}; there are {', '.join(self.services)}")


def deploy(stack: Stack, channels: Sequence[str], seed: int) -> Deployment:
    """Open the shops, write the configuration and create the topics; the services are not started yet."""
    accounts = tuple(
        open_account(stack.supervisor, name, KINDS[number % len(KINDS)], seed + number)
        for number, name in enumerate(channels)
    )
    since = time.time_ns() // 1_000_000 - HOUR_MS
    config = write_config(
        stack.data / "lastunit.toml",
        bootstrap=stack.kafka.bootstrap,
        channels=[account.settings(since, POLL_EVERY_MS) for account in accounts],
        sections={"kafka": {"partitions": PARTITIONS}},
    )
    create_topics(config)
    (port,) = free_ports(1)
    return Deployment(
        stack=stack,
        accounts=accounts,
        config=config,
        environment=_environment(stack, accounts),
        ingest_url=f"http://{LOOPBACK}:{port}",
    )


def _environment(stack: Stack, accounts: Iterable[Account]) -> dict[str, str]:
    if stack.postgres is None:
        raise NotDeployed("the rehearsal needs PostgreSQL")
    shared = {"LASTUNIT_POSTGRES_DSN": stack.postgres.dsn, "LASTUNIT_STOCK_TOKENS": secrets.token_hex(16)}
    return {name: value for part in (shared, *(a.environment() for a in accounts)) for name, value in part.items()}
