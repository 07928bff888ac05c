"""Everything that runs: broker, stand-ins of every kind, and the product as it is deployed."""

import csv
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compose.fakes.server import KINDS
from compose.runner.child import Child
from compose.runner.deployment import create_topics, write_config
from compose.runner.errors import CannotRun
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import HOME
from compose.runner.stack import Stack, stack
from tests.chaos.facts import FACTS, Account
from tests.chaos.shops import open_account

PARTITIONS = 4
SINCE_BEFORE_MS = 3_600_000
POLL_EVERY_MS = 1_500
SEARCH_LAG_MS = 20_000
FAST = ({"calls": 1_000, "per_ms": 1_000, "burst": 1_000},)
COMMAND_S = 60.0


class NotDeployed(CannotRun):
    """A step of the set-up failed; the message has its output."""


@dataclass(slots=True, kw_only=True)
class World:
    """What runs; `left_out` are kinds that have a stand-in and no facts here."""

    stack: Stack
    accounts: Sequence[Account]
    config: Path
    environment: Mapping[str, str]
    port: int
    since: int
    left_out: Sequence[str]
    mutant: str = ""
    services: dict[str, Child] = field(default_factory=dict)

    def secrets_file(self, account: Account) -> Path:
        """Return where the services find an account's webhook secrets."""
        return self.stack.data / "secrets" / account.name

    def give_secrets(self, account: Account, *values: str) -> None:
        """Put webhook secrets into force, as an operator does: the file is replaced, nothing is restarted."""
        path = self.secrets_file(account)
        path.parent.mkdir(exist_ok=True)
        half = path.with_suffix(".new")
        half.write_text("\n".join(values), encoding="utf-8")
        half.rename(path)

    def import_rows(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Import a CSV file with these rows; raises `NotDeployed`."""
        path = self.stack.data / name
        columns = dict.fromkeys(column for row in rows for column in row)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*columns], restval="")
            writer.writeheader()
            writer.writerows(rows)
        self._run("ingest", "import", str(path), "--apply", "--json")

    def _run(self, *command: str) -> None:
        argv = [sys.executable, "-m", *command, "--config", str(self.config)]
        env = {**os.environ, **self.environment}
        done = subprocess.run(argv, capture_output=True, text=True, cwd=HOME, env=env, timeout=COMMAND_S, check=False)
        if done.returncode != 0:
            raise NotDeployed(f"`python -m {' '.join(command)}` failed:\n{done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start the product, all at once."""
        ingest = f"tests.chaos.mutant_{self.mutant}" if self.mutant else "ingest"
        commands = {
            "processor": ["processor", "--instance", "chaos"],
            "ingest": [ingest, "serve", "--port", str(self.port)],
            "remap": [ingest, "remap"],
        }
        for account in self.accounts:
            facts = FACTS[account.kind]
            wanted = {"poll": facts.polls, "queue": facts.queue}
            for name in [name for name, needed in wanted.items() if needed]:
                commands[f"{name}-{account.name}"] = [ingest, name, account.name]
        with ThreadPoolExecutor(len(commands)) as pool:
            self.services.update(zip(commands, pool.map(self._start, commands, commands.values()), strict=True))

    def _start(self, name: str, command: Sequence[str]) -> Child:
        argv = [sys.executable, "-m", *command, "--config", str(self.config)]
        return self.stack.supervisor.start(name, argv, env=self.environment)

    def kill(self, name: str) -> None:
        """End a service with SIGKILL, and start it again as a cluster does."""
        child = self.services[name]
        child.kill(signal.SIGKILL)
        child.wait()
        time.sleep(0.5)
        child.start()


@contextmanager
def world(seed: str, only: Sequence[str], mutant: str) -> Iterator[World]:
    """Run everything but the product while the block runs; its data stays only if `supervisor.keep` is called."""
    with stack(with_postgres=False) as running:
        wanted = [kind for kind in sorted(KINDS) if not only or kind in only]
        kinds = [kind for kind in wanted if kind in FACTS]
        (port,) = free_ports(1)
        ingest = f"http://{LOOPBACK}:{port}"
        with ThreadPoolExecutor(len(kinds)) as pool:
            accounts = [*pool.map(lambda kind: open_account(running.supervisor, kind, seed, ingest), kinds)]
        since = time.time_ns() // 1_000_000 - SINCE_BEFORE_MS
        config = write_config(
            running.data / "lastunit.toml",
            bootstrap=running.kafka.bootstrap,
            channels=[_settings(account, since) for account in accounts],
            sections={"kafka": {"partitions": PARTITIONS}, "processor": {"session_timeout_ms": 6_000}},
        )
        create_topics(config)
        made = World(
            stack=running,
            accounts=accounts,
            config=config,
            environment={},
            port=port,
            since=since,
            left_out=[kind for kind in wanted if kind not in FACTS],
            mutant=mutant,
        )
        made.environment = _environment(made)
        for account in accounts:
            made.give_secrets(account, account.webhook_secret)
        try:
            yield made
        except BaseException:
            running.supervisor.keep()
            sys.stderr.write(f"data and logs: {running.data}\n")
            raise


def _settings(account: Account, since: int) -> dict[str, Any]:
    return {
        "name": account.name,
        "kind": account.kind,
        "since": since,
        "base_url": account.url,
        "poll_every_ms": POLL_EVERY_MS,
        "search_lag_ms": SEARCH_LAG_MS,
        "orders_limit": FAST,
        **FACTS[account.kind].settings(account),
    }


def _environment(made: World) -> dict[str, str]:
    given = {"LASTUNIT_STOCK_TOKENS": secrets.token_hex(16)}
    for account in made.accounts:
        prefix = f"LASTUNIT_{account.name.upper().replace('-', '_')}_"
        given[f"{prefix}WEBHOOK_SECRETS_FILE"] = str(made.secrets_file(account))
        given |= {prefix + name: value for name, value in FACTS[account.kind].secrets(account).items()}
    return given
